"""Multi-label classification: every label by itself, each a sigmoid."""

from firmware_app import arrays, wire
from firmware_app.single_model import SingleModelTask, labels_of, need, product, shapes


class Multilabel(SingleModelTask):
    """All labels above the threshold."""

    kind = wire.MULTILABEL

    @classmethod
    def check(cls, settings, packages) -> None:
        """One output, a value for each category."""
        package = packages[0]
        count = len(labels_of(settings, package))
        found = shapes(package)
        if not count or len(found) != 1 or product(found[0]) != count:
            raise need(package, "categories", "a kmodel output of a value for each of %d categories" % count, found)

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
