"""Instance segmentation: boxes, each with a mask of its own; YOLO models with prototypes.

The vendor's native function paints all masks into one coloured picture, where they cover each other;
ulab makes each of its 32 coefficients and the prototypes under its box.
"""

import struct
from math import log

from firmware_app.board import yolo_masks
from firmware_app.board.yolo_masks import MOST_CELLS, TWICE
from firmware_app.tasks import yolo
from firmware_app.tasks.detection import pack_boxes, packed_yolo
from firmware_app.wire import messages
from firmware_app.wire.mpack import Packed

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

_ROOM = 24000  # bytes of all masks of a message
_AROUND = 16  # bytes that a mask takes beside its runs, about
_HEAD = 22  # what it does take
# Of [x, y, w, h, columns, rows, runs]: each number of 16 bits behind its mark, marks with every other one.
_FORM = ">HhIHIHIH"
_PIXELS = 4  # of the model's input, for a cell of the prototypes


class InstanceSegmentation(yolo.YoloTask):
    """Boxes with class, score and mask."""

    result_type = messages.INSTANCE_SEGMENTATION

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._outputs = self.output_bytes

    def limits(self, settings: dict) -> tuple:
        """Return what yolo.YoloTask does, the logit of a mask's pixels, and the finest step between its cells."""
        threshold = settings["mask_threshold"]
        if threshold is None:
            threshold = self.package.mask_threshold
        threshold = min(0.999, max(0.001, threshold))
        width, height = self.package.img_size
        width, height = width // _PIXELS, height // _PIXELS
        side = min(width, height)
        wanted = settings["map_side"]
        if 2 * side <= wanted and 4 * width * height <= MOST_CELLS:
            step = TWICE
        else:
            step = max(1, side // wanted)
            while (width // step) * (height // step) > MOST_CELLS:
                step += 1
        return super().limits(settings) + (log(threshold / (1 - threshold)), step)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [boxes, masks]."""
        layout = self.layout
        tensor = outputs[layout.output]
        settings = plan.settings
        size = self.package.img_size
        step = plan.limits[4]
        if settings["vendor_compatible"]:
            places, bases = yolo.vendors_boxed(tensor, layout, plan, size)
            boxes, numbers = pack_boxes(places), range(len(places))
        else:
            boxes, (numbers, bases, places) = packed_yolo(tensor, layout, plan, size)
        if not numbers:
            return [b"", []]
        if step == TWICE and len(numbers) > settings["fine_masks"]:
            step = 1
        grid = plan.grids.get(step)
        if grid is None:
            grid = plan.grids[step] = self._grid(plan, step)
        places = [places[number] for number in numbers]
        if len(places[0]) > 4:
            places = [(x, y, x + w, y + h) for x, y, w, h, _, _ in places]
        rows = grid.cells(places)
        tensors = (tensor, outputs[layout.masks])
        kept = (numbers, bases)
        runs, total, cells = yolo_masks.runs_of(tensors, layout, kept, rows, grid)
        # What the arrays of the masks left outside the heap, too.
        self.output_bytes = self._outputs + cells * (64 if step == TWICE else 256)
        return [boxes, _packed(rows, runs, total)]

    def _grid(self, plan: "Plan", step: int) -> "yolo_masks.Grid":
        """Return where the masks' cells lie in a plan's pictures."""
        x, y, width, height = plan.region
        size = self.package.img_size
        left, top, across, down = yolo.place(plan.settings, (width, height), size)
        pixels = _PIXELS // 2 if step == TWICE else _PIXELS * step
        return yolo_masks.Grid(
            ((size[0] + pixels - 1) // pixels, (size[1] + pixels - 1) // pixels),
            (x - left * across, y - top * down),
            (pixels * across, pixels * down),
            step,
            plan.limits[3],
        )


def _packed(rows: list, runs: list, total: int) -> Packed:
    """Return the masks of a message: as lists of numbers many take longer than to find them.

    rows: as Grid has them; total: bytes of all runs.
    """
    count = len(runs)
    left_out = 0
    if total + _AROUND * count >= _ROOM:
        runs, total = _fitting(runs)
        left_out = count - len(runs)
    out = bytearray(3 + _HEAD * (count - left_out) + total + left_out)
    pack_into = struct.pack_into
    pack_into(">BH", out, 0, 0xDC, count)
    at = 3
    head = _HEAD
    form = _FORM
    measure = len
    for number in range(count - left_out):  # in less time than with what zip() makes for each
        x1, y1, x2, y2, left, top, right, bottom = rows[number]
        mask = runs[number]
        w = x2 - x1 or 1
        h = y2 - y1 or 1
        size = measure(mask)
        pack_into(
            form,
            out,
            at,
            0x97D1,
            x1,
            0xD10000CD | (y1 & 0xFFFF) << 8,
            w,
            0xCD0000CD | h << 8,
            right - left,
            0xCD0000C5 | bottom - top << 8,
            size,
        )
        at += head
        end = at + size
        out[at:end] = mask
        at = end
    if left_out:
        out[at:] = b"\xc0" * left_out  # nil
    return Packed(out)


def _fitting(runs: list) -> tuple:
    """Return the runs that a message has room for, and their bytes."""
    total = 0
    for number, mask in enumerate(runs):
        size = len(mask)
        if total + size + _AROUND * (number + 1) >= _ROOM:
            return runs[:number], total
        total += size
    return runs, total
