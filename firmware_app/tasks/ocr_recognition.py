"""Text recognition: a CTC decoder over the steps of one line of text."""

from firmware_app.board import arrays
from firmware_app.package import letterbox
from firmware_app.tasks.single_model import SingleModelTask, score16
from firmware_app.wire import messages
from firmware_app.wire.mpack import Text

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan


class OcrRecognition(SingleModelTask):
    """The text of a picture that shows one line of it."""

    result_type = messages.OCR_RECOGNITION

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        # Class 0 is the blank and a class more than there are characters a space (PaddleOCR), or
        # the blank is the class after all characters (the platform).
        first = self.package.blank_first
        self._blank = 0 if first else len(self.package.characters or [])
        self._shift = 1 if first else 0
        self._letters: "dict[int, bytes]" = {}  # of the classes that were read so far

    def pad_value(self, settings: dict) -> int:
        """Return what lies beside the text: black, or grey, as PaddleOCR's models were trained."""
        return 128 if self.package.blank_first and not settings["vendor_compatible"] else 0

    def pads(self, settings: dict, width: int, height: int) -> tuple:
        """Return the letterbox, the picture at the top left."""
        pads = (
            letterbox.vendor_corner_pads if settings["vendor_compatible"] else letterbox.corner_pads
        )
        return pads(width, height, self.package.img_size[0], self.package.img_size[1])

    def read(self, outputs: list) -> tuple:
        """Return (text, score): score is the mean probability of its characters, 0 for no text (b"").

        The text is UTF-8: to make a string, MicroPython compares it with all names that it knows.
        """
        indices, values, table = arrays.steps(outputs[0])
        blank = self._blank
        read = []
        steps = []  # of the characters
        before = blank
        step = -1
        for index in indices:
            step += 1
            if index != before:
                before = index
                if index != blank:
                    steps.append(step)
                    read.append(index)
        if not read:
            return b"", 0.0
        letters = self._letters
        try:
            text = b"".join([letters[index] for index in read])
        except KeyError:
            self._learn(read)
            text = b"".join([letters[index] for index in read])
        value = values[steps[0]]
        if 0.0 <= value <= 1.001 and abs(arrays.row_sum(table, steps[0]) - 1) < 0.01:
            scores = [values[step] for step in steps]
        else:
            scores = arrays.softmax_at(table, steps, values)
        return text, sum(scores) / len(scores)

    def _learn(self, classes: list) -> None:
        """Keep the letters of these classes."""
        characters = self.package.characters or []
        for index in classes:
            at = index - self._shift
            letter = characters[at] if at < len(characters) else " "
            self._letters[index] = letter.encode()

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [rows]: one row [text, score16, nil], none where nothing is read."""
        text, score = self.read(outputs)
        return [[[Text(text), score16(score), None]] if text else []]
