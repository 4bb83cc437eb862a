"""Detection: AnchorBaseDet, AnchorFreeDet, GFLDet, and the heads of the YOLO families."""

import struct
import time
from builtins import bytearray, int, len  # found sooner than where they are built in

from firmware_app.base.errors import TaskError
from firmware_app.board import arrays, decoders, yolo_arrays
from firmware_app.package import letterbox
from firmware_app.tasks import repair, yolo
from firmware_app.tasks.single_model import SingleModelTask, ordered, strongest
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout
    from firmware_app.tasks.base import Plan

# What fits a packed box (docs/protocol.md section 4).
# Both are ones alone: what is larger has a higher bit, and so has its union with others.
_MAX_COORDINATE = 2047
_MAX_SCORE_OR_CLASS = 1023
_SENSELESS = 1000000  # for what no integer stands for: infinity, and what is no number


class Detection(SingleModelTask):
    """Boxes with class and score."""

    result_type = messages.DETECTION

    thresholds = ("confidence_threshold", "nms_threshold")
    _fits = False  # the native decoder may have the outputs

    def pads(self, settings: dict, width: int, height: int) -> tuple:
        """Return the letterbox: centred, but for YOLOv8 as the vendor's scripts have it."""
        target = self.package.img_size
        if self.package.layout is not None:
            return yolo.pads(settings, width, height, target)
        pads = letterbox.centre_pads
        if settings["vendor_compatible"]:
            pads = letterbox.vendor_centre_pads
        return pads(width, height, target[0], target[1])

    def pad_value(self, settings: dict) -> int:
        """Return the grey of the letterbox."""
        return 128 if self.package.layout is not None and settings["vendor_compatible"] else 114

    def limits(self, settings: dict) -> tuple:
        """Return (smallest score, overlap, whether classes suppress each other)."""
        if settings["vendor_compatible"]:
            agnostic: "bool | None" = (
                False  # the vendor's scripts read nms_option and never pass it on
            )
        elif settings["nms"] is None:
            agnostic = self.package.nms_agnostic
        else:
            agnostic = settings["nms"] == "class_agnostic"
        confidence, overlap = super().limits(settings)
        if self.package.layout is not None:
            overlap = yolo.overlap_of(settings, self.package.layout, overlap)
        return (confidence, overlap, agnostic)

    def _look_up(self, plan: "Plan") -> None:
        """Complete a plan: what each frame wants of it."""
        package = self.package
        settings = plan.settings
        size = package.img_size
        x, y, width, height = plan.region
        plan.sizes = ([size[0], size[1]], [width, height])
        if (
            package.head in ("AnchorBaseDet", "GFLDet")
            and not settings["vendor_compatible"]
            and x + width <= _MAX_COORDINATE
            and y + height <= _MAX_COORDINATE
            and len(self.labels) <= _MAX_SCORE_OR_CLASS
        ):
            smallest, most = settings["min_size"] or 1, settings["max_results"]
            plan.packing = (x | y << 21, width, height, smallest, most)

    def _rows(self, outputs: list, plan: "Plan") -> list:
        package = self.package
        head = package.head
        if not plan.sizes:
            self._look_up(plan)
        size, frame = plan.sizes
        classes = len(self.labels)
        confidence, overlap, agnostic = plan.limits
        if not self._fits:
            self._expect(outputs, plan)
        if head == "AnchorBaseDet":
            return decoders.anchor_base(
                outputs, size, frame, classes, confidence, overlap, package.anchors, agnostic
            )
        if head == "GFLDet":
            return decoders.gfl(outputs, size, frame, classes, confidence, overlap, agnostic)
        settings = plan.settings
        layout = package.layout
        if layout is not None:
            tensor = outputs[layout.output]
            most = settings["max_results"]
            return decoders.yolo(tensor, layout, size, frame, confidence, overlap, most)
        if settings["vendor_compatible"]:
            return decoders.anchor_free(
                outputs, size, frame, classes, confidence, overlap, agnostic
            )
        # The native function ignores the class scores; in Python, on the few cells that count.
        levels = [
            (decoders.STRIDES[i], arrays.rows_above(outputs[i], 5 + classes, 4, confidence))
            for i in range(3)
        ]
        return repair.anchor_free(levels, size, frame, confidence, overlap, agnostic)

    def _expect(self, outputs: list, plan: "Plan") -> None:
        package = self.package
        if package.layout is None:
            if package.head != "AnchorFreeDet" or plan.settings["vendor_compatible"]:
                decoders.expect(outputs, package.head, package.img_size, len(self.labels))
                self._fits = True

    def detect(self, plan: "Plan") -> list:
        """Run the model on what take() left; return (x, y, w, h, score1000, class) of each box, best first."""
        start = time.ticks_us()
        outputs = self._model.run(self._tensor)
        middle = time.ticks_us()
        boxes = self._boxes(outputs, plan)
        self.kpu_us = time.ticks_diff(middle, start)
        self.decode_us = time.ticks_diff(time.ticks_us(), middle)
        return boxes

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [boxes], packed where they fit."""
        layout = self.package.layout
        if layout is not None and not plan.settings["vendor_compatible"]:
            return [packed_yolo(outputs[layout.output], layout, plan, self.package.img_size)[0]]
        rows = self._rows(outputs, plan)
        packed = None
        if plan.packing is not None:
            packed = packed_rows(rows, plan.packing)
        if packed is None:
            packed = pack_boxes(self._boxed(rows, plan))
        return [packed]

    def _boxes(self, outputs: list, plan: "Plan") -> list:
        layout = self.package.layout
        if layout is not None and not plan.settings["vendor_compatible"]:
            tensor = outputs[layout.output]
            return yolo.boxed(tensor, layout, plan, self.package.img_size)[0]
        return self._boxed(self._rows(outputs, plan), plan)

    def _boxed(self, rows: list, plan: "Plan") -> list:
        """Return what detect() does of a decoder's rows."""
        dx, dy, width, height = plan.region
        settings = plan.settings
        if not rows:
            return rows
        # The vendor's decoders also answer boxes of which the frame's edge leaves nothing.
        smallest = settings["min_size"] or (0 if settings["vendor_compatible"] else 1)
        boxes: list = []
        append = boxes.append
        last = _SENSELESS
        falling = True  # the scores
        for label, score, x1, y1, x2, y2 in rows:
            x1 = int(x1) if x1 > 0 else 0
            y1 = int(y1) if y1 > 0 else 0
            w = (int(x2) if x2 < width else width) - x1
            h = (int(y2) if y2 < height else height) - y1
            if w < smallest or h < smallest:
                continue
            score1000 = int(score * 1000 + 0.5) if score < _SENSELESS else _SENSELESS
            append((x1 + dx, y1 + dy, w, h, score1000, int(label)))
            if score1000 > last:
                falling = False
            last = score1000
        if not falling and not settings["vendor_compatible"]:
            boxes = ordered(boxes, [_SENSELESS - box[4] for box in boxes])
        highest = boxes[0][4] if boxes else 0
        if settings["vendor_compatible"]:
            highest = max([0] + [box[4] for box in boxes])
        if highest > 1000:
            raise TaskError(
                "model output: expected scores 0 to 1, found %d/1000: the outputs are in another layout, or"
                " their sigmoid is missing" % highest
            )
        return strongest(boxes, settings["max_results"], 4)


