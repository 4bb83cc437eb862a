"""Text detection: quadrilaterals around lines of text."""

from firmware_app.board import arrays, decoders
from firmware_app.package import letterbox
from firmware_app.tasks import repair
from firmware_app.tasks.single_model import SingleModelTask, strongest
from firmware_app.tasks.text_map import TextMap
from firmware_app.wire import messages


class OcrDetection(SingleModelTask):
    """Text boxes, corners from the top left clockwise."""

    kind = messages.OCR_DETECTION
    scored = True  # whether results tell the detector's scores

    def __init__(self, settings, packages, models) -> None:
        super().__init__(settings, packages, models)
        self._dark = None

    def pads(self, width: int, height: int):
        """Return the letterbox, the picture at the top left."""
        pads = (
            letterbox.vendor_corner_pads
            if self.settings["vendor_compatible"]
            else letterbox.corner_pads
        )
        return pads(width, height, self.package.img_size[0], self.package.img_size[1])

    def texts(self, outputs: list, plan) -> list:
        """Return [quad, score, crop] for each text: eight integers in frame pixels, the mean
        probability of its pixels (1.0 where neither results nor a choice between texts need it), and
        what the vendor cuts out for the recogniser (else None).
        """
        probabilities = arrays.first_channel(outputs[0])
        if self.settings["vendor_compatible"]:
            rows = self._as_the_vendor(probabilities, plan)
        else:
            rows = self._repaired(probabilities, plan)
        return strongest(rows, self.settings["max_results"], 1)

    def _repaired(self, probabilities, plan) -> list:
        size = self.package.img_size
        mask = self.threshold("mask_threshold")
        if self._dark is None:
            # The native function cuts boxes out of a picture that nobody here looks at.
            self._dark = arrays.dark(size[0], size[1])
        text_map = TextMap(probabilities, size, mask)
        # Little more than no text: a region's score stays what it is.
        text_map.close_holes(mask + (1 - mask) / 256)
        found = decoders.text_boxes(
            probabilities, size, self._dark, size, mask, self.threshold("box_threshold")
        )
        width, height = plan.region[2:]
        picture = letterbox.fit(width, height, size[0], size[1])
        across, down = width / picture[0], height / picture[1]
        least = max(1, self.settings["min_size"])
        scored = self.scored or len(found) > self.settings["max_results"]
        rows = []
        for quad, _ in found:
            quad = repair.text_box(quad, size, text_map.thickness)
            if quad is None:
                continue
            # Where nobody wants the score, text in the middle tells as well that the box holds some.
            score = 1.0
            if scored or not text_map.inside(
                int((quad[0] + quad[4]) / 2 + 0.5), int((quad[1] + quad[5]) / 2 + 0.5)
            ):
                score = text_map.score(quad)
                if not score:
                    continue
            for i in (0, 2, 4, 6):
                quad[i] *= across
                quad[i + 1] *= down
            corners = _corners(quad, plan.region)
            if _shorter_side(corners) >= least:
                rows.append([corners, score, None])
        rows.sort(key=_top)
        return rows

    def _as_the_vendor(self, probabilities, plan) -> list:
        """Return the rows as the vendor's script has them, in its order."""
        size = self.package.img_size
        width, height = plan.region[2:]
        mask = self.threshold("mask_threshold")
        found = decoders.text_boxes(
            probabilities,
            size,
            self.picture_of(plan),
            (width, height),
            mask,
            self.threshold("box_threshold"),
        )
        ratio = min(size[0] / width, size[1] / height)
        text_map = TextMap(probabilities, size, mask)
        rows = []
        for quad, crop in found:
            corners = _corners(quad, plan.region)
            if self.settings["min_size"] and _shorter_side(corners) < self.settings["min_size"]:
                continue
            inner = [value * ratio for value in quad]
            score = text_map.score(inner)
            rows.append([corners, score, crop])
        return rows

    def picture_of(self, plan):
        """Return a picture that the vendor's function can cut boxes out of: here a dark one."""
        if self._dark is None or arrays.size_of(self._dark) != plan.region[2] * plan.region[3] * 3:
            self._dark = arrays.dark(plan.region[2], plan.region[3])
        return self._dark

    def decode(self, outputs: list, plan) -> list:
        """Return [rows]: [nil, score16, quad] for each text."""
        found = self.texts(outputs, plan)
        return [[[None, int(score * 65535 + 0.5), quad] for quad, score, _ in found]]


def _top(row):
    return row[0][1]


def _corners(quad: list, region) -> list:
    """Return the corners as integers inside the region, in pixels of the frame."""
    left, top, width, height = region
    corners = [int(value + 0.5) for value in quad]
    if not left and not top and min(corners) >= 0:
        if max(corners[0::2]) <= width and max(corners[1::2]) <= height:
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
    return int((dx * dx + dy * dy) ** 0.5)
