"""Instance segmentation: boxes, each with a mask of its own; YOLO models with prototypes.

The vendor's native function paints all masks into one coloured picture, where they cover each other;
ulab makes each of its 32 coefficients and the prototypes under its box.
"""

import struct
from math import log

from firmware_app.board import yolo_masks
from firmware_app.board.yolo_masks import MOST_CELLS, TWICE
from firmware_app.tasks import yolo
from firmware_app.tasks.detection import pack_boxes
from firmware_app.wire import messages
from firmware_app.wire.mpack import Packed

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

# An array of x, y, width, height, columns, rows and runs, in msgpack.
_MASK = ">BBhBhBHBHBHBHBH"
_ROOM = 24000  # bytes of all masks of a message
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
        limit, step = plan.limits[3:]
        if plan.settings["vendor_compatible"]:
            boxes, bases = yolo.vendors_boxed(tensor, layout, plan, self.package.img_size)
        else:
            boxes, bases = self.boxed(tensor, plan)
        if not boxes:
            return [b"", []]
        if step == TWICE and len(boxes) > plan.settings["fine_masks"]:
            step = 1
        grid = plan.grids.get(step)
        if grid is None:
            grid = plan.grids[step] = self._grid(plan, step)
        windows, places = grid.cells(boxes)
        tensors = (tensor, outputs[layout.masks])
        runs = yolo_masks.runs_of(tensors, layout, bases, windows, step, limit)
        # Packed here: as lists of numbers the masks of many objects take longer than to find them.
        parts: list = [struct.pack(">BH", 0xDC, len(runs))]
        room = _ROOM
        cells = at = 0
        for mask in runs:
            left, top, right, bottom = windows[at]
            x1, y1, x2, y2 = places[at]
            at += 1
            columns, rows = right - left, bottom - top
            cells += columns * rows
            size = len(mask)
            room -= size + 16
            if room <= 0:
                parts.append(b"\xc0")  # nil
                continue
            w, h = x2 - x1 or 1, y2 - y1 or 1
            parts.append(
                struct.pack(
                    _MASK,
                    0x97,
                    0xD1,
                    x1,
                    0xD1,
                    y1,
                    0xCD,
                    w,
                    0xCD,
                    h,
                    0xCD,
                    columns,
                    0xCD,
                    rows,
                    0xC5,
                    size,
                )
            )
            parts.append(mask)
        # What the arrays of the masks left outside the heap, too.
        self.output_bytes = self._outputs + cells * (64 if step == TWICE else 256)
        return [pack_boxes(boxes), Packed(b"".join(parts))]

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
        )
