"""Multi-label classification: every label by itself, each a sigmoid."""

from firmware_app import arrays, wire
from firmware_app.single_model import SingleModelTask


class Multilabel(SingleModelTask):
    """All labels above the threshold."""

    kind = wire.MULTILABEL

    def decode(self, outputs: list, plan) -> list:
        """Return [flat list of class, score16], best first."""
        count = len(self.labels)
        threshold = self.threshold("confidence_threshold")
        flat: list = []
        for index, score in arrays.best(arrays.sigmoid(arrays.vector(outputs[0])), count):
            if score <= threshold or len(flat) >= 2 * self.settings["max_results"]:
                break
            flat.append(index)
            flat.append(int(score * 65535 + 0.5))
        return [flat]
