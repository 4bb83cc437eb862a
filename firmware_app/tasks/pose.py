"""Pose: boxes, each with its keypoints; YOLO models."""

import struct

from firmware_app.board import decoders, yolo_arrays
from firmware_app.tasks import yolo
from firmware_app.tasks.detection import pack_boxes, packed_yolo
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

_WIDEST = 32000  # pixels of a picture: 16 bits hold its places


class Pose(yolo.YoloTask):
    """Boxes with class, score and keypoints."""

    result_type = messages.POSE

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        names = self.package.keypoints
        if names is not None:
            self.details = {"keypoints": names, "skeleton": self.package.skeleton or []}

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [boxes, keypoints]."""
        if plan.settings["vendor_compatible"]:
            return self._vendors(outputs, plan)
        layout = self.layout
        tensor = outputs[layout.output]
        boxes, kept = packed_yolo(tensor, layout, plan, self.package.img_size)
        if not kept[0]:
            return [b"", b""]
        keypoints = plan.keypoints
        if keypoints is None:
            keypoints = plan.keypoints = self._keypoints(plan)
        first = layout.first if layout.kind == "rows" else layout.first + layout.classes
        size = layout.points * layout.dims
        table = yolo_arrays.behind(tensor, layout, kept[:2], first, size)
        return [boxes, keypoints.records(table)]

    def _keypoints(self, plan: "Plan") -> "yolo_arrays.Keypoints":
        """Return where the keypoints lie in a plan's pictures."""
        dx, dy, width, height = plan.region
        left, top, across, down = yolo.place(plan.settings, (width, height), self.package.img_size)
        layout = self.layout
        return yolo_arrays.Keypoints(
            layout.points, layout.dims, (left, across, dx), (top, down, dy)
        )

    def _vendors(self, outputs: list, plan: "Plan") -> list:
        dx, dy = plan.region[:2]
        confidence, overlap, _ = plan.limits
        found = decoders.poses(
            outputs[self.layout.output],
            self.layout,
            self.package.img_size,
            plan.region[2:],
            confidence,
            overlap,
            plan.settings["max_results"],
        )
        smallest = plan.settings["min_size"]
        dims = self.layout.dims
        boxes = []
        points = b""
        yolo.check_scores(sorted([(row[1],) for row in found], reverse=True))
        for label, score, x, y, w, h, values in found:
            if w < smallest or h < smallest:
                continue
            boxes.append((x + dx, y + dy, w, h, min(1000, int(score * 1000 + 0.5)), label))
            row = []
            for at in range(0, len(values), dims):
                row.append(_short(values[at] + dx))
                row.append(_short(values[at + 1] + dy))
                row.append(min(1000, max(0, int(values[at + 2] * 1000 + 0.5))) if dims == 3 else -1)
            points += struct.pack("<%dh" % len(row), *row)
        return [pack_boxes(boxes), points]


def _short(value: float) -> int:
    return int(min(_WIDEST, max(-_WIDEST, value)))
