"""What the tasks of YOLO models share: letterbox, candidates, and which of them suppress each other.

The native functions of the firmware move boxes that reach over the left or upper edge, let boxes of
different classes suppress each other, round before they compare, and measure the overlap of rotated
boxes wrongly. So candidates are found with ulab and sorted out here, on the few that pass the
threshold; with `vendor_compatible` the native functions do it (board/decoders.py).
"""

from math import log

from firmware_app.base.errors import TaskError
from firmware_app.board import yolo_arrays, yolo_nms
from firmware_app.package import letterbox
from firmware_app.tasks.single_model import SingleModelTask

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.package.yolo import Layout
    from firmware_app.tasks.base import Plan

MOST = 1000  # candidates that are looked at
_TINY = 1e-7
_FAR = 1e6  # pixels, and radians


def pads(settings: dict, width: int, height: int, target) -> tuple:
    """Return the letterbox (top, bottom, left, right): centred, or the vendor's at the corner."""
    if settings["vendor_compatible"]:
        return letterbox.vendor_corner_pads(width, height, target[0], target[1])
    return letterbox.centre_pads(width, height, target[0], target[1])


def place(settings: dict, frame, target) -> tuple:
    """Return (left, top, across, down): where the picture begins, and pixels of the frame per pixel."""
    width, height = frame
    if settings["vendor_compatible"]:
        gain = min(target[0] / width, target[1] / height)
        return 0, 0, 1 / gain, 1 / gain
    top, bottom, left, right = letterbox.centre_pads(width, height, target[0], target[1])
    return left, top, width / (target[0] - left - right), height / (target[1] - top - bottom)


def agnostic(settings: dict, package) -> bool:
    """Return whether boxes of different classes suppress each other."""
    if settings["vendor_compatible"]:
        return True
    if settings["nms"] is None:
        return bool(package.nms_agnostic)
    return bool(settings["nms"] == "class_agnostic")


def overlap_of(settings: dict, layout: "Layout", overlap: float) -> float:
    """Return the overlap that suppresses; 1: none does, as the end-to-end heads are meant."""
    if layout.kind == "rows" and settings["nms_threshold"] is None:
        return 1.0
    return overlap


def kept_rotated(tensor, layout: "Layout", confidence: float, overlap: float, alone: bool) -> list:
    """Return [(score, class, cx, cy, w, h, angle)] in pixels of the model's input, best first.

    Suppressed by the overlap of their Gaussian shapes (ProbIoU), as these models are trained.
    """
    found = yolo_arrays.Candidates(tensor, layout, confidence, MOST)
    if not found.bases:
        return []
    turn = 6 if layout.kind == "rows" else 4 + layout.classes
    sides = found.values(4)
    values = [sides[0], sides[1], sides[2], sides[3], found.value(turn)]
    rows = list(zip(*[side.tolist() for side in values]))
    order = yolo_nms.best_first(found.scores)
    if not yolo_arrays.numbers(values):
        order = [number for number in order if _sane(rows[number])]
    scores = found.scores.tolist()
    if overlap >= 1 or len(order) < 2:
        kept = order[: yolo_nms.KEPT]
    else:
        # Where classes don't suppress each other, each box has rivals of its own class alone.
        labels = None if alone or found.classes() is None else found.labels
        shapes = yolo_arrays.shapes(values[2], values[3], values[4])
        kept = _apart(rows, shapes, order, labels, overlap)
    return [(scores[number], found.label(number)) + rows[number] for number in kept]


def _sane(row: tuple) -> bool:
    for value in row:
        if not -_FAR < value < _FAR:  # nor is what is no number
            return False
    return True


def _apart(rows: list, shapes: tuple, order: list, labels: "list | None", overlap: float) -> list:
    """Return the numbers of the rotated boxes that no better one suppresses.

    rows: (cx, cy, w, h, angle) of each candidate found; order: their numbers, the best first; labels:
    their classes, None where classes suppress each other.
    """
    a, b, c, sizes = shapes
    # 1 - (1 - e^-d)^(1/2) > overlap, solved for four times the distance d of two shapes.
    limit = -4 * log(max(_TINY, 1 - (1 - overlap) ** 2))
    kept: list = []
    everyone: list = []
    rivals = everyone  # the kept boxes of a class
    groups: dict = {}  # of them by class
    for number in order:
        cx, cy, w, h, _ = rows[number]
        # Whole pixels tell which boxes can't touch: other than floats they take no heap.
        x, y, reach = int(cx), int(cy), int((w + h) / 2) + 2
        if labels is not None:
            label = labels[number]
            if label not in groups:
                groups[label] = []
            rivals = groups[label]
        for x2, y2, reach2, other in rivals:
            far = reach + reach2
            off = x - x2
            if off >= far or -off >= far:
                continue
            off = y - y2
            if off >= far or -off >= far:
                continue
            p, q, r = a[number] + a[other], b[number] + b[other], c[number] + c[other]
            inner = p * q - r * r
            if inner < _TINY:
                continue
            row = rows[other]
            dx, dy = cx - row[0], cy - row[1]
            distance = ((p * dy - 2 * r * dx) * dy + q * dx * dx) / inner
            if distance < limit:
                size = 4 * sizes[number] * sizes[other]
                if size > 0 and distance + 2 * log(inner / size) < limit:
                    break
        else:
            kept.append(number)
            if len(kept) >= yolo_nms.KEPT:
                break
            rivals.append((x, y, reach, number))
    return kept


