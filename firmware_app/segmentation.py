"""Segmentation: a class map in runs, with the area of each class; never a coloured picture.

The vendor's native code colours the map, five classes at most apart; ulab's argmax finds the
classes themselves.
"""

from firmware_app import arrays, wire
from firmware_app.single_model import SingleModelTask, labels_of, need, shapes


class Segmentation(SingleModelTask):
    """A class for each pixel of the model's input."""

    kind = wire.SEGMENTATION

    @classmethod
    def check(cls, settings, packages) -> None:
        """One output [1, height, width, classes]."""
        package = packages[0]
        count = len(labels_of(settings, package))
        found = shapes(package)
        if not count or count > 255 or len(found) != 1 or len(found[0]) != 4 or found[0][3] != count:
            raise need(package, "categories", "a kmodel output [1, height, width, %d] for %d categories" % (count, count), found)

    def decode(self, outputs: list, plan) -> list:
        """Return [map width, map height, runs, areas]."""
        classes = len(self.labels)
        shape = outputs[0].shape
        runs, areas = arrays.class_runs(outputs[0], classes, self.settings["vendor_compatible"])
        return [shape[2], shape[1], runs, areas]
