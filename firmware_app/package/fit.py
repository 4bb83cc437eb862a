"""Whether a kmodel's inputs and outputs are what its package and task need.

Checked before inference: the native decoders check nothing and corrupt memory.
"""

from firmware_app.package import yolo
from firmware_app.package.deploy_fields import PackageError
from firmware_app.package.kmodel import Kmodel, Tensor
from firmware_app.package.reader import Package
from firmware_app.settings.task_fields import LABELLED

STRIDES = (8, 16, 32)
MAX_CLASSES = 255  # of a class map: one byte of each run
MAX_LABELS = 30000  # bytes of all labels: they travel in one message (wire/messages.py)
_READ = ("float32", "uint8", "int8", "uint16", "int16")  # what ulab's arrays hold
_MAX_DIMS = 4  # ulab's
_HEADER = 3  # bytes of a text in a message, besides its own


def check(
    package: Package,
    kmodel: Kmodel,
    labels: list[str] | None,
    characters: int | None = None,
    blank: str | None = None,
) -> None:
    """Raise PackageError where kmodel cannot serve the package's task.

    labels: those in use (settings or package); characters: length of the recogniser's
    dictionary; blank: the setting of that name.
    """
    fit = _Fit(package, kmodel)
    fit.check_input()
    fit.check_outputs()
    count = _labels(fit, labels)
    task = package.task
    if task in yolo.OBJECT_TASKS and (task != "detection" or package.family is not None):
        fit.check_yolo(count)
    elif task == "detection":
        fit.check_detection(count)
    elif task == "segmentation":
        fit.check_segmentation(count)
    elif task == "ocr_detection":
        fit.check_text_map()
    elif task == "ocr_recognition":
        fit.check_recogniser(characters, blank)
    elif task == "metric_learning":
        fit.check_vector("an embedding")
    else:
        if package.family is not None:
            fit.check_yolo_classifier(count)
        scores = fit.check_vector("a score for each label")
        # Two classes may come as one sigmoid output.
        single = task == "classification" and scores == 1 and count == 2
        if scores != count and not single:
            raise fit.labels_error(scores, count)


def likely_task(package: Package, kmodel: Kmodel) -> str:
    """Return the package's task, put right where the kmodel's output shows that it is another.

    The platform's networks can2 and the like serve several tasks, and their packages do not say
    which; one without model_type and threshold may be of either.
    """
    if package.family is not None:
        if package.task_said:
            return package.task
        layout = yolo.look(kmodel.outputs, _size(package, kmodel))
        labels = len(package.categories) if package.categories is not None else None
        return (yolo.likely_task(layout, labels) if layout else None) or package.task
    shape = kmodel.outputs[0].shape if len(kmodel.outputs) == 1 else ()
    width, height = package.img_size
    if package.task == "classification" and shape[:3] == (1, height, width) and len(shape) == 4:
        return "segmentation"
    if package.task == "segmentation" and len(shape) == 2:
        return "classification"
    return package.task


def _size(package: Package, kmodel: Kmodel) -> tuple[int, int]:
    """Return (width, height) of the input, the kmodel's where the package says none."""
    if package.img_size[0]:
        return package.img_size
    shape = kmodel.inputs[0].shape if kmodel.inputs else ()
    return (shape[3], shape[2]) if len(shape) == 4 and min(shape) > 0 else (0, 0)


def blank_is_first(classes: int, characters: int, blank: str | None) -> bool:
    """Return whether class 0 of a recogniser is its blank, as PaddleOCR has it, and not the last.

    classes: of the output; characters: length of the dictionary; blank: the setting of that name.
    With one class more than there are characters and nothing said, the blank is the last.
    """
    return blank == "first" or (blank is None and classes == characters + 2)


def _labels(fit: "_Fit", labels: list[str] | None) -> int:
    if fit.package.task not in LABELLED:
        return 0
    if not labels:
        raise PackageError(
            fit.package.config_path + ": categories: expected a label for each class, found none"
        )
    size = sum([len(label.encode()) + _HEADER for label in labels])
    if size > MAX_LABELS:
        raise PackageError(
            fit.package.config_path
            + ": categories: expected labels of at most "
            + str(MAX_LABELS)
            + " bytes in all, found "
            + str(size)
        )
    return len(labels)


