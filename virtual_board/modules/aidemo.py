"""The board's aidemo module: post-processing of YOLO models. Names, positional arguments and
answers are the board's; sizes are [height, width] lists.

Of the board's other functions, rgb888_compress is here; the demos' own (faces, hands, key words,
speech, tracking) raise NotImplementedError.
"""

import struct

from _k230 import silicon as _silicon
from _k230.arguments import blob, integer, numbers, overwrite, real, room, size
from ulab import numpy as np

_COCO = 80  # classes, fixed in the native code


def yolov5_det_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, conf, nms, max_box_cnt
):
    """Return [boxes (int16 x, y, w, h), ids, scores]."""
    call = "aidemo.yolov5_det_postprocess"
    rest = [real(conf), real(nms), integer(max_box_cnt)]
    sizes = (frame_size, kmodel_size, display_size)
    return _boxes(call, (data,), sizes, num_class, rest)[:3]


def yolov8_det_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, conf, nms, max_box_cnt
):
    """Return [boxes (int16 x, y, w, h), ids, scores]."""
    call = "aidemo.yolov8_det_postprocess"
    rest = [real(conf), real(nms), integer(max_box_cnt)]
    sizes = (frame_size, kmodel_size, display_size)
    return _boxes(call, (data,), sizes, num_class, rest)[:3]


def yolo26_det_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, conf, max_box_cnt
):
    """Return [boxes (int16 x, y, w, h), ids, scores]."""
    call = "aidemo.yolo26_det_postprocess"
    rest = [real(conf), integer(max_box_cnt)]
    sizes = (frame_size, kmodel_size, display_size)
    return _boxes(call, (data,), sizes, num_class, rest)[:3]


def yolo_obb_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, conf, nms, max_box_cnt
):
    """Return [boxes (int16, four corners), ids, scores]."""
    call = "aidemo.yolo_obb_postprocess"
    rest = [real(conf), real(nms), integer(max_box_cnt)]
    sizes = (frame_size, kmodel_size, display_size)
    return _boxes(call, (data,), sizes, num_class, rest, 8)[:3]


def yolo26_obb_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, conf, max_box_cnt
):
    """Return [boxes (int16, four corners), ids, scores]."""
    call = "aidemo.yolo26_obb_postprocess"
    rest = [real(conf), integer(max_box_cnt)]
    sizes = (frame_size, kmodel_size, display_size)
    return _boxes(call, (data,), sizes, num_class, rest, 8)[:3]


def yolov8_pose_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, kp_num, kp_dim, conf, nms, max_box_cnt
):
    """Return [boxes (int16 x, y, w, h), ids, scores, key points (float)]."""
    call = "aidemo.yolov8_pose_postprocess"
    rest = [integer(kp_num), integer(kp_dim), real(conf), real(nms), integer(max_box_cnt)]
    return _pose(call, data, (frame_size, kmodel_size, display_size), num_class, rest)


def yolo26_pose_postprocess(
    data, frame_size, kmodel_size, display_size, num_class, kp_num, kp_dim, conf, max_box_cnt
):
    """Return [boxes (int16 x, y, w, h), ids, scores, key points (float)]."""
    call = "aidemo.yolo26_pose_postprocess"
    rest = [integer(kp_num), integer(kp_dim), real(conf), integer(max_box_cnt)]
    return _pose(call, data, (frame_size, kmodel_size, display_size), num_class, rest)


def yolov5_seg_postprocess(
    data_0, data_1, frame_size, kmodel_size, display_size, num_class, conf, nms, mask_thresh, masks
):
    """Paint into masks, (height, width, 4) A, R, G, B; return [boxes, ids, scores]."""
    call = "aidemo.yolov5_seg_postprocess"
    rest = [real(conf), real(nms), real(mask_thresh)]
    sizes = (frame_size, kmodel_size, display_size)
    return _seg(call, (data_0, data_1), sizes, num_class, rest, masks)


def yolov8_seg_postprocess(
    data_0, data_1, frame_size, kmodel_size, display_size, num_class, conf, nms, mask_thresh, masks
):
    """Paint into masks, (height, width, 4) A, R, G, B; return [boxes, ids, scores]."""
    call = "aidemo.yolov8_seg_postprocess"
    rest = [real(conf), real(nms), real(mask_thresh)]
    sizes = (frame_size, kmodel_size, display_size)
    return _seg(call, (data_0, data_1), sizes, num_class, rest, masks)


