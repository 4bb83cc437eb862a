"""Oriented detection: rotated boxes; YOLO models with an angle."""

import struct
from math import atan2, pi

from firmware_app.board import decoders
from firmware_app.tasks import yolo
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.tasks.base import Plan

_WIDEST = 32767  # what 16 bits hold


class OrientedDetection(yolo.YoloTask):
    """Rotated boxes with class and score."""

    result_type = messages.ORIENTED_DETECTION

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [boxes]: centre and size in eighths of a pixel, hundredths of a degree, score1000, class."""
        settings = plan.settings
        dx, dy, width, height = plan.region
        confidence, overlap, alone = plan.limits
        tensor = outputs[self.layout.output]
        if settings["vendor_compatible"]:
            found = self._vendors(tensor, plan)
            left = top = 0
            across = down = 1.0
        else:
            found = yolo.kept_rotated(tensor, self.layout, confidence, overlap, alone)
            left, top, across, down = yolo.place(settings, (width, height), self.package.img_size)
        yolo.check_scores(found)
        if self.layout.kind == "rows":
            yolo.check_classes([(0, 0, 0, 0, 0, row[1]) for row in found], self.layout)
        least = 8 * (settings["min_size"] or 1)
        # The frame's scale is the same both ways but for a pixel of the letterbox.
        mean = 4 * (across + down)
        whole, half_turn = int, pi  # what is local is found sooner
        values: list = []
        add = values.extend
        for score, label, cx, cy, w, h, angle in found:
            w8, h8 = whole(w * mean + 0.5), whole(h * mean + 0.5)
            if w8 < least or h8 < least:
                continue
            cx = (cx - left) * across
            cy = (cy - top) * down
            if not (0 <= cx <= width and 0 <= cy <= height):
                continue
            score1000 = whole(score * 1000 + 0.5)
            add(
                (
                    whole((cx + dx) * 8 + 0.5),
                    whole((cy + dy) * 8 + 0.5),
                    w8,
                    h8,
                    whole(angle * 18000 / half_turn + 0.5 + 36000) % 18000,
                    score1000 if score1000 < 1000 else 1000,
                    label,
                )
            )
        del values[7 * settings["max_results"] :]
        if values and max(values) > _WIDEST:
            return [[values[at : at + 7] for at in range(0, len(values), 7)]]
        # Bytes: MicroPython compares a string that it makes with all names that it knows.
        return [bytearray(struct.pack(b"<" + b"h" * len(values), *values))]

    def _vendors(self, tensor, plan: "Plan") -> list:
        """Return rows as yolo.kept_rotated(), in pixels of the frame, of the native function's corners."""
        confidence, overlap, _ = plan.limits
        rows = []
        for label, score, corners in decoders.rotated(
            tensor,
            self.layout,
            self.package.img_size,
            plan.region[2:],
            confidence,
            overlap,
            plan.settings["max_results"],
        ):
            # Bottom right, bottom left, top left, top right of the box before it was turned.
            ax, ay, bx, by, cx, cy, ex, ey = corners
            ux, uy = ax - bx, ay - by
            vx, vy = bx - cx, by - cy
            rows.append(
                (
                    score,
                    label,
                    (ax + bx + cx + ex) / 4,
                    (ay + by + cy + ey) / 4,
                    (ux * ux + uy * uy) ** 0.5,
                    (vx * vx + vy * vy) ** 0.5,
                    atan2(uy, ux),
                )
            )
        return rows
