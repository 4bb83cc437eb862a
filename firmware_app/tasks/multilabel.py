"""Multi-label classification: every label by itself, each a sigmoid."""

from firmware_app.board import arrays
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.tasks.base import Plan


class Multilabel(SingleModelTask):
    """All labels above the threshold."""

    result_type = messages.MULTILABEL
    thresholds = ("confidence_threshold",)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [flat list of class, score16], best first."""
        count = len(self.labels)
        threshold = plan.limits[0]
        flat: list = []
        for index, score in arrays.best(arrays.sigmoid(arrays.vector(outputs[0])), count):
            if score <= threshold or len(flat) >= 2 * plan.settings["max_results"]:
                break
            flat.append(index)
            flat.append(int(score * 65535 + 0.5))
        return [flat]
