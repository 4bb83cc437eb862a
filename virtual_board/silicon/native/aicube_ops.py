"""The ``aicube`` operations the silicon offers to the interpreter, packed for the channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import aicube, cpp, ocr_det
from virtual_board.silicon.native.aicube import Detections
from virtual_board.silicon.native.cpp import Floats

Answer = tuple[Any, list[Any]]
Operation = Callable[[list[Any], list[memoryview]], Answer]

_ROW = np.dtype([("label", "<i4"), ("score", "<f4"), ("box", "<i4", (4,))])


def floats(blob: memoryview) -> Floats:
    """View a buffer as float32."""
    return np.frombuffer(blob, np.float32)


def named(name: str, operation: Operation) -> Operation:
    """Put the call's name in front of each fault of the operation."""

    def call(args: list[Any], blobs: list[memoryview]) -> Answer:
        try:
            with np.errstate(all="ignore"):
                return operation(args, blobs)
        except NativeFault as fault:
            raise NativeFault(f"{name}: {fault.message}") from fault

    return call


def _detector(decode: Callable[..., Detections]) -> Operation:
    """Serve `[model size, frame size, strides, …]` with three tensors.

    Answers the number of detections and their 24-byte rows: label, score, four corners.
    """

    def call(args: list[Any], blobs: list[memoryview]) -> Answer:
        strides = args[2]
        if len(strides) < 3 or min(strides[:3]) < 1:
            raise NativeFault(f"strides: expected three of at least 1, found {strides}")
        for name, size in (("kmodel_frame_size", args[0]), ("frame_size", args[1])):
            if min(size) < 1:
                raise NativeFault(f"{name}: expected at least 1 by 1, found {size}")
        found = decode([floats(blob) for blob in blobs], args[0], args[1], strides[:3], *args[3:])
        rows = np.zeros(len(found.labels), _ROW)
        rows["label"], rows["score"] = found.labels, found.scores
        rows["box"] = cpp.to_int(found.boxes)
        return len(rows), [rows.tobytes()]

    return call


def _segmentation(args: list[Any], blobs: list[memoryview]) -> Answer:
    """Serve `[classes, (h, w), (h, w)]`; answers the picture and the overwritten logits."""
    num_classes, size, display = args
    if num_classes < 1 or min(*size, *display) < 1:
        raise NativeFault(f"sizes: expected all of at least 1, found {args}")
    picture, logits = aicube.seg_post_process(
        floats(blobs[0]), num_classes, (size[0], size[1]), (display[0], display[1])
    )
    return None, [picture.tobytes(), logits.tobytes()]


def _text(args: list[Any], blobs: list[memoryview]) -> Answer:
    """Serve `[(w, h), (w, h), mask threshold, box threshold]` with the map and the picture.

    Answers the crops' (height, width); the first buffer holds the quadrilaterals as eight floats
    each, the others one crop each.
    """
    model, frame, mask_threshold, box_threshold = args
    picture = np.frombuffer(blobs[1], np.uint8)
    for name, size in (("kmodel_frame_size", model), ("frame_size", frame)):
        if min(size) < 1:
            raise NativeFault(f"{name}: expected at least 1 by 1, found {size}")
    if picture.size < frame[0] * frame[1] * 3:
        raise NativeFault(
            f"picture: expected {frame[0]} x {frame[1]} x 3 bytes, found {picture.size};"
            " the board reads past the end"
        )
    texts = ocr_det.ocr_post_process(
        cpp.table(floats(blobs[0]), model[1], model[0]),
        picture,
        (model[0], model[1]),
        (frame[0], frame[1]),
        mask_threshold,
        box_threshold,
    )
    quads = b"".join(text.quad.tobytes() for text in texts)
    crops = [text.crop for text in texts]
    return [crop.shape[:2] for crop in crops], [quads, *(crop.tobytes() for crop in crops)]


OPS: dict[str, Operation] = {
    name: named(name, operation)
    for name, operation in {
        "aicube.anchorbasedet_post_process": _detector(aicube.anchorbasedet_post_process),
        "aicube.anchorfreedet_post_process": _detector(aicube.anchorfreedet_post_process),
        "aicube.gfldet_post_process": _detector(aicube.gfldet_post_process),
        "aicube.seg_post_process": _segmentation,
        "aicube.ocr_post_process": _text,
    }.items()
}
"""Operations the silicon offers to the interpreter: name to `(args, blobs) -> (result, blobs)`."""
