"""Write a recording as ROS 2 messages, for `ros2 bag play` and Foxglove.

Topics are /k230_BOARD_ID/detections (vision_msgs/Detection2DArray) and …/image/compressed.
Needs the extra `record` with mcap-ros2-support, but no ROS installation.
"""

from __future__ import annotations

import base64
import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_client.base.wording import reason
from host_client.recording import RecordingError, Row, read

DETECTIONS = "vision_msgs/msg/Detection2DArray"
IMAGE = "sensor_msgs/msg/CompressedImage"
_NANO = 1_000_000_000
_HEADER = {
    "std_msgs/Header": "builtin_interfaces/Time stamp\nstring frame_id",
    "builtin_interfaces/Time": "int32 sec\nuint32 nanosec",
}
# The definition of each type; the first is the message itself.
_TYPES: dict[str, dict[str, str]] = {
    DETECTIONS: {
        "": "std_msgs/Header header\nvision_msgs/Detection2D[] detections",
        "vision_msgs/Detection2D": (
            "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
            "vision_msgs/BoundingBox2D bbox\nstring id"
        ),
        "vision_msgs/ObjectHypothesisWithPose": (
            "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose"
        ),
        "vision_msgs/ObjectHypothesis": "string class_id\nfloat64 score",
        "vision_msgs/BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
        "vision_msgs/Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
        "vision_msgs/Point2D": "float64 x\nfloat64 y",
        "geometry_msgs/PoseWithCovariance": "geometry_msgs/Pose pose\nfloat64[36] covariance",
        "geometry_msgs/Pose": "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation",
        "geometry_msgs/Point": "float64 x\nfloat64 y\nfloat64 z",
        "geometry_msgs/Quaternion": "float64 x\nfloat64 y\nfloat64 z\nfloat64 w",
        **_HEADER,
    },
    IMAGE: {"": "std_msgs/Header header\nstring format\nuint8[] data", **_HEADER},
}
_NO_POSE = {
    "pose": {
        "position": {"x": 0.0, "y": 0.0, "z": 0.0},
        "orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0},
    },
    "covariance": [0.0] * 36,
}


def write_bag(recording: str | Path, bag: str | Path) -> int:
    """Write a recording's boxes and pictures as ROS 2 messages; return how many. RecordingError.

    A result with boxes or objects is a Detection2DArray: class_id is the label, id the track (empty
    without one), and an oriented box has its angle in theta. The file appears whole under its name.
    """
    try:
        from mcap_ros2.writer import Writer  # noqa: PLC0415 - an extra
    except ImportError:
        raise RecordingError(
            "ROS 2 messages need the package mcap-ros2-support; "
            "install it with: pip install 'k230-vision[record]'"
        ) from None
    target = Path(bag)
    part = target.with_name(target.name + ".part")
    count = 0
    try:
        if target.is_dir():
            raise RecordingError(f"{bag}: expected the name of a file, found a folder")
        with part.open("wb") as file:
            writer: Any = Writer(file)
            kinds = {name: writer.register_msgdef(name, _definition(name)) for name in _TYPES}
            for topic, name, seconds, message in _messages(recording):
                at = max(0, int(seconds * _NANO))
                writer.write_message(topic, kinds[name], message, at, at, count)
                count += 1
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        _remove(part)
        raise RecordingError(f"{bag}: can't be written: {reason(error)}") from error
    except RecordingError:
        _remove(part)
        raise
    return count


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _definition(name: str) -> str:
    """Return a type's full definition, as stored in a bag."""
    parts = _TYPES[name]
    rest = [f"{'=' * 80}\nMSG: {part}\n{text}" for part, text in parts.items() if part]
    return "\n".join([parts[""], *rest])


def _messages(recording: str | Path) -> Iterator[tuple[str, str, float, dict[str, Any]]]:
    for row in read(recording):
        try:
            if row.kind == "picture":
                image = {
                    "header": _header(row),
                    "format": str(row.data["format"]),
                    "data": base64.b64decode(row.data["data"]),
                }
                yield f"{_topic(row)}/image/compressed", IMAGE, row.seconds, image
            elif row.kind == "result" and ("boxes" in row.data or "objects" in row.data):
                items = row.data.get("boxes") or row.data.get("objects") or []
                found = [_detection(row, item) for item in items]
                array = {"header": _header(row), "detections": found}
                yield f"{_topic(row)}/detections", DETECTIONS, row.seconds, array
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordingError(
                f"{recording}: a message of board {row.board_id} is not valid: "
                f"{type(error).__name__}: {str(error)[:80]}"
            ) from None


def _topic(row: Row) -> str:
    """Return the board's topic prefix as a valid ROS name."""
    return f"/k230_{''.join(c if c.isalnum() and c.isascii() else '_' for c in row.board_id)}"


def _header(row: Row) -> dict[str, Any]:
    at = max(0, int(row.seconds * _NANO))
    return {"stamp": {"sec": at // _NANO, "nanosec": at % _NANO}, "frame_id": row.board_id}


def _detection(row: Row, item: dict[str, Any]) -> dict[str, Any]:
    x, y, width, height = (float(item[name]) for name in ("x", "y", "w", "h"))
    centre, theta = (x + width / 2, y + height / 2), 0.0
    if "centre" in item:  # oriented: the box itself, not the upright one around it
        centre, (width, height) = tuple(item["centre"]), item["size"]
        theta = math.radians(item["angle"])
    score = item["label_score"] if item.get("label_score") is not None else item["score"]
    hypothesis = {
        "class_id": str(item.get("identity") or item["label"]),
        "score": float(score if score is not None else 0.0),
    }
    return {
        "header": _header(row),
        "results": [{"hypothesis": hypothesis, "pose": _NO_POSE}],
        "bbox": {
            "center": {
                "position": {"x": float(centre[0]), "y": float(centre[1])},
                "theta": theta,
            },
            "size_x": float(width),
            "size_y": float(height),
        },
        "id": str(item.get("track") or ""),
    }
