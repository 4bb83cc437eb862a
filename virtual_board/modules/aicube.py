"""The board's aicube module: post-processing of the cloud platform's detection, text and
segmentation models. Names, positional arguments and answers are the board's.

Sizes are [width, height] lists, seg_post_process's [height, width]. What the board would not
survive ends the process here too (see _arguments).
"""

import struct

from _k230 import silicon as _silicon
from _k230.arguments import blob, integer, numbers, overwrite, real, size
from ulab import numpy as np


def anchorbasedet_post_process(
    data_0,
    data_1,
    data_2,
    kmodel_size,
    frame_size,
    strides,
    num_class,
    conf,
    nms,
    anchors,
    nms_option,
):
    """Return a list of [label, score, x1, y1, x2, y2] in frame pixels."""
    call = "aicube.anchorbasedet_post_process"
    args = _args(call, kmodel_size, frame_size, strides, num_class, conf, nms)
    args.append(numbers(call, "anchors", anchors, 18, real))
    return _detect(call, (data_0, data_1, data_2), args, nms_option)


def anchorfreedet_post_process(
    data_0, data_1, data_2, kmodel_size, frame_size, strides, num_class, conf, nms, nms_option
):
    """Return a list of [label, score, x1, y1, x2, y2]; each box once per class, as on the board."""
    call = "aicube.anchorfreedet_post_process"
    args = _args(call, kmodel_size, frame_size, strides, num_class, conf, nms)
    return _detect(call, (data_0, data_1, data_2), args, nms_option)


def gfldet_post_process(
    data_0, data_1, data_2, kmodel_size, frame_size, strides, num_class, conf, nms, nms_option
):
    """Return a list of [label, score, x1, y1, x2, y2] in frame pixels."""
    call = "aicube.gfldet_post_process"
    args = _args(call, kmodel_size, frame_size, strides, num_class, conf, nms)
    return _detect(call, (data_0, data_1, data_2), args, nms_option)


def _args(call: str, kmodel_size, frame_size, strides, num_class, conf, nms):
    return [
        size(call, "kmodel_frame_size", kmodel_size),
        size(call, "frame_size", frame_size),
        numbers(call, "strides", strides, 3, integer),
        integer(num_class),
        real(conf),
        real(nms),
    ]


def _detect(call: str, data, args, nms_option):
    blobs = [blob(call, f"output {i}", data[i], np.float) for i in range(3)]
    args.append(bool(nms_option))
    count, (rows,) = _silicon.call(call, args, blobs)
    return [list(struct.unpack_from("<ifiiii", rows, 24 * i)) for i in range(count)]


def seg_post_process(data, num_class, ori_shape, dst_shape):
    """Return the (height, width, 4) uint8 colours A, R, G, B; data is overwritten."""
    call = "aicube.seg_post_process"
    shape = size(call, "dst_shape", dst_shape)
    args = [integer(num_class), size(call, "ori_shape", ori_shape), shape]
    _, (picture, changed) = _silicon.call(call, args, [blob(call, "data", data, np.float)])
    overwrite(data, changed)
    return np.frombuffer(picture, dtype=np.uint8).copy().reshape((shape[0], shape[1], 4))


def ocr_post_process(data_0, data_1, kmodel_size, frame_size, mask_thresh, box_thresh):
    """Return a list of [crop (1, height, width, 3) uint8, eight floats TL, TR, BR, BL]."""
    call = "aicube.ocr_post_process"
    args = [
        size(call, "kmodel_frame_size", kmodel_size),
        size(call, "frame_size", frame_size),
        real(mask_thresh),
        real(box_thresh),
    ]
    blobs = [blob(call, "probability", data_0, np.float), blob(call, "picture", data_1, np.uint8)]
    shapes, answer = _silicon.call(call, args, blobs)
    texts = []
    for i in range(len(shapes)):
        crop = np.frombuffer(answer[i + 1], dtype=np.uint8).copy()
        quad = np.array(struct.unpack_from("<8f", answer[0], 32 * i), dtype=np.float)
        texts.append([crop.reshape((1, shapes[i][0], shapes[i][1], 3)), quad])
    return texts