def packed_yolo(tensor, layout: "Layout", plan: "Plan", size) -> tuple:
    """Return (the boxes of a YOLO's output as pack_boxes() returns them, what is kept), best first.

    What is kept: (numbers, bases, places): of each box, the best first, its number in the two other
    lists. places, of a model with masks: [x1, y1, x2, y2] in the frame, or what yolo.boxed() returns.
    """
    x, y, width, height = plan.region
    if (
        layout.kind == "rows"
        or x + width > _MAX_COORDINATE
        or y + height > _MAX_COORDINATE
        or layout.classes > _MAX_SCORE_OR_CLASS
    ):
        rows, bases = yolo.boxed(tensor, layout, plan, size)
        return pack_boxes(rows), (range(len(rows)), bases, rows)
    settings = plan.settings
    boxes, kept, best = yolo_arrays.packed(
        tensor,
        layout,
        plan.limits,
        yolo.MOST,
        yolo.mapping(plan, size),
        settings["min_size"] or 1,
        settings["max_results"],
    )
    if best >= 1000:
        yolo.check_scores([(best / 1000,)])
    return boxes, kept


def packed_rows(rows: list, packing: tuple) -> "bytearray | None":
    """Return pack_boxes() of a native decoder's rows, ordered; None where it takes more than one pass.

    packing: of the plan. There are more rows than a result may have then, a score that is none, or places
    that are no whole numbers, as the firmware's are.
    """
    if not rows:
        return bytearray()
    corner, width, height, smallest, most = packing
    if len(rows) > most:
        return None
    whole = int
    if type(rows[0][0]) is not whole or type(rows[0][2]) is not whole:
        return None
    words: list = []
    append = words.append
    last = 1000
    falling = True  # the scores
    for label, score, x1, y1, x2, y2 in rows:
        if x1 < 0:
            x1 = 0
        if y1 < 0:
            y1 = 0
        w = (x2 if x2 < width else width) - x1
        h = (y2 if y2 < height else height) - y1
        if w < smallest or h < smallest:
            continue
        if not 0 <= score <= 1:
            return None
        score = whole(score * 1000 + 0.5)
        if score > last:
            falling = False
        last = score
        # The corner's fields hold what is added: a box lies in the picture.
        append(corner + x1 + (y1 << 21) | score << 11)
        append(w | label << 11 | h << 21)
    count = len(words)
    if not falling:
        keys = [
            1000 - (words[at] >> 11 & _MAX_SCORE_OR_CLASS) << 20 | at for at in range(0, count, 2)
        ]
        keys.sort()
        ranked: list = []
        append = ranked.append
        for key in keys:
            at = key & 0xFFFFF
            append(words[at])
            append(words[at + 1])
        words = ranked
    packed = bytearray(4 * count)  # pack() would make bytes, which are hashed
    struct.pack_into(b"<" + b"I" * count, packed, 0, *words)
    return packed


def pack_boxes(boxes: list):
    """Return boxes (x, y, w, h, score1000, class) in the wire's packed form, or as rows where one does not fit."""
    if not boxes:
        return bytearray()
    words: list = []
    append = words.append
    for x, y, w, h, score, label in boxes:
        if (x | y | w | h) > _MAX_COORDINATE or (score | label) > _MAX_SCORE_OR_CLASS:
            return [list(box) for box in boxes]
        append(x | score << 11 | y << 21)
        append(w | label << 11 | h << 21)
    # Bytes: MicroPython compares a string that it makes with all names that it knows.
    return bytearray(struct.pack(b"<" + b"I" * len(words), *words))
