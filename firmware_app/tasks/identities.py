"""Metric learning with a detector: each box is cut out, embedded, and looked up in the gallery."""

import time

from firmware_app.board import npu
from firmware_app.gallery.recognizer import Recognizer
from firmware_app.tasks.base import Task
from firmware_app.tasks.detection import Detection
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.board.npu import Model
    from firmware_app.gallery.recognizer import Embedding
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan


class Identities(Task):
    """Boxes with identities: a detector package and an embedding package, at most max_crops boxes a frame."""

    result_type = messages.IDENTITIES
    recognizer: "Recognizer"
    holds_frame = True  # until every box was cut out of it

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self.package = packages[1]
        self.sha256 = self.package.sha256  # the gallery's model
        self.recognizer = Recognizer(packages[1], models[1])
        self._detector = Detection(packages[:1], models[:1])
        self._source: "Any" = None
        self._crop: "Any" = None  # ai2d's output tensor, one for all boxes

    async def prepare(self, settings: dict, pause) -> None:
        """Open the gallery."""
        self.warnings = self.warnings + await self.recognizer.start(settings, pause)

    def plan(self, settings: dict, width: int, height: int, camera: bool) -> "Plan":
        """Return how pictures of this size reach the detector, and how its boxes are decided."""
        inner = dict(settings)
        inner["nms"] = inner["nms_threshold"] = None
        inner["confidence_threshold"] = settings["detection_threshold"]
        inner["max_results"] = settings["max_crops"]
        plan = self._detector.plan(inner, width, height, camera)
        plan.rule = self.recognizer.rule(settings)
        return plan

    def take(self, plan: "Plan", source) -> None:
        """Scale for the detector, and keep the source for the boxes."""
        self._detector.take(plan, source)
        self._source = source
        self.recognizer.take(source, plan)

    def finish(self, plan: "Plan", inferred=None) -> list:
        """Detect, then recognize each box; return [rows]."""
        detector = self._detector
        boxes = [box for box in detector.detect(plan) if box[2] and box[3]]
        self.ai2d_us = detector.ai2d_us
        self.kpu_us = detector.kpu_us
        self.decode_us = detector.decode_us
        recognizer = self.recognizer
        watched = recognizer.watched(plan)
        embeddings: "list[Embedding]" = []
        rows: list = []
        for x, y, w, h, score1000, label in boxes:
            start = time.ticks_us()
            tensor = self._cut(plan, (x, y, w, h))
            middle = time.ticks_us()
            embedding = recognizer.embed(tensor)
            end = time.ticks_us()
            embedding.box = (x, y, w, h)
            embedding.class_id = label
            embedding.score1000 = score1000
            if watched:
                embedding.light = npu.light(tensor)
            embeddings.append(embedding)
            decision = recognizer.decide(embedding.vector, plan.rule)
            identity = decision.row() if decision is not None else [None, None, None]
            rows.append(identity + [x, y, w, h, label, score1000])
            self.ai2d_us += time.ticks_diff(middle, start)
            self.kpu_us += time.ticks_diff(end, middle)
            self.decode_us += time.ticks_diff(time.ticks_us(), end)
        self.output_bytes = detector.output_bytes + len(rows) * (
            self.models[1].output_bytes + recognizer.left_behind()
        )
        recognizer.deliver(embeddings, plan)
        self._source = None
        return [rows]

    def _cut(self, plan: "Plan", box: tuple):
        scaler = npu.Scaler(
            (plan.width, plan.height), self.package.img_size, region=box, output=self._crop
        )
        self._crop = scaler.output
        return scaler.run(self._source)

    def release(self) -> None:
        """Give the tensors' and both models' memory back."""
        self._source = None
        self._crop = None
        self._detector.release()
        super().release()
