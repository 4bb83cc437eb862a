"""Segmentation: a class map in runs, with the area of each class; never a coloured picture.

The vendor's native code colours the map, five classes at most apart; ulab's argmax finds the
classes themselves.
"""

from firmware_app.board import arrays
from firmware_app.tasks.single_model import SingleModelTask
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.tasks.base import Plan


class Segmentation(SingleModelTask):
    """A class for each pixel of the model's input."""

    result_type = messages.SEGMENTATION

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [map width, map height, runs, areas]."""
        classes = len(self.labels)
        shape = outputs[0].shape
        runs, areas = arrays.class_runs(outputs[0], classes, plan.settings["vendor_compatible"])
        return [shape[2], shape[1], runs, areas]
