"""Text detection: quadrilaterals around lines of text."""

from firmware_app import arrays, decoders, letterbox, repair, wire
from firmware_app.single_model import SingleModelTask


class OcrDetection(SingleModelTask):
    """Text boxes, corners from the top left clockwise."""

    kind = wire.OCR_DETECTION

    def __init__(self, settings, packages, models) -> None:
        super().__init__(settings, packages, models)
        # The native function cuts boxes out of a picture that nobody here looks at.
        self._dummy = arrays.dark(self.package.img_size[0], self.package.img_size[1])

    def pads(self, width: int, height: int):
        """Return the letterbox, the picture at the top left."""
        pads = (
            letterbox.vendor_corner_pads
            if self.settings["vendor_compatible"]
            else letterbox.corner_pads
        )
        return pads(width, height, self.package.img_size[0], self.package.img_size[1])

    def quads(self, outputs: list, plan) -> list:
        """Return [quad, score] with eight integers in frame pixels for each text, top to bottom."""
        size = self.package.img_size
        probabilities = arrays.first_channel(outputs[0])
        mask = self.threshold("mask_threshold")
        found = decoders.text_boxes(
            probabilities, size, self._dummy, mask, self.threshold("box_threshold")
        )

        def inside(x: int, y: int) -> bool:
            return 0 <= x < size[0] and 0 <= y < size[1] and probabilities[y * size[0] + x] > mask

        dx, dy, width, height = plan.region
        picture = letterbox.fit(width, height, size[0], size[1])
        smallest = self.settings["min_size"]
        rows = []
        for quad in found:
            if not self.settings["vendor_compatible"]:
                quad = repair.text_box(quad, size, inside)
                if quad is None:
                    continue
            score = arrays.mean_inside(probabilities, size[0], size[1], quad)
            corners = []
            for i in range(0, 8, 2):
                corners.append(dx + min(width, max(0, int(quad[i] * width / picture[0] + 0.5))))
                corners.append(
                    dy + min(height, max(0, int(quad[i + 1] * height / picture[1] + 0.5)))
                )
            if min(_side(corners, 0, 2), _side(corners, 2, 4)) < max(1, smallest):
                continue
            rows.append([corners, score])
        rows.sort(key=_top)
        return rows[: self.settings["max_results"]]

    def decode(self, outputs: list, plan) -> list:
        """Return [rows]: [nil, score16, quad] for each text."""
        return [
            [[None, int(score * 65535 + 0.5), quad] for quad, score in self.quads(outputs, plan)]
        ]


def _top(row):
    return row[0][1]


def _side(quad: list, a: int, b: int) -> int:
    dx = quad[a] - quad[b]
    dy = quad[a + 1] - quad[b + 1]
    return int((dx * dx + dy * dy) ** 0.5)
