"""Instance segmentation: boxes, each with a mask of its own; YOLO models with prototypes.

The vendor's native function paints all masks into one coloured picture, where they cover each other;
ulab makes each of its 32 coefficients and the prototypes under its box.
"""

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
        masks, cells = yolo_masks.packed(tensors, layout, kept, rows, grid)
        # What the arrays of the masks left outside the heap, too.
        self.output_bytes = self._outputs + cells * (64 if step == TWICE else 256)
        return [boxes, Packed(masks)]

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
