"""Classification: softmax, or one sigmoid for two classes, as the cloud platform has it."""

from firmware_app.board import arrays
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.tasks.base import Plan


class Classification(SingleModelTask):
    """One label for the whole picture."""

    result_type = messages.CLASSIFICATION
    thresholds = ("confidence_threshold",)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [decided, top]: top is class, score16, class, score16 … best first."""
        count = len(self.labels)
        logits = arrays.vector(outputs[0])
        threshold = plan.limits[0]
        # The vendor's script takes a sigmoid of the first output for up to two labels, even where
        # there are two outputs.
        single = count <= 2 and (len(logits) == 1 or plan.settings["vendor_compatible"])
        if not single:
            ranked = arrays.best(arrays.softmax(logits), min(plan.settings["top_k"], count))
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
