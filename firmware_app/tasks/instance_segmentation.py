"""Instance segmentation: boxes, each with a mask of its own; YOLO models with prototypes.

The vendor's native function paints all masks into one coloured picture, where they cover each other;
ulab makes each of its 32 coefficients and the prototypes under its box.
"""

from math import ceil, log

from firmware_app.board import yolo_arrays
from firmware_app.package.yolo import MASKS
from firmware_app.tasks import yolo
from firmware_app.tasks.detection import pack_boxes
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

_ROOM = 24000  # bytes of all masks of a message
_PIXELS = 4  # of the model's input, for a cell of the prototypes


class InstanceSegmentation(yolo.YoloTask):
    """Boxes with class, score and mask."""

    result_type = messages.INSTANCE_SEGMENTATION

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._outputs = self.output_bytes

    def limits(self, settings: dict) -> tuple:
        """Return what yolo.YoloTask does, the logit of a mask's pixels, and the step between its cells."""
        threshold = settings["mask_threshold"]
        if threshold is None:
            threshold = self.package.mask_threshold
        threshold = min(0.999, max(0.001, threshold))
        size = self.package.img_size
        side = min(size[0], size[1]) // _PIXELS
        wanted = settings["map_side"]
        step = -2 if 2 * side <= wanted else max(1, side // wanted)
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
        first = layout.first if layout.kind == "rows" else layout.first + layout.classes
        table = yolo_arrays.behind(tensor, layout, bases, first, MASKS)
        prototypes = yolo_arrays.Prototypes(outputs[layout.masks], table)
        dx, dy, width, height = plan.region
        left, top, across, down = yolo.place(plan.settings, (width, height), self.package.img_size)
        # Pixels of the frame for a cell, and where cell 0 begins.
        cell = _PIXELS / 2 if step == -2 else _PIXELS * step
        wide, high = cell * across, cell * down
        x0, y0 = dx - left * across, dy - top * down
        windows: list = []
        for x, y, w, h, _, _ in boxes:
            # The cells with centres in the box.
            first_x = max(0, ceil((x - x0) / wide - 0.5))
            first_y = max(0, ceil((y - y0) / high - 0.5))
            last_x = max(first_x + 1, ceil((x + w - x0) / wide - 0.5))
            last_y = max(first_y + 1, ceil((y + h - y0) / high - 0.5))
            windows.append((first_x, first_y, last_x, last_y))
        room = _ROOM
        cells = 0
        masks: list = []
        runs = prototypes.masks(windows, step, limit)
        for number in range(len(windows)):
            first_x, first_y, last_x, last_y = windows[number]
            room -= len(runs[number]) + 16
            columns, rows = last_x - first_x, last_y - first_y
            cells += columns * rows
            if room <= 0:
                masks.append(None)
                continue
            x1, y1 = int(x0 + first_x * wide + 0.5), int(y0 + first_y * high + 0.5)
            w = max(1, int(x0 + last_x * wide + 0.5) - x1)
            h = max(1, int(y0 + last_y * high + 0.5) - y1)
            masks.append([x1, y1, w, h, columns, rows, runs[number]])
        # What the arrays of the masks left outside the heap, too.
        self.output_bytes = self._outputs + cells * (64 if step == -2 else 256)
        return [pack_boxes(boxes), masks]