class _Fit:
    """One package beside one kmodel."""

    def __init__(self, package: Package, kmodel: Kmodel) -> None:
        self.package = package
        self.kmodel = kmodel

    def error(self, expected: str, found: str, advice: str = "") -> PackageError:
        if not advice:
            advice = self._yolo_hint()
        return PackageError(
            self.kmodel.name
            + ": the task "
            + self.package.task
            + " expects "
            + expected
            + ", found "
            + found
            + ("; " + advice if advice else "")
        )

    def labels_error(self, classes: int, count: int) -> PackageError:
        return PackageError(
            self.package.config_path
            + ": categories: expected "
            + str(classes)
            + (" label" if classes == 1 else " labels")
            + ", one for each class of the model, found "
            + str(count)
        )

    def _yolo_hint(self) -> str:
        """Return what to do where outputs are a YOLO's, and the package is none."""
        if self.package.family is not None or self.package.task in yolo.OBJECT_TASKS[1:]:
            return ""
        layout = yolo.look(self.kmodel.outputs, self.package.img_size)
        if layout is None or layout.kind == "vector":
            return ""
        return (
            "it looks like "
            + yolo.words_of(layout)
            + ": if it is a YOLO, set model_type to its family, or make the package with k230 package"
        )

    def check_input(self) -> None:
        inputs = self.kmodel.inputs
        self.package.img_size = _size(self.package, self.kmodel)
        width, height = self.package.img_size
        wanted = (1, 3, height, width)
        if len(inputs) != 1 or inputs[0].dtype != "uint8" or len(inputs[0].shape) != 4:
            advice = ""
            if len(inputs) == 1 and "float" in inputs[0].dtype:
                advice = (
                    "compile it again for uint8 pictures (nncase: preprocess, input_type uint8,"
                    " input_range 0..1)"
                )
            raise self.error("one input uint8 1x3x" + _sides(height, width), _list(inputs), advice)
        shape = inputs[0].shape
        if shape[:2] != (1, 3):
            last = shape[3] == 3
            raise self.error(
                "an input 1x3xheightxwidth, one picture of three planes (NCHW)",
                repr(inputs[0]) + (": channels last (NHWC)" if last else ""),
                "convert the model again with that layout"
                if last
                else "train or convert the model for RGB pictures",
            )
        if shape != wanted:
            raise PackageError(
                self.package.config_path
                + ": img_size: expected ["
                + str(inputs[0].shape[3])
                + ", "
                + str(inputs[0].shape[2])
                + "] as the model's input "
                + repr(inputs[0])
                + ", found ["
                + str(width)
                + ", "
                + str(height)
                + "]"
            )

    def check_outputs(self) -> None:
        """Each output is read, whether its task needs it: what no array can hold ends the process."""
        for output in self.kmodel.outputs:
            if output.dtype not in _READ or len(output.shape) > _MAX_DIMS:
                raise self.error(
                    "outputs of " + ", ".join(_READ) + " with at most " + str(_MAX_DIMS) + " sides",
                    repr(output),
                    "export the model without half precision (half=False)"
                    if output.dtype in ("float16", "bfloat16")
                    else "",
                )

    def floats(self, count: int, words: str) -> list[Tensor]:
        """Return the outputs: at least count, the first of them float32."""
        outputs = self.kmodel.outputs
        if len(outputs) < count or any(output.dtype != "float32" for output in outputs[:count]):
            raise self.error(words, _list(outputs))
        return outputs[:count]

    def check_vector(self, words: str) -> int:
        """Return the length of the one float32 output with a single long side."""
        words = "one float32 output, " + words
        shape = self.floats(1, words)[0].shape
        length = 1
        for side in shape:
            length *= side
        if len(self.kmodel.outputs) != 1 or not shape or max(shape) != length:
            raise self.error(words, _list(self.kmodel.outputs))
        return length

    def check_detection(self, count: int) -> None:
        head = self.package.head
        width, height = self.package.img_size
        grids = [(-(-height // s), -(-width // s)) for s in STRIDES]
        words = "three float32 outputs for " + str(head)
        if len(self.kmodel.outputs) != 3:
            raise self.error(words, _list(self.kmodel.outputs))
        outputs = self.floats(3, words)
        boxes, extra = {"AnchorBaseDet": (3, 5), "AnchorFreeDet": (1, 5)}.get(head or "", (1, 68))
        for output, (rows_, columns) in zip(outputs, grids):
            elements = 1
            for side in output.shape:
                elements *= side
            cells = rows_ * columns * boxes
            row = elements // cells
            if elements % cells or row <= extra:
                raise self.error(
                    words + " on grids of " + ", ".join([_sides(r, c) for r, c in grids]),
                    _list(self.kmodel.outputs),
                )
            if not _channels_last(output.shape, rows_, columns, boxes, row):
                first = output.shape == (1, boxes * row, rows_, columns)
                raise self.error(
                    "outputs with the channels last (NHWC), here 1x"
                    + _sides(rows_, columns)
                    + "x"
                    + str(boxes * row),
                    repr(output) + (": channels first (NCHW)" if first else ""),
                    "convert the model again without moving them",
                )
            if row - extra != count:
                raise self.labels_error(row - extra, count)

    def check_yolo_classifier(self, count: int) -> None:
        layout = yolo.look(self.kmodel.outputs, self.package.img_size)
        if layout is not None:
            self._refuse_misfit(layout, count)

    def check_yolo(self, count: int) -> None:
        """Find out how a YOLO's outputs lie, and set the package's layout."""
        package = self.package
        outputs = self.kmodel.outputs
        layout = yolo.look(outputs, package.img_size)
        if layout is None:
            n = yolo.cells(package.img_size[0], package.img_size[1])
            raise self.error(
                "an output 1x(4+classes+more)x%d, 1x%dx(5+classes+more) or 1x300x(6+more)"
                % (n, 3 * n),
                _list(outputs),
                yolo.odd(outputs, package.img_size)
                or "export the model with Ultralytics, as it is, for one picture",
            )
        self._refuse_misfit(layout, count)
        if package.task == "pose":
            named = len(package.keypoints) if package.keypoints is not None else None
            rest = yolo.rest_of(layout, count)
            points = yolo.keypoints_of(rest, named)
            if points is None:
                raise PackageError(
                    package.config_path
                    + ": keypoints: expected names for %d values, 2 or 3 for each keypoint, or"
                    % rest
                    + " another number of labels, found "
                    + (str(named) + " names" if named is not None else "none")
                )
            layout.points, layout.dims = points
            self._name_points(points[0])
        layout.classes = count
        package.layout = layout

    def _refuse_misfit(self, layout: yolo.Layout, count: int) -> None:
        """Raise PackageError where a YOLO's outputs are not those of the family, the task and the labels."""
        package = self.package
        task = package.task
        named = len(package.keypoints) if package.keypoints is not None else None
        wrong = yolo.misfit(layout, package.family, task, count, named)
        if wrong is None:
            return
        advice = wrong.advice("model_type to ", "task to ")
        if not wrong.looks and wrong.classes:
            error = self.labels_error(wrong.classes, count)
            raise PackageError(str(error) + ("; " + advice if advice else ""))
        found = _list(self.kmodel.outputs)
        if not wrong.looks:
            raise self.error(
                yolo.OWN[task],
                found,
                "use a model for " + task + ", or correct the labels: there are " + str(count),
            )
        expected = "the outputs of " + str(package.family) if wrong.family else yolo.OWN[task]
        raise self.error(
            expected,
            found + ", which looks like " + wrong.looks,
            advice,
        )

    def _name_points(self, count: int) -> None:
        package = self.package
        if package.keypoints is None and count == len(yolo.PERSON):
            package.keypoints = yolo.PERSON
            if package.skeleton is None:
                package.skeleton = yolo.PERSON_SKELETON
        for pair in package.skeleton or []:
            if max(pair) >= count:
                raise PackageError(
                    package.config_path
                    + ": skeleton: expected keypoints below %d, found %d" % (count, max(pair))
                )

    def check_segmentation(self, count: int) -> None:
        width, height = self.package.img_size
        words = "one float32 output 1x" + _sides(height, width) + "xclasses"
        shape = self.floats(1, words)[0].shape
        if len(shape) != 4 or shape[:3] != (1, height, width):
            raise self.error(words, _list(self.kmodel.outputs))
        if shape[3] != count:
            raise self.labels_error(shape[3], count)
        if count > MAX_CLASSES:
            raise self.error("at most " + str(MAX_CLASSES) + " classes", str(count))

    def check_text_map(self) -> None:
        width, height = self.package.img_size
        words = "one float32 output 1x" + _sides(height, width) + "x1 or more"
        shape = self.floats(1, words)[0].shape
        if len(shape) != 4 or shape[:3] != (1, height, width):
            raise self.error(words, _list(self.kmodel.outputs))

    def check_recogniser(self, characters: int | None, blank: str | None) -> None:
        words = "one float32 output 1xstepsxcharacters"
        shape = self.floats(1, words)[0].shape
        if len(shape) != 3 or shape[0] != 1 or shape[2] < 2:
            raise self.error(words, _list(self.kmodel.outputs))
        if characters is None:
            raise PackageError(
                self.package.config_path + ": the dictionary is missing: dict.txt beside it"
            )
        # With the blank first, PaddleOCR may add a space as last character; one that was not said
        # to be last may be that too.
        extras = (1,) if blank == "last" else (1, 2)
        if shape[2] - characters not in extras:
            raise PackageError(
                self.package.config_path
                + ": dictionary: expected "
                + " or ".join([str(shape[2] - extra) for extra in extras])
                + (" characters (blank: " + blank + "), found " if blank else " characters, found ")
                + str(characters)
            )


def _channels_last(shape: tuple[int, ...], rows: int, columns: int, boxes: int, row: int) -> bool:
    """Return whether the values lie as the native decoders read them: cell by cell, box by box."""
    sides = [side for side in shape if side != 1]
    for grid in ((rows, columns), (rows * columns,)):
        for rest in ((boxes * row,), (boxes, row)):
            if sides == [side for side in grid + rest if side != 1]:
                return True
    return sides == [side for side in (rows * columns * boxes, row) if side != 1]


def _sides(height: int, width: int) -> str:
    return str(height) + "x" + str(width)


def _list(tensors: list[Tensor]) -> str:
    return ", ".join([repr(tensor) for tensor in tensors]) or "nothing"