def _base(row: tuple) -> int:
    return int(row[6])


def vendors_kept(tensor, layout: "Layout", confidence: float, overlap: float, size, frame) -> list:
    """Return [(score, class, x1, y1, x2, y2, base)] in pixels of the frame, as the vendor's function for masks does.

    It is not called itself: which of its boxes has which mask is lost in its picture.
    """
    gain = min(size[0] / frame[0], size[1] / frame[1])
    rows: list = []
    found = yolo_arrays.passing(tensor, layout, confidence, MOST)
    if layout.kind == "rows":
        found.sort(key=_base)  # as they come
    for score, label, x1, y1, x2, y2, base in found:
        x, y = int(max(x1 / gain, 0)), int(max(y1 / gain, 0))
        w, h = int((x2 - x1) / gain), int((y2 - y1) / gain)
        if w <= 0 or h <= 0:
            continue
        if layout.kind != "rows":
            for _, _, left, top, right, bottom, _ in rows:
                both = max(0, min(x + w, right) - max(x, left)) * max(
                    0, min(y + h, bottom) - max(y, top)
                )
                if both > overlap * (w * h + (right - left) * (bottom - top) - both):
                    break
            else:
                rows.append((score, label, x, y, x + w, y + h, base))
            continue
        rows.append((score, label, x, y, x + w, y + h, base))
    return rows


class YoloTask(SingleModelTask):
    """Base of the tasks with objects that have more than a box."""

    thresholds = ("confidence_threshold", "nms_threshold")

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        layout = self.package.layout
        assert layout is not None  # fit.check() has found it
        self.layout: "Layout" = layout

    def pads(self, settings: dict, width: int, height: int) -> tuple:
        """Return the letterbox."""
        return pads(settings, width, height, self.package.img_size)

    def pad_value(self, settings: dict) -> int:
        """Return the grey of the letterbox."""
        return 128 if settings["vendor_compatible"] else 114

    def limits(self, settings: dict) -> tuple:
        """Return (smallest score, overlap, whether classes suppress each other)."""
        confidence, overlap = super().limits(settings)
        return (
            confidence,
            overlap_of(settings, self.layout, overlap),
            agnostic(settings, self.package),
        )

    def boxed(self, tensor, plan: "Plan") -> tuple:
        """Return ([(x, y, w, h, score1000, class)], [base]) of an output, in pixels of the frame."""
        return boxed(tensor, self.layout, plan, self.package.img_size)


def mapping(plan: "Plan", size) -> "yolo_arrays.Mapping":
    """Return where the model's input lies in a plan's pictures; the plan keeps it."""
    if plan.mapping is None:
        plan.mapping = yolo_arrays.Mapping(
            place(plan.settings, plan.region[2:], size), plan.region, size
        )
    return plan.mapping


def boxed(tensor, layout: "Layout", plan: "Plan", size) -> tuple:
    """Return ([(x, y, w, h, score1000, class)], [base]) of an output, in pixels of the frame, best first."""
    settings = plan.settings
    smallest = settings["min_size"] or 1
    boxes, bases = yolo_arrays.boxes(
        tensor,
        layout,
        plan.limits[:3],
        MOST,
        mapping(plan, size),
        smallest,
        settings["max_results"],
    )
    if boxes and layout.kind == "rows":
        check_classes(boxes, layout)
    if boxes and boxes[0][4] >= 1000:
        check_scores([(boxes[0][4] / 1000,)])
        boxes = [(x, y, w, h, min(score, 1000), label) for x, y, w, h, score, label in boxes]
    return boxes, bases


def vendors_boxed(tensor, layout: "Layout", plan: "Plan", size) -> tuple:
    """Return what boxed() does, of the boxes that the vendor's function for masks keeps."""
    confidence, overlap = plan.limits[:2]
    dx, dy, width, height = plan.region
    rows = vendors_kept(tensor, layout, confidence, overlap, size, (width, height))
    check_scores(rows)
    smallest = plan.settings["min_size"] or 1
    boxes: list = []
    bases: list = []
    for score, label, x1, y1, x2, y2, base in rows:
        w, h = min(x2, width) - x1, min(y2, height) - y1
        if w >= smallest and h >= smallest:
            boxes.append((x1 + dx, y1 + dy, w, h, min(1000, int(score * 1000 + 0.5)), label))
            bases.append(base)
            if len(boxes) >= plan.settings["max_results"]:
                break
    return boxes, bases


def check_classes(boxes: list, layout: "Layout") -> None:
    """Raise TaskError where rows, which don't show how many classes there are, name one without a label."""
    labels = [box[5] for box in boxes]
    if not labels:
        return
    wrong = max(labels)
    if min(labels) < 0:
        wrong = min(labels)
    elif wrong < layout.classes:
        return
    raise TaskError(
        "model output: expected classes 0 to %d, one for each label, found %d: the labels are another"
        " model's, or some are missing" % (layout.classes - 1, wrong)
    )


def check_scores(rows: "list[Any]") -> None:
    """Raise TaskError where the first item of the best of rows is no score."""
    if rows and not rows[0][0] < 1.001:
        raise TaskError(
            "model output: expected scores 0 to 1, found %d/1000: the outputs are in another layout, or"
            " their sigmoid is missing" % int(min(rows[0][0], 1000000) * 1000)
        )
