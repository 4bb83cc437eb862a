"""Masks and class maps as numpy arrays."""

from __future__ import annotations

from typing import Any

from host_client.convert.libraries import need
from host_client.results.types import Result, SegmentationResult


def class_map(result: SegmentationResult) -> Any:
    """Return the class map of a segmentation result: uint16, (map height, map width), class ids."""
    numpy = need("numpy")
    pairs = numpy.array(result.rle, dtype=numpy.int64).reshape(-1, 2)
    flat = numpy.repeat(pairs[:, 0].astype(numpy.uint16), pairs[:, 1])
    return flat.reshape(result.height, result.width)


def masks(result: Result) -> Any:
    """Return boolean masks in the frame's size: (number, frame height, frame width).

    Instance segmentation: one mask per object, in order; an object without a mask gives its box.
    Segmentation: one mask per class id, from 0. Raises ValueError for other tasks, or if the
    result does not contain the frame's size.
    """
    numpy = need("numpy")
    width, height = result.source.width, result.source.height
    if width is None or height is None:
        raise ValueError("masks: the result does not contain the size of its frame")
    if isinstance(result, SegmentationResult):
        classes = class_map(result)
        rows = numpy.arange(height) * result.height // height
        columns = numpy.arange(width) * result.width // width
        full = classes[rows[:, None], columns]
        return full[None] == numpy.arange(len(result.areas), dtype=full.dtype)[:, None, None]
    if result.task != "instance_segmentation":
        raise ValueError(f"masks: results of {result.task} have no masks")
    found = numpy.zeros((len(result.objects), height, width), numpy.bool_)
    for number, item in enumerate(result.objects):
        if item.mask is not None:
            found[number] = item.mask.in_frame(width, height)
        else:
            left, top = max(0, item.x), max(0, item.y)
            found[number, top : max(0, item.y + item.h), left : max(0, item.x + item.w)] = True
    return found
