"""YOLO packages with one thing wrong each: a board and `k230 verify` refuse them in one sentence.

The kmodels are made of headers alone: none of them may come as far as the loader.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from host_client.base.exceptions import CommandFailed
from host_client.cli.app import run
from tests.firmware.both.fake_card import FLOAT32, UINT8, kmodel, tensor
from tests.integration.tour import Tour, make_card, pictures, tour

FLOAT16 = 10
N = 42  # cells of 64 x 32
PROTOTYPES = (1, 32, 8, 16)


class Case(NamedTuple):
    """outputs: shapes; fields: of deploy_config.json; data: the model's file instead; words: of the sentence."""

    fields: dict[str, Any]
    outputs: list[tuple[int, ...]]
    words: list[str]
    data: bytes | None = None
    name: str = "m.kmodel"
    given: int = UINT8
    code: int = FLOAT32
    task: str = ""


def _model(case: Case) -> bytes:
    if case.data is not None:
        return case.data
    outputs = [tensor(case.code, *shape) for shape in case.outputs]
    return kmodel([tensor(case.given, 1, 3, 32, 64)], outputs)


WHOLE = kmodel([tensor(UINT8, 1, 3, 32, 64)], [tensor(FLOAT32, 1, 6, N)])
CASES = [
    # Another family or task.
    Case({"model_type": "yolov5"}, [(1, 6, N)], ["detection of yolov8", "set model_type to yolov8"]),
    Case({"model_type": "yolo26"}, [(1, 3 * N, 7)], ["of yolov5", "set model_type to yolov5"]),
    Case({"model_type": "yolo11"}, [(1, 300, 6)], ["of yolo26", "without NMS inside (nms=False)"]),
    Case({"task": "detect"}, [(1, 57, N)], ["looks like pose with 17 keypoints", "set task to pose"]),
    Case({"task": "pose"}, [(1, 6, N)], ["looks like detection", "set task to detection"]),
    Case({"task": "detection"}, [(1, 38, N), PROTOTYPES], ["looks like instance_segmentation"]),
    Case({"task": "segment"}, [(1, 6, N)], ["coefficients and prototypes", "looks like detection"]),
    Case({"task": "segment"}, [(1, 38, N)], ["without its second output", "all its outputs"]),
    Case({"task": "detection"}, [(1, 7, N)], ["looks like oriented_detection", "or give 3 labels"]),
    Case({"task": "obb"}, [(1, 6, N)], ["looks like detection", "or give 1 label"]),
    Case({"task": "classify"}, [(1, 6, N)], ["one score for each label", "looks like detection"]),
    Case({"task": "detection"}, [(1, 2)], ["looks like classification with 2 classes"]),
    Case({"task": "detection"}, [(1, 6, N)], ["one for the task pose, found detection"], task="pose"),
    # Labels.
    Case({"task": "detection"}, [(1, 9, N)], ["categories: expected 5 labels", "found 2"]),
    Case({"model_type": "yolov5"}, [(1, 3 * N, 9)], ["expected 4 labels", "found 2"]),
    Case({"categories": None}, [(1, 6, N)], ["categories", "a label for each class", "found none"]),
    Case({"task": "pose", "keypoints": ["a"]}, [(1, 12, N)], ["expected names for 6 values"]),
    # Exports that the service does not decode, and compilations that it can't feed.
    Case({"model_type": "yolov5"}, [(1, 4 * N, 7)], ["4 anchors for each cell instead of 3"]),
    Case({}, [(1, 21, 4, 8), (1, 21, 2, 4), (1, 21, 1, 2)], ["a YOLO's heads before decoding"]),
    Case({}, [(1, N, 6)], ["rows and columns are exchanged"]),
    Case({"model_type": "yolo26"}, [(1, 100, 6)], ["end-to-end export of 100 boxes"]),
    Case({}, [(1, 6, N)], ["one input uint8", "input_type uint8"], given=FLOAT32),
    Case({}, [(1, 6, N)], ["one input uint8", "input_type uint8"], given=FLOAT16),
    Case({}, [(1, 6, N)], ["float16", "half=False"], code=FLOAT16),
    # Files.
    Case({}, [], ["best.pt, a PyTorch checkpoint", "export it to ONNX"], b"PK\3\4", "best.pt"),
    Case({}, [], ["best.onnx: compile it with nncase 2.11"], b"\x08\x08", "best.onnx"),
    Case({}, [], ["PyTorch .pt"], b"PK\3\4" + bytes(60)),
    Case({}, [], ["ONNX model", "compile it with nncase"], b"\x08\x08\x12\x07" + bytes(60)),
    Case({}, [], ["m.kmodel", "the file is empty"], b""),
    Case({}, [], ["m.kmodel", "truncated"], WHOLE[:100]),
    Case({}, [], ["m.kmodel", "truncated"], WHOLE[:-4]),
    Case({"kmodel_path": "gone.kmodel"}, [], ["kmodel_path", "gone.kmodel"], b"", "readme.txt"),
    Case({"model_type": "yolov9"}, [(1, 6, N)], ["model_type", "yolov8", "yolov9"]),
    Case({"task": "fly"}, [(1, 6, N)], ["task: expected one of detection", "fly"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A board that classifies, without a camera."""
    with tour(make_card(tmp_path_factory.mktemp("bad") / "card")) as running:
        yield running


def _package(folder: Path, case: Case) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = {"model_type": "yolov8", "categories": ["a", "b"], "kmodel_path": case.name}
    config.update(case.fields)
    (folder / "deploy_config.json").write_text(json.dumps(config), "utf-8")
    (folder / case.name).write_bytes(_model(case))
    return folder


def _task_of(case: Case) -> str:
    said = {"detect": "detection", "segment": "instance_segmentation", "obb": "oriented_detection",
            "classify": "classification"}  # fmt: skip
    named = case.fields.get("task", "detection")
    return case.task or said.get(named, named if named != "fly" else "detection")


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_board_refuses_it_and_runs_on(board: Tour, case: Case) -> None:
    _package(board.card / "packages" / "bad", case)
    path = board.card / "configs" / "tasks" / "bad.yaml"
    path.write_text(f"task: {_task_of(case)}\npackage: /sdcard/packages/bad\n", encoding="utf-8")
    with pytest.raises(CommandFailed) as caught:
        board.board.switch("bad")
    told = str(caught.value)
    assert "\n" not in told and "Traceback" not in told
    for word in case.words:
        assert word in told, told
    result: Any = board.board.infer(pictures("shapes_cls")[0])
    assert result.label  # the task that ran before runs on


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.fields.get("categories", 1)], ids=str
)
def test_verify_refuses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case) -> None:
    folder = _package(tmp_path / "bad", case)
    words = ["--task", case.task] if case.task else []
    assert run(["verify", str(folder), str(pictures("shapes_cls")[0]), *words]) not in (0, 1)
    captured = capsys.readouterr()
    told = (captured.err + captured.out).strip()
    assert "Traceback" not in told and len(told.splitlines()) == 1, told
    for word in case.words:
        assert word in told, told


def test_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = str(pictures("shapes_cls")[0])
    (tmp_path / "empty").mkdir()
    (tmp_path / "m.kmodel").write_bytes(WHOLE)
    (tmp_path / "model" / "m.kmodel").mkdir(parents=True)
    (tmp_path / "model" / "deploy_config.json").write_text('{"model_type": "yolov8"}')
    for name, word in (
        ("none", "found nothing"),
        ("empty", "no deploy_config.json"),
        ("m.kmodel", "found a model: make a package of a YOLO with k230 package"),
        ("model", "no .kmodel"),
    ):
        assert run(["verify", str(tmp_path / name), picture]) not in (0, 1)
        told = capsys.readouterr().err.strip()
        assert word in told and len(told.splitlines()) == 1, told
