from typing import Any

def anchorbasedet_post_process(
    data_0: Any,
    data_1: Any,
    data_2: Any,
    kmodel_size: list[int],
    frame_size: list[int],
    strides: list[int],
    num_class: int,
    conf: float,
    nms: float,
    anchors: list[float],
    nms_option: bool,
    /,
) -> list[list[Any]]: ...
def anchorfreedet_post_process(
    data_0: Any,
    data_1: Any,
    data_2: Any,
    kmodel_size: list[int],
    frame_size: list[int],
    strides: list[int],
    num_class: int,
    conf: float,
    nms: float,
    nms_option: bool,
    /,
) -> list[list[Any]]: ...
def gfldet_post_process(
    data_0: Any,
    data_1: Any,
    data_2: Any,
    kmodel_size: list[int],
    frame_size: list[int],
    strides: list[int],
    num_class: int,
    conf: float,
    nms: float,
    nms_option: bool,
    /,
) -> list[list[Any]]: ...
def ocr_post_process(
    data_0: Any,
    data_1: Any,
    kmodel_size: list[int],
    frame_size: list[int],
    mask_thresh: float,
    box_thresh: float,
    /,
) -> list[list[Any]]: ...
