"""Objects with more than a box: masks, keypoints and rotated boxes (docs/json.md)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from host_client.results.lines import Json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DIGITS = 2  # of fractional coordinates
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


class Mask(NamedTuple):
    """The mask of an object: columns x rows cells that divide the rectangle x, y, w, h of the frame.

    rle: run lengths row by row: off, on, off ...; the first may be 0.
    """

    x: int
    y: int
    w: int
    h: int
    columns: int
    rows: int
    rle: tuple[int, ...]

    @property
    def area(self) -> int:
        """Number of cells of the object."""
        return sum(self.rle[1::2])

    def cells(self) -> bytes:
        """Return columns * rows bytes, row by row: 1 for the object, else 0."""
        return b"".join(bytes((i & 1,)) * run for i, run in enumerate(self.rle))

    def to_numpy(self) -> npt.NDArray[np.bool_]:
        """Return the cells as a (rows, columns) array. Needs numpy."""
        import numpy as np  # noqa: PLC0415 - not every client has it

        cells = np.frombuffer(self.cells(), np.bool_)
        return cells.reshape(self.rows, self.columns)

    def in_frame(self, width: int, height: int) -> npt.NDArray[np.bool_]:
        """Return a boolean (height, width) array of the whole frame, True for the object. Needs numpy."""
        import numpy as np  # noqa: PLC0415 - not every client has it

        frame = np.zeros((height, width), np.bool_)
        left, top = max(0, self.x), max(0, self.y)
        right, bottom = min(width, self.x + self.w), min(height, self.y + self.h)
        if left < right and top < bottom:
            cells = self.to_numpy()
            rows = (np.arange(top, bottom) - self.y) * self.rows // self.h
            columns = (np.arange(left, right) - self.x) * self.columns // self.w
            frame[top:bottom, left:right] = cells[rows[:, None], columns]
        return frame

    def enlarged(self, x: float, y: float) -> Mask:
        """Return the mask with its rectangle scaled."""
        left, top = round(self.x * x), round(self.y * y)
        w, h = round((self.x + self.w) * x) - left, round((self.y + self.h) * y) - top
        return self._replace(x=left, y=top, w=w, h=h)


class Instance(NamedTuple):
    """An object with its mask: left, top, width and height in pixels of the source frame.

    mask: None if the message had no room for it. track: as Box.track (types.py).
    """

    label: str
    score: float
    x: int
    y: int
    w: int
    h: int
    class_id: int = -1
    mask: Mask | None = None
    track: int | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this object."""
        row = _box(self)
        row["mask"] = None
        if self.mask is not None:
            row["mask"] = {**self.mask._asdict(), "rle": list(self.mask.rle)}
        return row


class Keypoint(NamedTuple):
    """A named point in pixels of the source frame. score: None if the model has no point scores."""

    name: str
    x: int
    y: int
    score: float | None


class Pose(NamedTuple):
    """An object with its keypoints, in the order of the model's keypoint names."""

    label: str
    score: float
    x: int
    y: int
    w: int
    h: int
    class_id: int = -1
    keypoints: tuple[Keypoint, ...] = ()
    track: int | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this object."""
        row = _box(self)
        row["keypoints"] = [point._asdict() for point in self.keypoints]
        return row


class OrientedBox(NamedTuple):
    """A rotated box: its centre (x, y), its size (w, h), and the angle of its side w.

    angle: degrees clockwise from the frame's x axis, 0 <= angle < 180. x, y, w, h: the upright box
    around it. corners: four (x, y): top left, top right, bottom right and bottom left of the box
    before its rotation.
    """

    label: str
    score: float
    x: int
    y: int
    w: int
    h: int
    class_id: int
    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float
    corners: tuple[tuple[float, float], ...]
    track: int | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this object."""
        row = _box(self)
        row["centre"], row["size"] = list(self.centre), list(self.size)
        row["angle"] = self.angle
        row["corners"] = [list(corner) for corner in self.corners]
        return row

    def enlarged(self, x: float, y: float) -> OrientedBox:
        """Return the box with its coordinates scaled."""
        turn = math.radians(self.angle)
        cos, sin = math.cos(turn), math.sin(turn)
        angle = math.degrees(math.atan2(sin * y, cos * x))
        w = self.size[0] * math.hypot(cos * x, sin * y)
        h = self.size[1] * math.hypot(sin * x, cos * y)
        centre = (self.centre[0] * x, self.centre[1] * y)
        box = oriented(self.label, self.score, self.class_id, centre, (w, h), angle)
        return box._replace(track=self.track)


def oriented(
    label: str,
    score: float,
    class_id: int,
    centre: tuple[float, float],
    size: tuple[float, float],
    angle: float,
) -> OrientedBox:
    """Return the rotated box of a centre, size and angle in degrees."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    cx, cy = centre
    w, h = size[0] / 2, size[1] / 2
    corners = tuple(
        (
            round(cx + along * w * cos - across * h * sin, _DIGITS),
            round(cy + along * w * sin + across * h * cos, _DIGITS),
        )
        for along, across in _CORNERS
    )
    xs, ys = [corner[0] for corner in corners], [corner[1] for corner in corners]
    x, y = math.floor(min(xs)), math.floor(min(ys))
    box = (x, y, math.ceil(max(xs)) - x, math.ceil(max(ys)) - y)
    rounded = (
        (round(cx, _DIGITS), round(cy, _DIGITS)),
        (
            round(size[0], _DIGITS),
            round(size[1], _DIGITS),
        ),
    )
    return OrientedBox(label, score, *box, class_id, *rounded, round(angle, 2) % 180, corners)


def _box(item: Any) -> Json:
    row = {
        "label": item.label,
        "class_id": item.class_id,
        "score": item.score,
        "x": item.x,
        "y": item.y,
        "w": item.w,
        "h": item.h,
    }
    if item.track is not None:
        row["track"] = item.track
    return row
