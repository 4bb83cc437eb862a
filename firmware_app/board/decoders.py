"""aicube and aidemo, the vendor's native post-processing.

It checks nothing: tuples for lists, arrays that are not dense or not float32, or of another
size, corrupt memory. Each function here makes sure of them first, or expect() does, once for a model.
Each raises TaskError, MemoryError.
"""

import aicube

from firmware_app.base.errors import TaskError
from firmware_app.board import arrays, vendor

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout

STRIDES = [8, 16, 32]
_suppressing: list = []  # the function that suppressed() calls, once it did: an import takes long
_looked_at: list = [None, 0]  # the last table of suppressed(), which keeps its size, and that


def expect(outputs: list, head: "str | None", size, classes: int) -> None:
    """Raise TaskError where a model's outputs are not what a detection head's decoding reads.

    Outputs of one model have the same sizes with each run. size: (width, height) of the model.
    """
    sizes = _output_sizes(head, size, classes)
    actual = [output.size for output in outputs]
    if actual != sizes:
        raise TaskError("%s: expected outputs of %s values, found %s" % (head, sizes, actual))


def _grids(width: int, height: int, up: bool) -> list:
    cells = []
    for stride in STRIDES:
        if up:
            cells.append(((width + stride - 1) // stride) * ((height + stride - 1) // stride))
        else:
            cells.append((width // stride) * (height // stride))
    return cells


def _output_sizes(head: "str | None", size, classes: int) -> list:
    if head == "GFLDet":
        return [n * (classes + 68) for n in _grids(size[0], size[1], True)]
    cells = _grids(size[0], size[1], False)
    return [n * (5 + classes) * (3 if head == "AnchorBaseDet" else 1) for n in cells]


def anchor_base(outputs, size, frame, classes, confidence, overlap, anchors, agnostic) -> list:
    """Return rows [class, score, x1, y1, x2, y2] in frame pixels; AnchorBaseDet; after expect().

    size, frame: [width, height] of model and picture, lists; anchors: 18 numbers.
    """
    try:
        return aicube.anchorbasedet_post_process(
            outputs[0],
            outputs[1],
            outputs[2],
            size,
            frame,
            STRIDES,
            classes,
            confidence,
            overlap,
            anchors,
            agnostic,
        )
    except Exception as error:
        raise vendor.failed(TaskError, "AnchorBaseDet", error)


def anchor_free(outputs, size, frame, classes, confidence, overlap, agnostic) -> list:
    """Return rows as anchor_base does; AnchorFreeDet; after expect(). Each box comes once for every class."""
    try:
        return aicube.anchorfreedet_post_process(
            outputs[0],
            outputs[1],
            outputs[2],
            size,
            frame,
            STRIDES,
            classes,
            confidence,
            overlap,
            agnostic,
        )
    except Exception as error:
        raise vendor.failed(TaskError, "AnchorFreeDet", error)


def gfl(outputs, size, frame, classes, confidence, overlap, agnostic) -> list:
    """Return rows as anchor_base does; GFLDet; after expect()."""
    try:
        return aicube.gfldet_post_process(
            outputs[0],
            outputs[1],
            outputs[2],
            size,
            frame,
            STRIDES,
            classes,
            confidence,
            overlap,
            agnostic,
        )
    except Exception as error:
        raise vendor.failed(TaskError, "GFLDet", error)


def _yolo_data(tensor, layout: "Layout"):
    """Return an output as the native functions read it, a dense row for each candidate."""
    size = layout.width * layout.count
    if arrays.size_of(tensor) != size:
        raise TaskError(
            "expected an output of %d values, found %d" % (size, arrays.size_of(tensor))
        )
    if layout.kind == "columns":
        return arrays.transposed(tensor.reshape((1, layout.width, layout.count)))
    return tensor.reshape((layout.count, layout.width))


def _sizes_of(size, frame) -> list:
    """Return frame, model and display as [height, width] lists."""
    return [[frame[1], frame[0]], [size[1], size[0]], [frame[1], frame[0]]]


def yolo(tensor, layout: "Layout", size, frame, confidence, overlap, most) -> list:
    """Return rows [class, score, x1, y1, x2, y2] in frame pixels; letterbox at the corner.

    NMS is class-agnostic, always; the heads that need none ("rows") have none.
    """
    data = _yolo_data(tensor, layout)
    seen, model, shown = _sizes_of(size, frame)
    classes = layout.classes
    try:
        import aidemo

        if layout.kind == "rows":
            found = aidemo.yolo26_det_postprocess(
                data, seen, model, shown, classes, confidence, most
            )
        elif layout.kind == "anchors":
            found = aidemo.yolov5_det_postprocess(
                data, seen, model, shown, classes, confidence, overlap, most
            )
        else:
            found = aidemo.yolov8_det_postprocess(
                data, seen, model, shown, classes, confidence, overlap, most
            )
    except Exception as error:
        raise vendor.failed(TaskError, "YOLO", error)
    boxes, ids, scores = found
    rows = []
    for i in range(len(ids)):
        x, y, w, h = boxes[i]
        rows.append([ids[i], scores[i], x, y, x + w, y + h])
    return rows


def suppressed(
    table, size: list, parts: int, classes: int, least: float, overlap: float, most: int
) -> "list | None":
    """Return the classes of the boxes that the YOLOv8 function keeps, best first; None: no such firmware.

    table: a dense row for each candidate of a model of size [height, width]: x and y of the centre,
    width, height, scores; a candidate needs one above `least`. parts: of a pixel that boxes are rounded to.
    """
    if not _suppressing:
        try:
            import aidemo

            _suppressing.append(aidemo.yolov8_det_postprocess)
        except (ImportError, AttributeError):
            return None
    frame = [parts * size[0], parts * size[1]]
    wanted = (4 + classes) * 21 * size[0] * size[1] // 1024
    if table is not _looked_at[0] or wanted != _looked_at[1]:
        if arrays.size_of(table) != wanted:
            raise TaskError("YOLO: expected a row for each candidate")
        _looked_at[:] = [table, wanted]
    try:
        kept = _suppressing[0](table, frame, size, frame, classes, least, overlap, most)
    except Exception as error:
        raise vendor.failed(TaskError, "YOLO", error)
    numbers: list = kept[1]
    return numbers


def poses(tensor, layout: "Layout", size, frame, confidence, overlap, most) -> list:
    """Return rows [class, score, x, y, w, h, values of the keypoints] in frame pixels, as yolo() does.

    Of the heads with columns the class is always 0, and the score that of the first class.
    """
    data = _yolo_data(tensor, layout)
    seen, model, shown = _sizes_of(size, frame)
    classes, points, dims = layout.classes, layout.points, layout.dims
    if layout.kind == "columns" and classes > 1:
        # It looks for keypoints behind one score, and for the next candidate behind those.
        whole = tensor.reshape((1, layout.width, layout.count))
        data = arrays.transposed_without(whole, 5, 4 + classes)
    try:
        import aidemo

        if layout.kind == "rows":
            found = aidemo.yolo26_pose_postprocess(
                data, seen, model, shown, classes, points, dims, confidence, most
            )
        else:
            found = aidemo.yolov8_pose_postprocess(
                data, seen, model, shown, classes, points, dims, confidence, overlap, most
            )
    except Exception as error:
        raise vendor.failed(TaskError, "YOLO poses", error)
    boxes, ids, scores, keypoints = found
    rows = []
    for i in range(len(ids)):
        x, y, w, h = boxes[i]
        # The points of boxes that were suppressed come, too, behind those of the kept ones.
        rows.append([ids[i], scores[i], x, y, w, h, list(keypoints[i])])
    return rows


def rotated(tensor, layout: "Layout", size, frame, confidence, overlap, most) -> list:
    """Return rows [class, score, corners (8 whole numbers)] in frame pixels, as yolo() does."""
    data = _yolo_data(tensor, layout)
    seen, model, shown = _sizes_of(size, frame)
    classes = layout.classes
    try:
        import aidemo

        if layout.kind == "rows":
            found = aidemo.yolo26_obb_postprocess(
                data, seen, model, shown, classes, confidence, most
            )
        else:
            found = aidemo.yolo_obb_postprocess(
                data, seen, model, shown, classes, confidence, overlap, most
            )
    except Exception as error:
        raise vendor.failed(TaskError, "YOLO rotated boxes", error)
    boxes, ids, scores = found
    return [[ids[i], scores[i], list(boxes[i])] for i in range(len(ids))]


def text_boxes(probabilities, size, picture, frame, mask_threshold, box_threshold) -> list:
    """Return [quadrilateral, crop] for each text, expanded as the vendor does, bottom to top.

    probabilities: dense 1-D array of size = (width, height); picture: dense uint8 array, height x
    width x 3, of frame = (width, height), which the map covers from its top left corner on.
    quadrilateral: x, y of four corners in pixels of the picture, top left first, clockwise; crop:
    what it holds, (1, height, width, 3) uint8, cut out whether anybody wants it or not.
    """
    if arrays.size_of(probabilities) != size[0] * size[1]:
        raise TaskError(
            "img_size: expected a map of %d x %d, found %d values"
            % (size[0], size[1], arrays.size_of(probabilities))
        )
    if arrays.size_of(picture) != frame[0] * frame[1] * 3:
        raise TaskError(
            "expected a picture of %d x %d, found %d values"
            % (frame[0], frame[1], arrays.size_of(picture))
        )
    try:
        boxes = aicube.ocr_post_process(
            probabilities, picture, list(size), list(frame), mask_threshold, box_threshold
        )
    except Exception as error:
        raise vendor.failed(TaskError, "finding text", error)
    return [[row[1].tolist(), row[0]] for row in boxes]
