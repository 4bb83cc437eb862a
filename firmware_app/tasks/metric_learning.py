"""Metric learning: the embedding of the whole picture, and with a gallery whose it is."""

from firmware_app.board import arrays, npu
from firmware_app.gallery.recognition import Found, Recognition
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages


class MetricLearning(SingleModelTask):
    """One embedding, as the model gives it (not normalised), and one identity."""

    kind = messages.METRIC_LEARNING

    def __init__(self, settings, packages, models) -> None:
        super().__init__(settings, packages, models)
        self.recognition = Recognition(self, packages[0], models[0])

    async def prepare(self, pause) -> None:
        """Open the gallery."""
        note = await self.recognition.start(pause)
        if note:
            self.warnings = self.warnings + [note]

    def plan(self, width: int, height: int, use_region: bool):
        """Return how pictures of this size are scaled, and whether they are the camera's."""
        plan = super().plan(width, height, use_region)
        plan.camera = use_region
        return plan

    def take(self, plan, source) -> None:
        """Scale the frame, and the regions of it that somebody wants to enroll."""
        super().take(plan, source)
        self.recognition.take(source, plan)

    def decode(self, outputs: list, plan) -> list:
        """Return [embedding, identity]; identity is nil without a gallery."""
        recognition = self.recognition
        found = Found(arrays.unit(arrays.vector(outputs[0])))
        decision = recognition.decide(found.vector)
        self.output_bytes = self._model.output_bytes + recognition.left_behind()
        if recognition.watched(plan):
            found.light = npu.light(self._tensor)
        recognition.deliver([found], plan)
        embedding = arrays.raw(outputs[0]) if recognition.wants_embedding() else None
        return [embedding, decision.row() if decision is not None else None]
