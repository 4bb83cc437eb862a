from typing import Any

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
