"""From the wire's messages to typed results and their JSON, task by task."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from firmware_app.wire import messages, packets
from host_client import (
    Box,
    DetectionResult,
    Instance,
    Keypoint,
    Label,
    Mask,
    Model,
    PoseResult,
    SegmentationResult,
    Text,
    decode_result,
)
from host_client.results.decode import MALFORMED
from host_client.results.scaling import enlarged
from tests.host.scripted_board import pack_box

MODEL = Model(
    [5, "fruit", "net", b"\x11" * 32, ["apple", "pear", "菠菜"], 640, 480, "bowl", "later"]
)
HEAD = [70000, 1 << 24, 5]
BASE = {
    "schema": 1,
    "type": "result",
    "board_id": None,
    "board_name": None,
    "time": None,
    "time_uncertainty_ms": None,
    "time_ms": 1 << 24,
    "seq": 70000,
    "generation": 5,
    "model": "net",
    "width": 640,
    "height": 480,
}


def decoded(kind: int, *fields: Any, image: str | None = None) -> Any:
    """Return the result of a message that went through the wire."""
    frame = packets.encode([kind, *HEAD, *fields])
    (message,) = packets.Decoder().feed(frame)
    return decode_result(message, MODEL, image)


def scaled(result: Any, x: float, y: float) -> Any:
    larger: Any = enlarged(result, x, y)
    return larger.objects[0]


def as_json(result: Any) -> Any:
    return json.loads(json.dumps(result.to_dict()))


def test_model_ignores_what_it_does_not_know() -> None:
    assert (MODEL.generation, MODEL.task, MODEL.name) == (5, "fruit", "net")
    assert (MODEL.sha256, MODEL.width, MODEL.height) == ("11" * 32, 640, 480)
    assert MODEL.task_name == "bowl"
    assert MODEL.label(2) == "菠菜"
    assert MODEL.label(3) == "3"
    assert MODEL.label(5000) == "5000"


def test_classification() -> None:
    result = decoded(messages.CLASSIFICATION, 1, [2, 65535, 0, 13107], "a field of a later version")
    assert (result.label, result.score) == ("菠菜", 1.0)
    assert result.top == (Label("菠菜", 1.0, 2), Label("apple", 0.2, 0))
    assert as_json(result) == {
        "task": "classification",
        **BASE,
        "label": "菠菜",
        "class_id": 2,
        "score": 1.0,
        "top": [
            {"label": "菠菜", "class_id": 2, "score": 1.0},
            {"label": "apple", "class_id": 0, "score": 0.2},
        ],
    }


def test_undecided_classification_has_no_label_and_a_picture_its_name() -> None:
    row = as_json(decoded(messages.CLASSIFICATION, 0, [1, 13107], image="a/b.jpg"))
    assert (row["label"], row["score"], row["image"]) == (None, 0.2, "a/b.jpg")
    empty = as_json(decoded(messages.CLASSIFICATION, 0, []))
    assert (empty["label"], empty["score"], empty["top"]) == (None, 0.0, [])


def test_detection_packed_and_in_rows() -> None:
    packed = pack_box(1, 2, 3, 4, score1000=987, kind=0) + pack_box(
        2047, 2047, 2047, 2047, score1000=1000, kind=1
    )
    result = decoded(messages.DETECTION, packed)
    assert isinstance(result, DetectionResult)
    assert result.boxes == (
        Box("apple", 0.987, 1, 2, 3, 4, 0),
        Box("pear", 1.0, 2047, 2047, 2047, 2047, 1),
    )
    assert type(result.boxes[0]) is Box
    rows = decoded(messages.DETECTION, [[3000, -2, 3, 4, 987, 1500, "later"]])
    assert rows.boxes == (Box("1500", 0.987, 3000, -2, 3, 4, 1500),)
    assert as_json(rows)["boxes"] == [
        {"label": "1500", "class_id": 1500, "score": 0.987, "x": 3000, "y": -2, "w": 3, "h": 4}
    ]
    assert as_json(decoded(messages.DETECTION, b""))["boxes"] == []
    beyond = decoded(messages.DETECTION, pack_box(0, 0, 0, 0, score1000=1, kind=1023))
    assert beyond.boxes[0].label == "1023"


def test_segmentation() -> None:
    runs = bytes([1, 5, 3, 0x80 | 0x2C, 0x02, 2, 0x83, 0x00])  # 5, 300, and a long way to say 3
    result = decoded(messages.SEGMENTATION, 28, 11, runs, [5, 3, 300])
    assert isinstance(result, SegmentationResult)
    assert result.rle == ((0, 5), (2, 300), (1, 3))
    assert result.class_map() == bytes(5) + b"\2" * 300 + b"\1" * 3
    assert as_json(result) == {
        "task": "segmentation",
        **BASE,
        "map_width": 28,
        "map_height": 11,
        "rle": [[0, 5], [2, 300], [1, 3]],
        "areas": {"apple": 5, "pear": 3, "菠菜": 300},
    }


def test_texts() -> None:
    quad = [1, 2, 30, 2, 30, 12, -1, 12]
    corners = ((1, 2), (30, 2), (30, 12), (-1, 12))
    assert decoded(messages.OCR_DETECTION, [[None, 65535, quad]]).texts == (
        Text(None, 1.0, corners),
    )
    assert decoded(messages.OCR_RECOGNITION, [["字", 0, None]]).texts == (Text("字", 0.0, None),)
    row = as_json(decoded(messages.OCR, [["ab", 65535, quad]]))
    assert row["task"] == "ocr"
    assert row["texts"] == [
        {"text": "ab", "score": 1.0, "quad": [[1, 2], [30, 2], [30, 12], [-1, 12]]}
    ]


def test_metric_learning() -> None:
    data = struct.pack("<3f", 1.0, -0.5, 0.25)
    bare = as_json(decoded(messages.METRIC_LEARNING, data, None))
    assert bare == {"task": "metric_learning", **BASE, "embedding": [1.0, -0.5, 0.25]}
    known = as_json(decoded(messages.METRIC_LEARNING, data, ["anna", 9876, 1200]))
    assert (known["identity"], known["score"], known["margin"]) == ("anna", 0.9876, 0.12)
    unknown = as_json(decoded(messages.METRIC_LEARNING, None, [None, -300, 0]))
    assert (unknown["embedding"], unknown["identity"], unknown["score"]) == (None, None, -0.03)


def test_multilabel() -> None:
    row = as_json(decoded(messages.MULTILABEL, [2, 65535, 1, 13107]))
    assert row == {
        "task": "multilabel",
        **BASE,
        "labels": [
            {"label": "菠菜", "class_id": 2, "score": 1.0},
            {"label": "pear", "class_id": 1, "score": 0.2},
        ],
    }
    assert as_json(decoded(messages.MULTILABEL, []))["labels"] == []


POSES = Model(
    [5, "pose", "net", b"", ["person"], 640, 480, "people"]
    + [{"keypoints": ["head", "hand"], "skeleton": [[0, 1], [0, 2], "x", [1]]}]
)


def test_instance_segmentation() -> None:
    packed = pack_box(11, 20, 30, 41, score1000=987, kind=0)
    rows = [[10, 20, 32, 44, 4, 3, bytes([0, 2, 3, 7])], None]
    result = decoded(messages.INSTANCE_SEGMENTATION, packed * 2, rows)
    first, second = result.objects
    assert second == Instance("apple", 0.987, 11, 20, 30, 41, 0, None)
    assert first.mask == Mask(10, 20, 32, 44, 4, 3, (0, 2, 3, 7))
    assert first.mask.cells() == bytes([1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    assert first.mask.area == 9
    assert first.mask.to_numpy().tolist()[1] == [False, True, True, True]
    frame = first.mask.in_frame(40, 70)
    assert frame.shape == (70, 40) and frame[:20].sum() == frame[64:].sum() == 0
    assert frame[20, 10:26].all() and not frame[20, 26:].any()
    assert frame[63, 10:40].all() and not frame[:, :10].any()
    row = as_json(result)["objects"]
    assert row[0]["mask"] == {
        "x": 10, "y": 20, "w": 32, "h": 44, "columns": 4, "rows": 3, "rle": [0, 2, 3, 7],
    }  # fmt: skip
    assert row[1]["mask"] is None
    larger = scaled(result, 2.0, 1.5)
    assert (larger.x, larger.h, larger.mask[:4]) == (22, 62, (20, 30, 64, 66))


def test_pose() -> None:
    points = struct.pack("<6h", 1, -2, 500, 3, 4, -1)
    packed = pack_box(1, 2, 3, 4, score1000=987, kind=0)
    result: Any = decode_result([messages.POSE, *HEAD, packed, points], POSES)
    assert isinstance(result, PoseResult)
    assert result.objects[0].keypoints == (
        Keypoint("head", 1, -2, 0.5),
        Keypoint("hand", 3, 4, None),
    )
    assert result.skeleton == ((0, 1),)
    row = as_json(result)
    assert row["skeleton"] == [[0, 1]]
    assert row["objects"][0]["keypoints"][0] == {"name": "head", "x": 1, "y": -2, "score": 0.5}
    rows = [[9, 9, 1, 1, 1, 0]], [[40000, 0, 1000, 1, 1, 1, 2, 2, 2]]
    wide: Any = decode_result([messages.POSE, *HEAD, *rows], POSES)
    wide = wide.objects[0]
    assert [point.name for point in wide.keypoints] == ["head", "hand", "2"]
    assert wide.keypoints[0].x == 40000
    larger = scaled(result, 2.0, 3.0)
    assert larger.keypoints[0][1:3] == (2, -6)


def test_oriented_detection() -> None:
    """10 x 4 pixels about (20, 30), turned by 90 degrees: the left edge is now on top."""
    result = decoded(messages.ORIENTED_DETECTION, struct.pack("<7h", 160, 240, 80, 32, 9000, 5, 1))
    (box,) = result.objects
    assert (box.label, box.class_id, box.score) == ("pear", 1, 0.005)
    assert (box.x, box.y, box.w, box.h) == (18, 25, 4, 10)
    assert (box.centre, box.size, box.angle) == ((20.0, 30.0), (10.0, 4.0), 90.0)
    assert box.corners == ((22.0, 25.0), (22.0, 35.0), (18.0, 35.0), (18.0, 25.0))
    rows = decoded(messages.ORIENTED_DETECTION, [[160, 240, 80, 32, 0, 5, 1]])
    assert rows.objects[0].corners == ((15.0, 28.0), (25.0, 28.0), (25.0, 32.0), (15.0, 32.0))
    larger = scaled(result, 2.0, 3.0)
    assert (larger.centre, larger.size, larger.angle) == ((40.0, 90.0), (30.0, 8.0), 90.0)
    assert as_json(result)["objects"][0]["corners"][0] == [22.0, 25.0]


def test_results_are_immutable() -> None:
    result = decoded(messages.DETECTION, b"")
    with pytest.raises(AttributeError):
        result.boxes = ()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (messages.CLASSIFICATION, []),
        (messages.CLASSIFICATION, [1, [0]]),
        (messages.CLASSIFICATION, [1, 5]),
        (messages.CLASSIFICATION, [1, [-1, 5]]),
        (messages.DETECTION, [b"1234567"]),
        (messages.DETECTION, [[[1, 2, 3]]]),
        (messages.DETECTION, [None]),
        (messages.SEGMENTATION, [4, 4, bytes([0, 16]), [16]]),
        (messages.SEGMENTATION, [4, 4, bytes([1, 15]), [15]]),
        (messages.SEGMENTATION, [4, 4, bytes([1, 17]), [17]]),
        (messages.SEGMENTATION, [4, 4, bytes([1, 0x90]), [16]]),
        (messages.SEGMENTATION, [4, 4, bytes([1]), [16]]),
        (messages.SEGMENTATION, [-4, -4, bytes([1, 16]), [16]]),
        (messages.INSTANCE_SEGMENTATION, [pack_box(1, 2, 3, 4, score1000=1, kind=0), []]),
        (messages.INSTANCE_SEGMENTATION, [[[1, 2, 3, 4, 5, 0]], [[1, 2, 3, 4, 2, 2, b"\5"]]]),
        (messages.INSTANCE_SEGMENTATION, [[[1, 2, 3, 4, 5, 0]], [[1, 2, 3, 4, 2, 2, b"\x84"]]]),
        (messages.INSTANCE_SEGMENTATION, [[[1, 2, 3, 4, 5, 0]], [[1, 2, 0, 4, 2, 2, b"\4"]]]),
        (messages.INSTANCE_SEGMENTATION, [[[1, 2, 3, 4, 5, 0]], [[1, 2, 3, 4, 0, 2, b""]]]),
        (messages.POSE, [pack_box(1, 2, 3, 4, score1000=1, kind=0), b"1234567"]),
        (messages.POSE, [b"", b"123456"]),
        (messages.POSE, [[[1, 2, 3, 4, 5, 0]], [[1, 2]]]),
        (messages.ORIENTED_DETECTION, [b"123"]),
        (messages.ORIENTED_DETECTION, [[[1, 2, 3]]]),
        (messages.OCR, [[["a", 1, [1, 2, 3]]]]),
        (messages.METRIC_LEARNING, [b"123"]),
        (messages.MULTILABEL, ["ab"]),
    ],
)
def test_senseless_messages_raise_what_the_inbox_catches(kind: int, fields: list[Any]) -> None:
    with pytest.raises(MALFORMED):
        decoded(kind, *fields)
