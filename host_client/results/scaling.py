"""Scale results of a picture that was sent at a smaller size."""

from __future__ import annotations

from host_client.results.objects import Keypoint
from host_client.results.types import (
    DetectionResult,
    IdentitiesResult,
    InstanceSegmentationResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
)


def enlarged(result: Result, x: float, y: float) -> Result:
    """Return a result with scaled coordinates. x, y: source size / sent size."""
    if x == y == 1:
        return result
    if isinstance(result, DetectionResult):
        boxes = tuple(
            box._replace(
                x=round(box.x * x), y=round(box.y * y), w=round(box.w * x), h=round(box.h * y)
            )
            for box in result.boxes
        )
        return result._replace(boxes=boxes)
    if isinstance(result, IdentitiesResult):
        objects = tuple(
            item._replace(
                x=round(item.x * x), y=round(item.y * y), w=round(item.w * x), h=round(item.h * y)
            )
            for item in result.objects
        )
        return result._replace(objects=objects)
    if isinstance(result, InstanceSegmentationResult):
        instances = tuple(
            item._replace(
                x=round(item.x * x),
                y=round(item.y * y),
                w=round(item.w * x),
                h=round(item.h * y),
                mask=item.mask and item.mask.enlarged(x, y),
            )
            for item in result.objects
        )
        return result._replace(objects=instances)
    if isinstance(result, PoseResult):
        poses = tuple(
            item._replace(
                x=round(item.x * x),
                y=round(item.y * y),
                w=round(item.w * x),
                h=round(item.h * y),
                keypoints=tuple(
                    Keypoint(point.name, round(point.x * x), round(point.y * y), point.score)
                    for point in item.keypoints
                ),
            )
            for item in result.objects
        )
        return result._replace(objects=poses)
    if isinstance(result, OrientedDetectionResult):
        return result._replace(objects=tuple(item.enlarged(x, y) for item in result.objects))
    if isinstance(result, OcrResult):
        texts = tuple(
            text._replace(
                quad=text.quad and tuple((round(a * x), round(b * y)) for a, b in text.quad)
            )
            for text in result.texts
        )
        return result._replace(texts=texts)
    return result
