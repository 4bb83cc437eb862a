"""Metric learning: the embedding of the whole picture."""

from firmware_app import arrays, wire
from firmware_app.single_model import SingleModelTask, need, product, shapes


class MetricLearning(SingleModelTask):
    """One embedding, as the model gives it (not normalised)."""

    kind = wire.METRIC_LEARNING

    @classmethod
    def check(cls, settings, packages) -> None:
        """One output, the embedding."""
        found = shapes(packages[0])
        if len(found) != 1 or product(found[0]) < 2:
            raise need(packages[0], "model_type", "one kmodel output, the embedding", found)

    def decode(self, outputs: list, plan) -> list:
        """Return [embedding, identity]; identity is nil without a gallery."""
        return [arrays.vector(outputs[0]).tobytes(), None]
