"""Draw results into a picture with OpenCV."""

from __future__ import annotations

from typing import Any

from host_client.convert.libraries import need
from host_client.results.types import Result

_COLOURS = (  # BGR
    *((75, 25, 230), (75, 180, 60), (216, 99, 67), (49, 130, 245)),
    *((180, 30, 145), (128, 128, 0), (36, 99, 154), (0, 0, 128)),
)


def draw(picture: Any, result: Result) -> Any:
    """Draw a result into a uint8 BGR array, in place, and return it.

    picture: any size; coordinates are scaled from the frame's size. OpenCV's font has only ASCII:
    other characters become `?`.
    """
    cv2 = need("cv2", "opencv-python-headless")
    height, width = picture.shape[:2]
    frame_width = result.source.width or width
    frame_height = result.source.height or height

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * width / frame_width), round(y * height / frame_height)

    def write(text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
        plain = text.encode("ascii", "replace").decode()
        x, y = max(0, place[0]), max(12, place[1] - 4)
        cv2.putText(picture, plain, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)

    some: Any = result
    items = getattr(some, "boxes", None) or getattr(some, "objects", None) or ()
    for item in items:
        colour = _COLOURS[item.class_id % len(_COLOURS)]
        if hasattr(item, "corners"):
            corners = [at(*corner) for corner in item.corners]
            for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
                cv2.line(picture, start, end, colour, 2)
        else:
            cv2.rectangle(
                picture, at(item.x, item.y), at(item.x + item.w, item.y + item.h), colour, 2
            )
        name = getattr(item, "identity", None) or item.label
        score = getattr(item, "label_score", item.score)
        write(f"{name} {score:.2f}", at(item.x, item.y), colour)
        points = [at(point.x, point.y) for point in getattr(item, "keypoints", ())]
        for point in points:
            cv2.circle(picture, point, 3, colour, -1)
        for first, second in getattr(some, "skeleton", ()):
            if first < len(points) and second < len(points):
                cv2.line(picture, points[first], points[second], colour, 1)
    for text in getattr(some, "texts", ()):
        corners = [at(*corner) for corner in text.quad or ()]
        for start, end in zip(corners, [*corners[1:], *corners[:1]], strict=True):
            cv2.line(picture, start, end, _COLOURS[0], 2)
        write(text.text or "", corners[0] if corners else (4, 16), _COLOURS[0])
    lines = [f"{row.label} {row.score:.2f}" for row in getattr(some, "labels", ())]
    if isinstance(getattr(some, "label", None), str):
        lines.append(f"{some.label} {some.score:.2f}")
    for number, line in enumerate(lines):
        write(line, (4, 20 + 16 * number), _COLOURS[2])
    return picture
