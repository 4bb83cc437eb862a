from typing import Any

def yolov5_det_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    conf: float,
    nms: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any]: ...
def yolov8_det_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    conf: float,
    nms: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any]: ...
def yolo26_det_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    conf: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any]: ...
def yolov8_pose_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    kp_num: int,
    kp_dim: int,
    conf: float,
    nms: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any, Any]: ...
def yolo26_pose_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    kp_num: int,
    kp_dim: int,
    conf: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any, Any]: ...
def yolo_obb_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    conf: float,
    nms: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any]: ...
def yolo26_obb_postprocess(
    data: Any,
    frame_size: list[int],
    kmodel_size: list[int],
    display_size: list[int],
    num_class: int,
    conf: float,
    max_box_cnt: int,
    /,
) -> tuple[Any, Any, Any]: ...
