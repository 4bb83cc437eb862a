"""Metric learning: the embedding of the whole picture."""

from firmware_app import arrays, wire
from firmware_app.single_model import SingleModelTask


class MetricLearning(SingleModelTask):
    """One embedding, as the model gives it (not normalised)."""

    kind = wire.METRIC_LEARNING

    def decode(self, outputs: list, plan) -> list:
        """Return [embedding, identity]; identity is nil without a gallery."""
        return [arrays.raw(outputs[0]), None]
