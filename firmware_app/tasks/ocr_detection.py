"""Text detection: quadrilaterals around lines of text."""

from firmware_app.board import arrays, decoders
from firmware_app.package import letterbox
from firmware_app.tasks import repair
from firmware_app.tasks.repair import HALF, TIE
from firmware_app.tasks.single_model import SingleModelTask, ordered, score16, strongest
from firmware_app.tasks.text_map import TextMap
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

# Pixels of the model's input: so far beyond the picture a text at its edge may reach, and what the native
# function puts around it.
_BEYOND = 32


class OcrDetection(SingleModelTask):
    """Text boxes, corners from the top left clockwise."""

    result_type = messages.OCR_DETECTION
    thresholds = ("mask_threshold", "box_threshold")
    scored = True  # whether results tell the detector's scores

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._dark = None

    def pads(self, settings: dict, width: int, height: int) -> tuple:
        """Return the letterbox, the picture at the top left."""
        pads = (
            letterbox.vendor_corner_pads if settings["vendor_compatible"] else letterbox.corner_pads
        )
        return pads(width, height, self.package.img_size[0], self.package.img_size[1])

    def texts(self, outputs: list, plan: "Plan") -> list:
        """Return [quad, score, crop] for each text: eight integers in frame pixels, the mean
        probability of its pixels (1.0 where neither results nor a choice between texts need it), and
        what the vendor cuts out for the recogniser (else None).
        """
        if plan.settings["vendor_compatible"]:
            rows = self._as_the_vendor(outputs[0], plan)
        else:
            rows = self._repaired(outputs[0], plan)
        return strongest(rows, plan.settings["max_results"], 1)

    def _repaired(self, tensor, plan: "Plan") -> list:
        size = self.package.img_size
        width, height = plan.region[2:]
        picture = letterbox.fit(width, height, size[0], size[1])
        # Of the map, what shows the picture; on its other part nobody wants to be told a text.
        size = (min(size[0], picture[0] + _BEYOND), min(size[1], picture[1] + _BEYOND))
        probabilities = arrays.first_channel(tensor, size[0], size[1])
        mask, box = plan.limits
        # The native function cuts boxes out of a picture that nothing here looks at.
        dark = self._dark_picture(size[0], size[1])
        text_map = TextMap(probabilities, size, mask)
        # Little more than no text: a region's score stays what it is.
        text_map.close_holes(mask + (1 - mask) / 256)
        found = decoders.text_boxes(probabilities, size, dark, size, mask, box)
        across, down = width / picture[0], height / picture[1]
        side = max(1, plan.settings["min_size"]) - TIE
        least = side * side
        scored = self.scored or len(found) > plan.settings["max_results"]
        at_corner = not plan.region[0] and not plan.region[1]
        text_box, thickness = repair.text_box, text_map.thickness
        half = HALF
        rows: list = []
        for quad, _ in found:
            quad = text_box(quad, size, thickness)
            if quad is None:
                continue
            x0, y0, x1, y1, x2, y2, x3, y3 = quad
            # Where the score is not wanted, text in the middle tells as well that the box holds some.
            score = 1.0
            if scored or not text_map.met:
                score = text_map.score(quad)
                if not score:
                    continue
            level = x0 == x3 and x1 == x2 and y0 == y1 and y2 == y3
            x0, y0 = int(x0 * across + half), int(y0 * down + half)
            x2, y2 = int(x2 * across + half), int(y2 * down + half)
            if level:
                x1, y1, x3, y3 = x2, y0, x0, y2
            else:
                x1, y1 = int(x1 * across + half), int(y1 * down + half)
                x3, y3 = int(x3 * across + half), int(y3 * down + half)
            corners = [x0, y0, x1, y1, x2, y2, x3, y3]
            if not (level and at_corner and x0 >= 0 and y0 >= 0 and x2 <= width and y2 <= height):
                corners = _inside(corners, plan.region)
                x0, y0, x1, y1, x2, y2 = corners[:6]
            ax, by = x1 - x0, y2 - y1
            if level:
                if ax < side or by < side:
                    continue
            else:
                ay, bx = y1 - y0, x2 - x1
                if ax * ax + ay * ay < least or bx * bx + by * by < least:
                    continue
            rows.append([corners, score, None])
        return ordered(rows, [row[0][1] for row in rows])

    def _as_the_vendor(self, tensor, plan: "Plan") -> list:
        """Return the rows as the vendor's script has them, in its order."""
        size = self.package.img_size
        probabilities = arrays.first_channel(tensor, size[0], size[1])
        width, height = plan.region[2:]
        mask, box = plan.limits
        found = decoders.text_boxes(
            probabilities,
            size,
            self.picture_of(plan),
            (width, height),
            mask,
            box,
        )
        ratio = min(size[0] / width, size[1] / height)
        text_map = TextMap(probabilities, size, mask)
        rows = []
        for quad, crop in found:
            corners = _corners(quad, plan.region)
            if plan.settings["min_size"] and _shorter_side(corners) < plan.settings["min_size"]:
                continue
            inner = [value * ratio for value in quad]
            score = text_map.score(inner)
            rows.append([corners, score, crop])
        return rows

    def picture_of(self, plan: "Plan"):
        """Return a picture that the vendor's function can cut boxes out of: here a dark one."""
        return self._dark_picture(plan.region[2], plan.region[3])

    def _dark_picture(self, width: int, height: int):
        if self._dark is None or arrays.size_of(self._dark) != width * height * 3:
            self._dark = arrays.dark(width, height)
        return self._dark

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [rows]: [nil, score16, quad] for each text."""
        found = self.texts(outputs, plan)
        return [[[None, score16(score), quad] for quad, score, _ in found]]


def _corners(quad: list, region) -> list:
    """Return the corners as integers inside the region, in pixels of the frame."""
    return _inside([int(value + HALF) for value in quad], region)


def _inside(corners: list, region) -> list:
    """Return integer corners, moved from the region to the frame, none outside the region; corners change."""
    left, top, width, height = region
    if not left and not top and min(corners) >= 0:
        x0, y0, x1, y1, x2, y2, x3, y3 = corners
        if max(x0, x1, x2, x3) <= width and max(y0, y1, y2, y3) <= height:
            return corners
    for i in range(0, 8, 2):
        corners[i] = left + min(width, max(0, corners[i]))
        corners[i + 1] = top + min(height, max(0, corners[i + 1]))
    return corners


def _shorter_side(quad: list) -> int:
    return min(_side(quad, 0, 2), _side(quad, 2, 4))


def _side(quad: list, a: int, b: int) -> int:
    dx = quad[a] - quad[b]
    dy = quad[a + 1] - quad[b + 1]
    return int((dx * dx + dy * dy) ** 0.5 + TIE)
