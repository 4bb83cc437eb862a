"""Classification as the cloud platform defines it: one sigmoid for two classes, softmax above."""

from firmware_app import arrays, wire
from firmware_app.errors import TaskError
from firmware_app.single_model import SingleModelTask


class Classification(SingleModelTask):
    """One label for the whole picture."""

    kind = wire.CLASSIFICATION

    def decode(self, outputs: list, plan) -> list:
        """Return [decided, top]: top is class, score16, class, score16 … best first."""
        count = len(self.labels)
        expected = 1 if count <= 2 else count
        found = arrays.size_of(outputs[0])
        # Two labels with two logits: the vendor's script looks at the first alone, and so do we.
        if len(outputs) != 1 or (found != expected and not (count == 2 and found == 2)):
            raise TaskError(
                "categories: the kmodel's output has %d values, expected %d for %d categories" % (found, expected, count)
            )
        logits = arrays.vector(outputs[0])
        threshold = self.settings["confidence_threshold"]
        if threshold is None:
            threshold = self.package.confidence_threshold
        if count > 2:
            ranked = arrays.best(arrays.softmax(logits), min(self.settings["top_k"], count))
            decided = ranked[0][1] > threshold
        else:
            score = float(arrays.sigmoid(logits)[0])
            ranked = [(0, 1.0 - score)]
            if count == 2:
                ranked.append((1, score))
                if score > threshold:
                    ranked.reverse()
            decided = True  # two classes: one of them it is
        top: list = []
        for index, score in ranked:
            top.append(index)
            top.append(int(score * 65535 + 0.5))
        return [1 if decided else 0, top]
