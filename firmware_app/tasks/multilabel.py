"""Multi-label classification: every label by itself, each a sigmoid."""

from firmware_app.board import arrays
from firmware_app.tasks.activation import Activation, score16
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan


class Multilabel(SingleModelTask):
    """All labels above the threshold."""

    result_type = messages.MULTILABEL
    thresholds = ("confidence_threshold",)

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._activation = Activation(exclusive=False)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [flat list of class, score16], best first."""
        count = len(self.labels)
        threshold = plan.limits[0]
        flat: list = []
        scores = arrays.vector(outputs[0])
        if not self._activation.probabilities(scores, plan.settings["model_output"]):
            scores = arrays.sigmoid(scores)
        count = min(count, plan.settings["max_results"])
        for index, score in arrays.best_above(scores, count, threshold):
            flat.append(index)
            flat.append(score16(score))
        return [flat]
