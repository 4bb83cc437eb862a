"""Text recognition: a CTC decoder over the steps of one line of text."""

from firmware_app import arrays, letterbox, wire
from firmware_app.errors import TaskError
from firmware_app.package import resolve
from firmware_app.single_model import SingleModelTask, need, shapes

_MAX_DICTIONARY = 262144  # bytes


def read_dictionary(settings, package, classes: int):
    """Return (characters, blank): the text of each class and the class that stands for none; TaskError.

    blank `last`, as the platform has it: characters first, blank behind them. blank `first`
    (PaddleOCR): blank, characters, and where one class is left, a space.
    """
    path = settings["dictionary"]
    path = resolve(path) if path else package.dictionary_path
    if not path:
        raise TaskError("%s: expected a dictionary dict.txt beside the kmodel, found none" % package.folder)
    try:
        with open(path, "rb") as file:
            lines = str(file.read(_MAX_DICTIONARY), "utf-8").split("\n")
    except OSError:
        raise TaskError("dictionary: expected the file %s, found none" % path)
    except UnicodeError:
        raise TaskError("dictionary: %s: expected UTF-8 text" % path)
    lines = [line[:-1] if line.endswith("\r") else line for line in lines]
    if lines and not lines[-1]:
        lines.pop()
    if settings["blank"] == "first":
        if len(lines) + 2 == classes:
            lines.append(" ")
        lines.insert(0, "")
        blank = 0
        expected = classes - 1
    else:
        lines.append("")
        blank = len(lines) - 1
        expected = classes - 1
    if len(lines) != classes:
        raise TaskError(
            "dictionary: %s: expected %d characters for a recogniser of %d classes, found %d"
            % (path, expected, classes, len(lines) - 1)
        )
    return lines, blank


class OcrRecognition(SingleModelTask):
    """The text of a picture that shows one line of it."""

    kind = wire.OCR_RECOGNITION
    pad_value = 0

    @classmethod
    def check(cls, settings, packages) -> None:
        """One output [1, steps, classes], and a dictionary of that many classes."""
        package = packages[0]
        found = shapes(package)
        if len(found) != 1 or len(found[0]) != 3 or found[0][0] != 1:
            raise need(package, "model_type", "one kmodel output [1, steps, classes]", found)
        package.characters, package.blank = read_dictionary(settings, package, found[0][2])

    def pads(self, width: int, height: int):
        """Return the letterbox, the picture at the top left."""
        pads = letterbox.vendor_corner_pads if self.settings["vendor_compatible"] else letterbox.corner_pads
        return pads(width, height, self.package.img_size[0], self.package.img_size[1])

    def read(self, outputs: list):
        """Return (text, score): score is the mean probability of its characters, 0 for no text."""
        indices, values, table = arrays.steps(outputs[0])
        blank = self.package.blank
        characters = self.package.characters
        text = []
        total = 0.0
        before = -1
        probabilities = None
        for step in range(len(indices)):
            index = int(indices[step])
            if index != blank and index != before:
                value = float(values[step])
                if probabilities is None:
                    probabilities = 0.0 <= value <= 1.001 and abs(arrays.row_sum(table, step) - 1) < 0.01
                total += value if probabilities else arrays.row_softmax_at(table, step, value)
                text.append(characters[index])
            before = index
        return "".join(text), total / len(text) if text else 0.0

    def decode(self, outputs: list, plan) -> list:
        """Return [rows]: one row [text, score16, nil], none where nothing is read."""
        text, score = self.read(outputs)
        return [[[text, int(score * 65535 + 0.5), None]] if text else []]
