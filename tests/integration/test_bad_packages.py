"""Packages that cannot do their task: refused before inference, in one sentence; the old task runs on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_client.base.exceptions import CommandFailed, PictureError
from tests.integration.tour import Tour, make_card, pictures, tour


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A board that classifies, without a camera."""
    with tour(make_card(tmp_path_factory.mktemp("bad") / "card")) as running:
        yield running


def package(
    board: Tour,
    source: str,
    *,
    kmodel: str = "",
    dictionary: str | None = None,
    task: str = "",
    yaml: str = "",
    **fields: Any,
) -> str:
    """Put a changed copy of a package on the card, and a task for it; return the task's name.

    kmodel: take that package's model instead; fields: values of deploy_config.json, None removes.
    """
    target = board.card / "packages" / "bad"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(board.card / "packages" / source, target)
    config = target / "deploy_config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    if kmodel:
        model = board.card / "packages" / kmodel / f"{kmodel}.kmodel"
        shutil.copyfile(model, target / values["kmodel_path"])
    for name, value in fields.items():
        values[name] = value
        if value is None:
            del values[name]
    config.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    if dictionary is not None:
        (target / "dict.txt").write_text(dictionary, encoding="utf-8")
    done = task or {
        "shapes_cls": "classification",
        "shapes_seg": "segmentation",
        "shapes_multl": "multilabel",
        "glyphs_ml": "metric_learning",
        "text_det": "ocr_detection",
        "text_rec": "ocr_recognition",
    }.get(source, "detection")
    path = board.card / "configs" / "tasks" / "bad.yaml"
    path.write_text(f"task: {done}\npackage: /sdcard/packages/bad\n{yaml}", encoding="utf-8")
    return "bad"


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    # A kmodel with other outputs than its task needs.
    ("shapes_det", {"kmodel": "shapes_seg"}, ["three float32 outputs", "1x96x128x5"]),
    ("shapes_cls", {"kmodel": "glyphs_ml"}, ["categories", "expected 64 labels", "found 6"]),
    ("shapes_seg", {"kmodel": "shapes_det"}, ["one float32 output 1x96x128xclasses", "found"]),
    ("shapes_multl", {"kmodel": "shapes_seg"}, ["a score for each label", "found"]),
    (
        "glyphs_ml",
        {"kmodel": "shapes_cls", "task": "detection", "anchors": [1] * 18},
        ["detection"],
    ),
    ("text_det", {"kmodel": "text_rec"}, ["img_size", "[160, 32]", "[160, 128]"]),
    ("text_rec", {"kmodel": "text_det"}, ["img_size", "[160, 128]", "[160, 32]"]),
    # Anchors.
    ("shapes_det", {"anchors": None}, ["anchors", "3 lists of 6 numbers", "nothing"]),
    ("shapes_det", {"anchors": [[1, 2, 3]]}, ["anchors", "3 lists of 6 numbers", "3 numbers"]),
    ("shapes_det", {"anchors": [[1, 2, 3, 4, 5, -6]] * 3}, ["anchors", "above 0", "-6"]),
    # Categories and outputs.
    ("shapes_det", {"categories": ["a", "b"]}, ["categories", "expected 4 labels", "found 2"]),
    ("shapes_det_free", {"categories": ["a"] * 5}, ["categories", "expected 4 labels", "found 5"]),
    ("shapes_det_gfl", {"categories": ["a"] * 3}, ["categories", "expected 4 labels", "found 3"]),
    ("shapes_cls", {"categories": ["a"] * 7}, ["categories", "expected 6 labels", "found 7"]),
    ("shapes_seg", {"categories": ["a"] * 4}, ["categories", "expected 5 labels", "found 4"]),
    ("shapes_multl", {"categories": ["a"]}, ["categories", "labels", "found 1"]),
    ("shapes_det", {"categories": None}, ["categories", "a label for each class", "found none"]),
    ("shapes_det", {"model_type": "GFLDet"}, ["three float32 outputs for GFLDet", "found"]),
    ("shapes_det_free", {"model_type": "Nonsense"}, ["model_type", "AnchorBaseDet", "Nonsense"]),
    # Thresholds.
    ("shapes_cls", {"confidence_threshold": 1.5}, ["confidence_threshold", "0..1", "1.5"]),
    ("shapes_det", {"nms_threshold": -0.1}, ["nms_threshold", "0..1", "-0.1"]),
    ("text_det", {"mask_threshold": 2}, ["mask_threshold", "0..1", "2"]),
    ("text_det", {"box_threshold": "0.5"}, ["box_threshold", "0..1", "0.5"]),
    ("shapes_det", {"yaml": "confidence_threshold: 7\n"}, ["bad.yaml line 3", "0..1", "7"]),
    # The dictionary.
    ("text_rec", {"dictionary": "a\nb\nc\n"}, ["dictionary", "characters", "found 3"]),
    ("text_rec", {"dictionary": ""}, ["dict.txt", "expected characters", "found nothing"]),
    ("text_rec", {"yaml": "dictionary: /sdcard/none.txt\n"}, ["dictionary", "/sdcard/none.txt"]),
    # The input.
    ("shapes_cls", {"img_size": [64, 96]}, ["img_size", "[96, 96]", "[64, 96]"]),
    ("shapes_cls", {"img_size": "96"}, ["img_size", "[width, height]", "96"]),
    ("shapes_cls", {"kmodel_path": "../x.kmodel"}, ["kmodel_path", "../x.kmodel"]),
]


@pytest.mark.parametrize(("source", "change", "words"), CASES)
def test_a_package_that_does_not_fit(
    board: Tour, source: str, change: dict[str, Any], words: list[str]
) -> None:
    task = package(board, source, **change)
    with pytest.raises(CommandFailed) as caught:
        board.board.switch(task)
    told = str(caught.value)
    assert "\n" not in told
    assert "Traceback" not in told
    for word in words:
        assert word in told, told
    result: Any = board.board.infer(pictures("shapes_cls")[0])
    assert result.label  # the task that ran before runs on


def test_a_threshold_set_outside_its_range(board: Tour) -> None:
    for value in (1.5, -1, "high", True, None):
        if value is None:
            board.board.set({"confidence_threshold": None})
            continue
        with pytest.raises(CommandFailed) as caught:
            board.board.set({"confidence_threshold": value})
        assert "confidence_threshold" in str(caught.value)
        assert "0...1" in str(caught.value) or "0..1" in str(caught.value), caught.value


def test_what_is_no_picture(board: Tour, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "half.jpg").write_bytes(pictures("shapes_cls")[0].read_bytes()[:2000])
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.jpg", "half.jpg", "empty.png", "missing.png"):
        with pytest.raises(PictureError, match=name):
            board.board.infer(tmp_path / name)
    assert board.board.status()