def yolo26_seg_postprocess(
    data_0, data_1, frame_size, kmodel_size, display_size, num_class, conf, mask_thresh, masks
):
    """Paint into masks, (height, width, 4) A, R, G, B; return [boxes, ids, scores]."""
    call = "aidemo.yolo26_seg_postprocess"
    rest = [real(conf), real(mask_thresh)]
    sizes = (frame_size, kmodel_size, display_size)
    return _seg(call, (data_0, data_1), sizes, num_class, rest, masks)


def segment_postprocess(
    outputs, frame_size, kmodel_size, display_size, conf, nms, mask_thresh, masks
):
    """Do yolov8_seg_postprocess for a model of 80 classes, its outputs as they are.

    The vendor's example has floats as masks: the bytes go over them, whatever they are.
    """
    call = "aidemo.segment_postprocess"
    data = numbers(call, "outputs", outputs, 2, _itself)[:2]
    rest = [real(conf), real(nms), real(mask_thresh)]
    sizes = (frame_size, kmodel_size, display_size)
    return _seg(call, data, sizes, _COCO, rest, masks, getattr(masks, "dtype", np.uint8))


def rgb888_compress(frame_size, data, jpeg_quality):
    """Return the (height, width, 3) picture after JPEG compression (pixels, not a file)."""
    call = "aidemo.rgb888_compress"
    args = [size(call, "frame_size", frame_size), integer(jpeg_quality)]
    _, (picture,) = _silicon.call(call, args, [blob(call, "data", data, np.uint8)])
    return np.frombuffer(picture, dtype=np.uint8).copy().reshape((args[0][0], args[0][1], 3))


def _itself(value):
    return value


def _boxes(call: str, data, sizes, num_class, rest, numbers: int = 4):
    """Return [boxes, ids, scores] and, as a fourth, the buffers the call answered."""
    names = ("frame_size", "kmodel_input_size", "display_size")
    args = [size(call, names[i], sizes[i]) for i in range(3)]
    args.append(integer(num_class))
    blobs = [blob(call, f"output {i}", data[i], np.float) for i in range(len(data))]
    count, answer = _silicon.call(call, args + rest, blobs)
    boxes = _arrays(answer[0], "h", numbers, count, np.int16)
    ids = list(struct.unpack_from(f"<{count}i", answer[1], 0))
    scores = list(struct.unpack_from(f"<{count}f", answer[2], 0))
    return [boxes, ids, scores, answer]


def _arrays(data, code: str, length: int, count: int, dtype):
    """Return count arrays of length numbers each."""
    form = f"<{length}{code}"
    step = struct.calcsize(form)
    return [np.array(struct.unpack_from(form, data, step * i), dtype=dtype) for i in range(count)]


def _pose(call: str, data, sizes, num_class, rest):
    result = _boxes(call, (data,), sizes, num_class, rest)
    points = result.pop()[3]
    result.append(_arrays(points, "f", rest[0] * rest[1], len(result[0]), np.float))
    return result


def _seg(call: str, data, sizes, num_class, rest, masks, dtype=np.uint8):
    height, width = size(call, "display_size", sizes[2])
    room(call, "masks", masks, height * width * 4, dtype)
    result = _boxes(call, data, sizes, num_class, rest)
    overwrite(masks, result.pop()[3])
    return result


def _absent(name: str):
    def call(*args):
        raise NotImplementedError(f"aidemo.{name} is on the board, not on the virtual board")

    return call


body_seg_postprocess = _absent("body_seg_postprocess")
contours = _absent("contours")
eye_gaze_post_process = _absent("eye_gaze_post_process")
face_det_post_process = _absent("face_det_post_process")
face_draw_mesh = _absent("face_draw_mesh")
face_mesh_post_process = _absent("face_mesh_post_process")
face_parse_post_process = _absent("face_parse_post_process")
invert_affine_transform = _absent("invert_affine_transform")
kws_fp_create = _absent("kws_fp_create")
kws_fp_destroy = _absent("kws_fp_destroy")
kws_preprocess = _absent("kws_preprocess")
licence_det_postprocess = _absent("licence_det_postprocess")
mask_resize = _absent("mask_resize")
nanotracker_postprocess = _absent("nanotracker_postprocess")
ocr_rec_preprocess = _absent("ocr_rec_preprocess")
opencv_grayscale_find_blobs = _absent("opencv_grayscale_find_blobs")
person_kp_postprocess = _absent("person_kp_postprocess")
polylines = _absent("polylines")
save_wav = _absent("save_wav")
tts_zh_create = _absent("tts_zh_create")
tts_zh_destroy = _absent("tts_zh_destroy")
tts_zh_preprocess = _absent("tts_zh_preprocess")
yolo_license_plate_det_postprocess = _absent("yolo_license_plate_det_postprocess")
yunet_postprocess = _absent("yunet_postprocess")
