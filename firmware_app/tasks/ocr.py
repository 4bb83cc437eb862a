"""OCR: a detector finds lines of text, a recogniser reads each of them."""

from time import ticks_diff, ticks_us

from firmware_app.board import arrays, npu
from firmware_app.package import letterbox
from firmware_app.tasks.ocr_detection import OcrDetection
from firmware_app.tasks.ocr_recognition import OcrRecognition
from firmware_app.tasks.repair import HALF, TIE
from firmware_app.tasks.single_model import score16
from firmware_app.tasks.text_map import LEVEL
from firmware_app.wire import messages
from firmware_app.wire.mpack import Text

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan

_MOST_CUTS = 32  # scalers kept: text that stays in its place is cut out by the same one again
_NOTHING = Text(b"")
_MARGIN = 0.05  # of the shorter side around a box: recognisers want whole letters


class Ocr(OcrDetection):
    """Text with its place. Needs the frame until every box was cut out of it."""

    result_type = messages.OCR
    holds_frame = True
    scored = False  # theirs are the recogniser's

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self.output_bytes = models[0].output_bytes
        self._reader = OcrRecognition(packages[1:], models[1:])
        self._source: "Any" = None
        self._together = 0  # lines that are read at a time; 0: not known yet
        self._crop_output = None

    def take(self, plan: "Plan", source) -> None:
        """Scale for the detector, and keep the source for the crops."""
        super().take(plan, source)
        self._source = source

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [rows]: [text, score16, quad]; the score is the recogniser's."""
        rows: list = []
        waiting: list = []  # rows of lines that are read together, in fewer calls
        lines: list = []
        for quad, _, crop in self.texts(outputs, plan):
            row = [_NOTHING, 0, quad]
            rows.append(row)
            line = self._infer(quad, crop, plan)
            if line is None:
                continue
            waiting.append(row)
            lines.append(line)
            if not self._together:
                self._together = max(1, arrays.most_together(line))
            if len(lines) == self._together:
                self._read(waiting, lines)
                waiting, lines = [], []
        self._source = None
        if lines:
            self._read(waiting, lines)
        return [rows]

    def _read(self, rows: list, lines: list) -> None:
        for row, (text, score) in zip(rows, self._reader.read(lines)):
            row[0], row[1] = Text(text), score16(score)

    def picture_of(self, plan: "Plan"):
        """Return the frame itself: the vendor's recogniser gets what its detector cuts out."""
        return arrays.interleaved(self._source.to_numpy(), plan.region)

    def _infer(self, quad: list, crop, plan: "Plan"):
        """Return the recogniser's output for one box, None where nothing is left of its picture."""
        start = ticks_us()
        if crop is not None:
            crop = arrays.planes_of(crop)
            scaler = self._whole(crop.shape[3], crop.shape[2])
            if scaler is None:
                return None
            tensor = scaler.run(npu.tensor(crop))
        else:
            tensor = self._cut(quad, plan).run(self._source)
        middle = ticks_us()
        outputs = self.models[1].run(tensor)
        self.ai2d_us += ticks_diff(middle, start)
        self.kpu_us += ticks_diff(ticks_us(), middle)
        return outputs[0]

    def _whole(self, width: int, height: int):
        """Return the scaler of a crop as the vendor's script scales it, None where nothing is left of it."""
        target = self._reader.package.img_size
        pads = letterbox.vendor_corner_pads(width, height, target[0], target[1])
        try:
            scaler = npu.Scaler((width, height), target, pads, 0, None, self._crop_output)
        except npu.NpuError:
            return None
        self._crop_output = scaler.output
        return scaler

    def _cut(self, quad: list, plan: "Plan"):
        """Return the scaler that brings this box upright into the recogniser's input."""
        cuts = plan.cuts
        x0, y0, x1, y1, x2, y2, x3, y3 = quad
        key = (x0, y0, x1, y1, x2, y2, x3, y3)  # tuple() walks the list
        scaler = cuts.get(key)
        if scaler is None:
            scaler = self._cutter(quad, plan)
            self._crop_output = scaler.output
            if len(cuts) >= _MOST_CUTS:
                cuts.clear()
            cuts[key] = scaler
        return scaler

    def _cutter(self, quad: list, plan: "Plan"):
        """Return a new one."""
        size = (plan.width, plan.height)
        target = self._reader.package.img_size
        pad_value = self._reader.pad_value(plan.settings)
        x0, y0, x1, y1, x2, y2, x3, y3 = quad
        # At the edge of the region corners of a slanting box may come together, or into a line.
        flat = (x1 - x0) * (y3 - y0) == (y1 - y0) * (x3 - x0)
        if (x0 != x1 or y0 != y1) and (x0 != x3 or y0 != y3):
            x0, y0, x1, y1, x2, y2, x3, y3 = quad = _grown(quad, _MARGIN)
        if flat or (
            abs(y1 - y0) * LEVEL <= abs(x1 - x0) + TIE
            and abs(y2 - y3) * LEVEL <= abs(x2 - x3) + TIE
        ):
            left = min(max(0, int(min(x0, x3) + HALF)), size[0] - 1)
            top = min(max(0, int(min(y0, y1) + HALF)), size[1] - 1)
            width = max(1, min(size[0], int(max(x1, x2) + HALF)) - left)
            height = max(1, min(size[1], int(max(y2, y3) + HALF)) - top)
            pads = letterbox.corner_pads(width, height, target[0], target[1])
            region = (left, top, width, height)
            return npu.Scaler(size, target, pads, pad_value, region, self._crop_output)
        width = max(1, int(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 + HALF))
        height = max(1, int(((x3 - x0) ** 2 + (y3 - y0) ** 2) ** 0.5 + HALF))
        pads = letterbox.corner_pads(width, height, target[0], target[1])
        return npu.Turner(size, target, pads, pad_value, quad, self._crop_output)

    def release(self) -> None:
        """Give both models' memory back."""
        super().release()
        self._source = None
        self._crop_output = None


def _grown(quad: list, margin: float) -> list:
    """Return the corners moved outwards on both axes by margin x the shorter side."""
    x0, y0, x1, y1, x2, y2, x3, y3 = quad
    across = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    down = ((x3 - x0) ** 2 + (y3 - y0) ** 2) ** 0.5
    by = margin * min(across, down)
    ax, ay = (x1 - x0) / across * by, (y1 - y0) / across * by
    bx, by = (x3 - x0) / down * by, (y3 - y0) / down * by
    return [
        x0 - ax - bx,
        y0 - ay - by,
        x1 + ax - bx,
        y1 + ay - by,
        x2 + ax + bx,
        y2 + ay + by,
        x3 - ax + bx,
        y3 - ay + by,
    ]
