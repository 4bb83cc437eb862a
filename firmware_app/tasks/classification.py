"""Classification: softmax, or one sigmoid for two classes, as the cloud platform has it."""

from builtins import len  # found sooner than where it is built in

from firmware_app.board import arrays
from firmware_app.package import letterbox
from firmware_app.tasks.activation import Activation, score16
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.board.npu import Model
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Plan


class Classification(SingleModelTask):
    """One label for the whole picture."""

    result_type = messages.CLASSIFICATION
    thresholds = ("confidence_threshold",)

    def __init__(self, packages: "list[Package]", models: "list[Model]") -> None:
        super().__init__(packages, models)
        self._activation = Activation(exclusive=True)

    def cropped(self, region: "tuple | None", width: int, height: int) -> "tuple | None":
        """Return the middle of the region, as YOLO classifiers are trained; the platform's see all of it."""
        if self.package.family is None:
            return region
        x, y, w, h = region or (0, 0, width, height)
        wide, high = letterbox.fit(self.package.img_size[0], self.package.img_size[1], w, h)
        return x + (w - wide) // 2, y + (h - high) // 2, wide, high

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [decided, top]: top is class, score16, class, score16 … best first."""
        count = len(self.labels)
        logits = arrays.vector(outputs[0])
        threshold = plan.limits[0]
        # The vendor's script takes a sigmoid of the first output for up to two labels, even where
        # there are two outputs.
        vendors = plan.settings["vendor_compatible"]
        said = "logits" if vendors else plan.settings["model_output"]
        if vendors and self.package.family is not None:
            # The vendor's own class for YOLO: a softmax for yolov5 alone, each class an output.
            vendors = False
            said = "logits" if self.package.family == "yolov5" else "probabilities"
        single = count <= 2 and (len(logits) == 1 or vendors)
        if not single:
            inside = self._activation.probabilities(logits, said)
            scores = logits if inside else arrays.softmax(logits)
            ranked = arrays.best(scores, min(plan.settings["top_k"], count))
            decided = ranked[0][1] > threshold
        else:
            scores = logits if said == "probabilities" else arrays.sigmoid(logits)
            score = float(scores[0])
            ranked = [(0, 1.0 - score)]
            if count == 2:
                ranked.append((1, score))
                if score > threshold:
                    ranked.reverse()
            decided = True  # two classes: one of them it is
        top: list = []
        for index, score in ranked:
            top.append(index)
            top.append(score16(score))
        return [1 if decided else 0, top]
