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
    """A class for every n-th pixel of the model's output, both ways."""

    result_type = messages.SEGMENTATION

    def limits(self, settings: dict) -> tuple:
        """Return (step between the pixels of the map,)."""
        if settings["vendor_compatible"]:
            return (1,)
        return (max(1, min(self.package.img_size) // settings["map_side"]),)

    def decode(self, outputs: list, plan: "Plan") -> list:
        """Return [map width, map height, runs, areas]."""
        return arrays.class_runs(
            outputs[0], len(self.labels), plan.limits[0], plan.settings["vendor_compatible"]
        )
