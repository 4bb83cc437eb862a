"""The ``aidemo`` operations the silicon offers to the interpreter, packed for the channel.

Each answers the number of boxes, then three buffers: boxes (int16, four or eight each), class ids
(int32), scores (float32). Key points (float32) or the painted canvas follow as a fourth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import yolo, yolo_obb, yolo_pose, yolo_seg
from virtual_board.silicon.native.aicube_ops import Answer, Operation, floats, named
from virtual_board.silicon.native.yolo import Found


def _packed(found: Found, *more: npt.NDArray[Any]) -> Answer:
    buffers = [
        found.boxes.astype("<i2").tobytes(),  # wraps, as the board's store does
        found.ids.astype("<i4").tobytes(),
        found.scores.astype("<f4").tobytes(),
    ]
    return len(found.ids), buffers + [array.tobytes() for array in more]


def _serve(decode: Callable[..., Any]) -> Operation:
    """Serve `[frame, model, display, classes, …]` with the head's tensors."""

    def call(args: list[Any], blobs: list[memoryview]) -> Answer:
        for name, size in zip(("frame", "model", "display"), args[:3], strict=False):
            if min(size) < 1:
                raise NativeFault(f"{name} size: expected at least 1 by 1, found {size}")
        if args[3] < 1:
            raise NativeFault(f"class count: expected at least 1, found {args[3]}")
        answer = decode(*(floats(blob) for blob in blobs), *args)
        return _packed(answer) if isinstance(answer, Found) else _packed(*answer)

    return call


def _rgb888_compress(args: list[Any], blobs: list[memoryview]) -> Answer:
    """Serve `[(h, w), quality]`: the picture through JPEG and back, not the JPEG file."""
    (height, width), quality = args
    picture = np.frombuffer(blobs[0], np.uint8)
    if min(height, width) < 1 or picture.size < height * width * 3:
        raise NativeFault(
            f"picture: expected {height} x {width} x 3 bytes, found {picture.size};"
            " the board reads past the end"
        )
    rgb = picture[: height * width * 3].reshape(height, width, 3)
    options = [cv2.IMWRITE_JPEG_QUALITY, min(max(quality, 1), 100)]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return None, [cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).tobytes()]


OPS: dict[str, Operation] = {
    name: named(name, operation)
    for name, operation in {
        "aidemo.yolov5_det_postprocess": _serve(yolo.yolov5_det_postprocess),
        "aidemo.yolov8_det_postprocess": _serve(yolo.yolov8_det_postprocess),
        "aidemo.yolo26_det_postprocess": _serve(yolo.yolo26_det_postprocess),
        "aidemo.yolo_obb_postprocess": _serve(yolo_obb.yolo_obb_postprocess),
        "aidemo.yolo26_obb_postprocess": _serve(yolo_obb.yolo26_obb_postprocess),
        "aidemo.yolov8_pose_postprocess": _serve(yolo_pose.yolov8_pose_postprocess),
        "aidemo.yolo26_pose_postprocess": _serve(yolo_pose.yolo26_pose_postprocess),
        "aidemo.yolov5_seg_postprocess": _serve(yolo_seg.yolov5_seg_postprocess),
        "aidemo.yolov8_seg_postprocess": _serve(yolo_seg.yolov8_seg_postprocess),
        "aidemo.yolo26_seg_postprocess": _serve(yolo_seg.yolo26_seg_postprocess),
        "aidemo.segment_postprocess": _serve(yolo_seg.segment_postprocess),
        "aidemo.rgb888_compress": _rgb888_compress,
    }.items()
}
"""Operations the silicon offers to the interpreter: name to `(args, blobs) -> (result, blobs)`."""
