"""Results in other people's libraries, and every example of docs/python-tools.md."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from host_client import convert
from host_client.results.lines import Source
from host_client.results.objects import Instance, Keypoint, Mask, Pose, oriented
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    Identified,
    IdentitiesResult,
    InstanceSegmentationResult,
    Label,
    MetricLearningResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    SegmentationResult,
    Text,
)

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Source("id", "kitchen", 640, 480)
HEAD: tuple[int, int, int, str] = (7, 1000, 1, "model")
WHERE: dict[str, Any] = {"source": SOURCE, "host_time": 1_700_000_000.25, "uncertainty": 0.002}

CAT, DOG = Box("cat", 0.9, 10, 20, 30, 40, 0), Box("dog", 0.5, 600, 440, 60, 60, 1)
DETECTION = DetectionResult("detection", *HEAD, (CAT, DOG), **WHERE)
NOTHING = DetectionResult("detection", *HEAD, (), **WHERE)
SEGMENTATION = SegmentationResult(
    "segmentation", *HEAD, 4, 2, ((0, 3), (1, 5)), {"sky": 3, "sea": 5}, **WHERE
)
MASK = Mask(10, 20, 20, 10, 2, 1, (0, 1, 1))
INSTANCES = InstanceSegmentationResult(
    "instance_segmentation",
    *HEAD,
    (Instance("cat", 0.9, 10, 20, 20, 10, 0, MASK), Instance("dog", 0.5, 100, 100, 5, 5, 1)),
    **WHERE,
)
POSE = PoseResult(
    "pose",
    *HEAD,
    (
        Pose(
            "person",
            0.9,
            1,
            2,
            30,
            40,
            0,
            (Keypoint("nose", 5, 6, 0.5), Keypoint("eye", 9, 9, None)),
        ),
    ),
    ((0, 1),),
    **WHERE,
)
ORIENTED = OrientedDetectionResult(
    "oriented_detection", *HEAD, (oriented("ship", 0.8, 2, (100, 100), (40, 20), 30),), **WHERE
)
IDENTITIES = IdentitiesResult(
    "metric_learning",
    *HEAD,
    (Identified("anna", 0.7, 0.1, "face", 0.9, 1, 2, 3, 4, 0),),
    **WHERE,
)
ALL = (
    *(DETECTION, NOTHING, SEGMENTATION, INSTANCES, POSE, ORIENTED, IDENTITIES),
    ClassificationResult("classification", *HEAD, "cat", 0.9, (Label("cat", 0.9, 0),), **WHERE),
    ClassificationResult("classification", *HEAD, None, 0.1, (), **WHERE),
    MultilabelResult("multilabel", *HEAD, (Label("=cmd", 0.9, 0), Label("b", 0.8, 1)), **WHERE),
    OcrResult("ocr", *HEAD, (Text("héllo", 0.9, ((1, 2), (30, 2), (30, 9), (1, 9))),), **WHERE),
    OcrResult("ocr_recognition", *HEAD, (Text("abc", 0.9, None),), **WHERE),
    MetricLearningResult("metric_learning", *HEAD, (0.5, 0.5), "anna", 0.9, 0.1, **WHERE),
    MetricLearningResult("metric_learning", *HEAD, None, **WHERE),
)


def test_supervision_gets_boxes() -> None:
    found = convert.detections(DETECTION)
    assert found.xyxy.tolist() == [[10, 20, 40, 60], [600, 440, 660, 500]]
    assert found.class_id.tolist() == [0, 1]
    assert found.data["class_name"].tolist() == ["cat", "dog"]
    assert found.confidence.tolist() == pytest.approx([0.9, 0.5])
    assert found.tracker_id is None
    assert len(convert.detections(NOTHING)) == 0


def test_supervision_gets_more_than_boxes() -> None:
    found = convert.detections(INSTANCES)
    assert found.mask.shape == (2, 480, 640)
    assert found.mask[0].sum() == 10 * 10
    assert found.mask[1].sum() == 25  # without a mask: its box
    assert convert.detections(ORIENTED).data["xyxyxyxy"].shape == (1, 4, 2)
    who = convert.detections(IDENTITIES)
    assert who.data["identity"].tolist() == ["anna"]
    assert who.confidence.tolist() == pytest.approx([0.9])
    points = convert.key_points(POSE)
    assert points.xy.tolist() == [[[5, 6], [9, 9]]]


@pytest.mark.parametrize("result", ALL, ids=lambda r: type(r).__name__)
def test_every_result_becomes_rows_and_a_picture(result: Any) -> None:
    rows = convert.rows(result)
    assert rows
    assert all(tuple(row) == convert.COLUMNS for row in rows)
    assert rows[0]["time"] == "2023-11-14T22:13:20.250Z"
    assert len(convert.data_frame(result)) == len(rows)
    picture = np.zeros((240, 320, 3), np.uint8)
    assert convert.draw(picture, result) is picture
    empty = result in (NOTHING, SEGMENTATION) or result.task == "metric_learning"
    quiet = empty or getattr(result, "label", "x") is None
    assert bool(picture.any()) is not quiet or result is IDENTITIES
    convert.detections(result)


def test_masks() -> None:
    assert convert.class_map(SEGMENTATION).tolist() == [[0, 0, 0, 1], [1, 1, 1, 1]]
    full = convert.masks(SEGMENTATION)
    assert full.shape == (2, 480, 640)
    assert full[0].sum() == 480 // 2 * 480
    assert (full.sum(0) == 1).all()
    with pytest.raises(ValueError, match="masks: results of detection have no masks"):
        convert.masks(DETECTION)
    with pytest.raises(ValueError, match="the size of its frame"):
        convert.masks(SEGMENTATION._replace(source=Source()))


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="supervision is not installed: pip install supervision"):
        convert.detections(DETECTION)


def test_json_lines_and_csv(tmp_path: Path) -> None:
    for _ in range(2):  # the second run appends
        with (
            convert.json_lines(tmp_path / "a.jsonl") as lines,
            convert.csv_file(tmp_path / "a.csv") as table,
        ):
            for result in ALL:
                assert lines.write(result)
                assert table.write(result)
    read = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert read == 2 * [json.loads(json.dumps(result.to_dict())) for result in ALL]
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * sum(len(convert.rows(result)) for result in ALL)
    assert rows[0]["label"] == "cat"
    assert {row["label"] for row in rows} >= {"'=cmd"}


def test_an_unfinished_line_is_ended(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"whole": 1}\n{"hal')
    with convert.json_lines(tmp_path / "a") as lines:
        lines.write(NOTHING)
    assert json.loads((tmp_path / "a").read_bytes().splitlines()[-1])["task"] == "detection"


@pytest.fixture
def small_files() -> Iterator[int]:
    """Let no file of this process grow over 4 KiB: what a full disk does, for anyone's tests."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("kind", [convert.json_lines, convert.csv_file])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, small_files: int, kind: Any) -> None:
    with kind(tmp_path / "a") as sink:
        done = [sink.write(DETECTION) for _ in range(50)]
        assert done[0]
        assert not done[-1]
        assert sink.lost
        assert sink.written + sink.lost == 50 * (2 if kind is convert.csv_file else 1)
    data = (tmp_path / "a").read_bytes()
    assert data.endswith(b"\n")
    assert len(data) <= small_files


def test_examples_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "python-tools.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    names: dict[str, Any] = {
        "result": DETECTION,
        "results": [DETECTION, NOTHING],
        "segmentation": SEGMENTATION,
        "picture": np.zeros((480, 640, 3), np.uint8),
    }
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for block in blocks:
            exec(compile(block, "docs/python-tools.md", "exec"), names)
    finally:
        os.chdir(before)
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2
    assert names["picture"].any()
