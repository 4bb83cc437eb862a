"""The board's post-processors for instance masks, quirks included.

Those of the YOLO class (``port/ai_demo/yolo_seg.cpp``), and the older one of the example
``segment_yolov8n.py`` (``object_segment.cpp``).

Masks are scaled up bilinearly (the vendor passes nearest-neighbour in the wrong place) and painted
best instance first, so that a worse one covers a better one. Sizes are ``(height, width)``.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import cpp, yolo
from virtual_board.silicon.native.cpp import F32, Floats, Ints
from virtual_board.silicon.native.yolo import Found, Mapping, Size

Picture = npt.NDArray[np.uint8]

_PROTOTYPES = 32
_MOST_INSTANCES = 512  # OpenCV's limit of channels, which the vendor uses for instances
_ALPHA = 127
_PALETTE = bytes.fromhex(
    "dc143c770b2000008e0000e66a00e4003c640050640000460000c0faaa1e64aa1edcdc00af74affa001ea52a2a"
    "ff4dff00e2fcb6b6ff00520078a69d6e4c00ae39ffc76400480076ffb3f0007d5cd10097bcd0b600dcb0ff63a4"
    "5c00498581ff4eb4ff00e400aefff32d59ff8686679194aeffd0bac5e2ffab86016d3f36cf8aff97005f09503d"
    "5469334a4169a6c466d0c3d2ff6d41008f95b300c2d1636a057900e3ffcd93bad0994501035fa1a3ff007700aa"
    "00b6c700a578b782585f20008272876e8185a64a76db8eb94fd272b25a3e41460f7fa7733b696a8e6c2dc4ac00"
    "5f3650804cffc93901f6007abfa2d0"
)


def yolov5_seg_postprocess(
    output: Floats,
    prototypes: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    mask_threshold: float,
) -> tuple[Found, Picture]:
    """Decode rows ``cx, cy, w, h, objectness, classes, 32 coefficients``."""
    rows, ids, scores = yolo.candidates(
        output, model, num_classes, confidence, anchors=3, extra=_PROTOTYPES
    )
    found, real = yolo.centred(rows, ids, scores, Mapping(frame, model, display))
    kept = yolo.suppress(found, nms)
    coefficients = rows[real][kept, -_PROTOTYPES:]
    mask = _corner_mask(frame, model, display, num_classes, mask_threshold)
    return mask.paint(found.take(kept), coefficients, prototypes)


def yolov8_seg_postprocess(
    output: Floats,
    prototypes: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    mask_threshold: float,
) -> tuple[Found, Picture]:
    """Decode rows ``cx, cy, w, h, classes, 32 coefficients``."""
    rows, ids, scores = yolo.candidates(output, model, num_classes, confidence, extra=_PROTOTYPES)
    found, real = yolo.centred(rows, ids, scores, Mapping(frame, model, display))
    kept = yolo.suppress(found, nms)
    coefficients = rows[real][kept, -_PROTOTYPES:]
    mask = _corner_mask(frame, model, display, num_classes, mask_threshold)
    return mask.paint(found.take(kept), coefficients, prototypes)


def yolo26_seg_postprocess(
    output: Floats,
    prototypes: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    mask_threshold: float,
) -> tuple[Found, Picture]:
    """Decode 300 rows ``x1, y1, x2, y2, score, class, 32 coefficients``, kept in their order."""
    rows = yolo.end_to_end(output, 6 + _PROTOTYPES, confidence)
    found, real = yolo.cornered(rows, Mapping(frame, model, display))
    mask = _corner_mask(frame, model, display, num_classes, mask_threshold)
    return mask.paint(found, rows[real][:, -_PROTOTYPES:], prototypes)


def segment_postprocess(
    output: Floats,
    prototypes: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    mask_threshold: float,
) -> tuple[Found, Picture]:
    """Decode columns ``cx, cy, w, h, classes, 32 coefficients``, with the frame in the middle of the input.

    A score equal to the threshold passes. A box without a whole pixel is left out, but not its
    coefficients: the boxes behind it get those of the box before them.
    """
    cells = yolo.grid_rows(model)
    rows = cpp.table(output, 4 + num_classes + _PROTOTYPES, cells).T
    classes = rows[:, 4 : 4 + num_classes]
    picked = np.flatnonzero(classes.max(axis=1) >= F32(confidence))
    rows, classes = rows[picked], classes[picked]
    tall, wide = (F32(model[axis] / frame[axis]) for axis in (0, 1))
    used = list(model)
    if tall > wide:
        used[0] = int(wide * F32(frame[0]))
    else:
        used[1] = int(tall * F32(frame[1]))
    if min(used) < 1:
        raise NativeFault("frame size: so narrow that no row or column of the input is its")
    pads = [(model[axis] - used[axis]) // 2 for axis in (0, 1)]
    mapped = np.empty((len(rows), 4), F32)
    for column, axis, start in ((0, 1, pads[1]), (1, 0, pads[0]), (2, 1, 0), (3, 0, 0)):
        ratio = F32(frame[axis]) / F32(used[axis])
        placed = (rows[:, column] - F32(start)) * ratio * F32(display[axis])
        mapped[:, column] = placed / F32(frame[axis])
    corner = np.maximum(mapped[:, :2] - 0.5 * mapped[:, 2:].astype(np.float64), 0)
    boxes = np.concatenate([cpp.to_int(corner), cpp.to_int(mapped[:, 2:])], axis=1)
    real = (boxes[:, 2:] > 0).all(axis=1)
    scores = classes.max(axis=1)
    found = Found(boxes[real], classes[real].argmax(axis=1), scores[real])
    kept = yolo.suppress(found, nms)
    grid = (model[0] // 4, model[1] // 4)
    window = []
    for axis in (0, 1):
        first = int(F32(pads[axis]) / F32(model[axis]) * F32(grid[axis]))
        window.append(slice(first, first + grid[axis] - pads[axis] // 2))
    mask = _Mask(display, num_classes, mask_threshold, grid, window)
    return mask.paint(found.take(kept), rows[kept, -_PROTOTYPES:], prototypes)


def _corner_mask(
    frame: Size, model: Size, display: Size, num_classes: int, threshold: float
) -> _Mask:
    """Return the painter for a frame in the top left corner of the input."""
    grid = (model[0] // 4, model[1] // 4)
    scale = Mapping(frame, model, display).scale
    used = [_used(frame[axis], model[axis], grid[axis], scale) for axis in (0, 1)]
    return _Mask(display, num_classes, threshold, grid, [slice(0, most) for most in used])


class _Mask:
    """Paints instances on a transparent ``[height, width, 4]`` canvas of A, R, G, B.

    grid: cells of a prototype; window: those of the frame, rows and columns.
    """

    def __init__(
        self, display: Size, num_classes: int, threshold: float, grid: Size, window: list[slice]
    ) -> None:
        self._display = display
        self._num_classes = num_classes
        self._threshold = F32(threshold)
        self._grid = grid
        self._window = window

    def paint(
        self, found: Found, coefficients: Floats, prototypes: Floats
    ) -> tuple[Found, Picture]:
        """Clip the boxes to the display and paint each instance: outline, then mask.

        Args:
            coefficients: ``[n, 32]``.
            prototypes: flat tensor ``[32, height / 4, width / 4]``.

        Raises:
            NativeFault: what ends the board's process: over 512 instances, a box outside the
                display, a class beyond the palette, a frame so narrow that no mask is left.
        """
        canvas = np.zeros((*self._display, 4), np.uint8)
        found = found._replace(boxes=self._clipped(found.boxes))
        if not len(found.ids):
            return found, canvas
        self._refuse(found)
        planes = cpp.table(prototypes, _PROTOTYPES, self._grid[0] * self._grid[1])
        logits = (coefficients.astype(np.float64) @ planes.astype(np.float64)).astype(F32)
        size = (self._display[1], self._display[0])
        masks = []
        for row in logits:
            grid = row.reshape(self._grid)[self._window[0], self._window[1]]
            sigmoid = F32(1) / (F32(1) + np.asarray(cv2.exp(-grid), F32))
            masks.append(np.asarray(cv2.resize(sigmoid, size)) > self._threshold)
        for box, label, mask in zip(found.boxes.tolist(), found.ids.tolist(), masks, strict=True):
            colour = _colour(label)
            x, y, width, height = box
            cv2.rectangle(canvas, (x, y, width, height), colour, 2, 8)
            window = (slice(y, y + height), slice(x, x + width))
            canvas[window][mask[window]] = colour
        return found, canvas

    def _clipped(self, boxes: Ints) -> Ints:
        low = np.maximum(boxes[:, :2], 0)
        high = np.minimum(boxes[:, :2] + boxes[:, 2:], [self._display[1], self._display[0]])
        clipped = np.concatenate([low, high - low], axis=1)
        clipped[(clipped[:, 2:] <= 0).any(axis=1)] = 0
        return clipped

    def _refuse(self, found: Found) -> None:
        if len(found.ids) > _MOST_INSTANCES:
            raise NativeFault(f"instances: at most {_MOST_INSTANCES}, found {len(found.ids)}")
        if not found.boxes[:, 2:].all():
            raise NativeFault("box: one lies wholly outside the display")
        beyond = (found.ids < 0) | (found.ids >= self._num_classes)
        if beyond.any():
            label = int(found.ids[beyond][0])
            raise NativeFault(f"class: expected below {self._num_classes}, found {label}")
        if any(side.stop <= side.start for side in self._window):
            raise NativeFault("frame size: so narrow that no row or column of the masks is its")


def _used(frame: int, model: int, grid: int, scale: np.float32) -> int:
    """Return how many mask cells along one axis the frame covers."""
    padding = max(model - int(cpp.to_int(np.array(F32(frame) * scale)[None])[0]), 0)
    return grid - int(padding * (grid / model))


def _colour(label: int) -> tuple[int, int, int, int]:
    start = label % (len(_PALETTE) // 3) * 3
    red, green, blue = _PALETTE[start : start + 3]
    return _ALPHA, red, green, blue
