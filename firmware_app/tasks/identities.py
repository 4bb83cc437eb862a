"""Metric learning behind a detector: what it finds is cut out, embedded, and looked up in the gallery."""

import time

from firmware_app.board import npu
from firmware_app.gallery.recognition import Recognition
from firmware_app.tasks.detection import Detection
from firmware_app.wire import messages


class _DetectorSettings:
    """The task's settings as the detector asks for them; they may change while it runs."""

    _FIXED = {"nms": None, "nms_threshold": None, "labels": None, "head": None}
    _OTHER = {"confidence_threshold": "detection_threshold", "max_results": "max_crops"}

    def __init__(self, task) -> None:
        self._task = task

    def __getitem__(self, name: str):
        if name in self._FIXED:
            return self._FIXED[name]
        return self._task.settings[self._OTHER.get(name, name)]


class Identities:
    """Boxes with identities: a detector package and an embedding package, at most max_crops boxes a frame."""

    kind = messages.IDENTITIES
    holds_frame = True  # until every box was cut out of it

    def __init__(self, settings, packages, models) -> None:
        self.settings = settings
        self._detector = Detection(_DetectorSettings(self), packages[:1], models[:1])
        self.package = packages[1]
        self._model = models[1]
        self.output_bytes = models[0].output_bytes + models[1].output_bytes
        self.labels = self._detector.labels
        self.name = self._detector.name + "+" + self.package.name
        self.sha256 = self.package.sha256  # the gallery's model
        self.warnings = self._detector.warnings + self.package.warnings
        self.recognition = Recognition(self, packages[1], models[1])
        self._source = None
        self._crop = None  # ai2d's output tensor, one for all boxes
        self.ai2d_us = 0
        self.kpu_us = 0
        self.decode_us = 0

    async def prepare(self, pause) -> None:
        """Open the gallery."""
        note = await self.recognition.start(pause)
        if note:
            self.warnings = self.warnings + [note]

    def plan(self, width: int, height: int, use_region: bool):
        """Return how pictures of this size reach the detector."""
        plan = self._detector.plan(width, height, use_region)
        plan.camera = use_region
        return plan

    def take(self, plan, source) -> None:
        """Scale for the detector, and keep the source for the boxes."""
        self._detector.take(plan, source)
        self._source = source
        self.recognition.take(source, plan)

    def finish(self, plan, inferred=None) -> list:
        """Detect, then recognize each box; return [rows]. The frame is needed: inferred goes uncalled."""
        detector = self._detector
        boxes = [box for box in detector.detect(plan) if box[2] and box[3]]
        self.ai2d_us = detector.ai2d_us
        self.kpu_us = detector.kpu_us
        self.decode_us = detector.decode_us
        recognition = self.recognition
        watched = recognition.watched(plan)
        found: list = []
        rows: list = []
        for x, y, w, h, score1000, label in boxes[: self.settings["max_crops"]]:
            start = time.ticks_us()
            tensor = self._cut(plan, (x, y, w, h))
            middle = time.ticks_us()
            one = recognition.embed(tensor)
            end = time.ticks_us()
            one.box = (x, y, w, h)
            one.kind = label
            one.score1000 = score1000
            if watched:
                one.light = npu.light(tensor)
            found.append(one)
            decision = recognition.decide(one.vector)
            identity = decision.row() if decision is not None else [None, None, None]
            rows.append(identity + [x, y, w, h, label, score1000])
            self.ai2d_us += time.ticks_diff(middle, start)
            self.kpu_us += time.ticks_diff(end, middle)
            self.decode_us += time.ticks_diff(time.ticks_us(), end)
        self.output_bytes = self._detector.output_bytes + len(rows) * (
            self._model.output_bytes + recognition.left_behind()
        )
        recognition.deliver(found, plan)
        self._source = None
        return [rows]

    def _cut(self, plan, box):
        scaler = npu.Scaler(
            (plan.width, plan.height), self.package.img_size, region=box, output=self._crop
        )
        self._crop = scaler.output
        return scaler.run(self._source)

    def release(self) -> None:
        """Give both models' memory back."""
        self._detector.release()
        self._source = None
        self._crop = None
        self._model.release()
