"""Convert results to the types of `supervision`, for its trackers, zones and annotators."""

from __future__ import annotations

from typing import Any

from host_client.convert.arrays import masks
from host_client.convert.libraries import need
from host_client.results.types import PoseResult, Result


def detections(result: Result) -> Any:
    """Return supervision.Detections of a result with boxes; empty for a result without boxes.

    class_name, and identity or text where there is one, are in `data`; corners of rotated boxes are
    `data["xyxyxyxy"]`; tracks of the board are `tracker_id`.
    """
    numpy, supervision = need("numpy"), need("supervision")
    items: Any = getattr(result, "boxes", None)
    if items is None:
        items = getattr(result, "objects", ())
    if not items:
        return supervision.Detections.empty()
    data: dict[str, Any] = {"class_name": numpy.array([item.label for item in items])}
    if hasattr(items[0], "identity"):
        data["identity"] = numpy.array([item.identity or "" for item in items])
    if hasattr(items[0], "corners"):
        data["xyxyxyxy"] = numpy.array([item.corners for item in items], numpy.float32)
    scores = [getattr(item, "label_score", item.score) for item in items]
    tracks = [getattr(item, "track", None) for item in items]
    known = all(track is not None for track in tracks)
    with_masks = any(getattr(item, "mask", None) is not None for item in items)
    return supervision.Detections(
        xyxy=numpy.array([(i.x, i.y, i.x + i.w, i.y + i.h) for i in items], numpy.float32),
        confidence=numpy.array(scores, numpy.float32),
        class_id=numpy.array([item.class_id for item in items], numpy.int64),
        tracker_id=numpy.array(tracks, numpy.int64) if known else None,
        mask=masks(result) if with_masks else None,
        data=data,
    )


def key_points(result: PoseResult) -> Any:
    """Return supervision.KeyPoints of a pose result. Needs supervision 0.29 or newer."""
    numpy, supervision = need("numpy"), need("supervision")
    items = result.objects
    if not items:
        return supervision.KeyPoints.empty()
    points = [[(p.x, p.y) for p in item.keypoints] for item in items]
    scores = [[1.0 if p.score is None else p.score for p in item.keypoints] for item in items]
    return supervision.KeyPoints(
        xy=numpy.array(points, numpy.float32),
        keypoint_confidence=numpy.array(scores, numpy.float32),
        class_id=numpy.array([item.class_id for item in items], numpy.int64),
    )
