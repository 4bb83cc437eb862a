"""Metric learning: the embedding of the whole picture, and with a gallery the identity it matches."""

from firmware_app.board import arrays, npu
from firmware_app.gallery.recognizer import Embedding, Recognizer
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan


class MetricLearning(SingleModelTask):
    """One embedding, as the model gives it (not normalised), and one identity."""

    result_type = messages.METRIC_LEARNING
    recognizer: "Recognizer"

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self.recognizer = Recognizer(packages[0], models[0])

    async def prepare(self, settings: dict, pause) -> None:
        """Open the gallery."""
        self.warnings = self.warnings + await self.recognizer.start(settings, pause)

    def plan(self, settings: dict, width: int, height: int, camera: bool) -> "Plan":
        """Return how pictures of this size are scaled and decided."""
        plan = super().plan(settings, width, height, camera)
        plan.rule = self.recognizer.rule(settings)
        return plan

    def take(self, plan: "Plan", source) -> None:
        """Scale the frame, and the regions of it that a client wants to enroll."""
        super().take(plan, source)
        self.recognizer.take(source, plan)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [embedding, identity]; identity is nil without a gallery."""
        recognizer = self.recognizer
        embedding = Embedding(arrays.unit(arrays.vector(outputs[0])))
        decision = recognizer.decide(embedding.vector, plan.rule)
        self.output_bytes = self._model.output_bytes + recognizer.left_behind()
        if recognizer.watched(plan):
            embedding.light = npu.light(self._tensor)
        recognizer.deliver([embedding], plan)
        values = None
        if recognizer.wants_embedding(plan.settings["embeddings"]):
            values = arrays.raw(outputs[0])
        return [values, decision.row() if decision is not None else None]
