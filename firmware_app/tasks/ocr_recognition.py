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

    def read(self, tensors: list) -> list:
        """Return (text, score) for each of the model's outputs: arrays.most_together() of them, or one.

        The score is the mean probability of the characters, 0 for no text (b""). The text is UTF-8: to
        make a string, MicroPython compares it with all names that it knows.
        """
        rows, classes, table, steps = arrays.characters(tensors, self._blank)
        if not rows:
            return [(b"", 0.0)] * len(tensors)
        letters = self._letters
        try:
            read = [letters[index] for index in classes]
        except KeyError:
            self._learn(classes)
            read = [letters[index] for index in classes]
        chosen = arrays.Rows(table, rows, classes)
        values = chosen.highest
        softmax = None
        rows = rows + [steps * len(tensors)]
        found: list = []
        begin = end = limit = 0
        for _ in tensors:
            limit += steps
            while rows[end] < limit:
                end += 1
            if begin == end:
                found.append((b"", 0.0))
                continue
            scores = values
            if not (0.0 <= values[begin] <= 1.001 and abs(chosen.sum(begin) - 1) < 0.01):
                if softmax is None:
                    softmax = chosen.softmax()
                scores = softmax
            score = sum(scores[begin:end]) / (end - begin)
            found.append((b"".join(read[begin:end]), score))
            begin = end
        return found

    def _learn(self, classes: list) -> None:
        """Keep the letters of these classes."""
        characters = self.package.characters or []
        for index in classes:
            at = index - self._shift
            letter = characters[at] if at < len(characters) else " "
            self._letters[index] = letter.encode()

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [rows]: one row [text, score16, nil], none where nothing is read."""
        text, score = self.read(outputs[:1])[0]
        return [[[Text(text), score16(score), None]] if text else []]
