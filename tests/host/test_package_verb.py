"""`k230 package` without a board: what it reads, writes and refuses."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from firmware_app.package import yolo
from host_client.cli.app import run
from host_client.cli.names import TaskType
from host_client.commands.packages import read_package
from tests.firmware.both.fake_card import FLOAT32, UINT8, kmodel, tensor
from tests.json_lines import check_line

N = 42  # cells of 64 x 32
NAMES = "one\ntwo\n"


def _model(
    folder: Path, *shapes: tuple[int, ...], name: str = "net.kmodel", given: int = UINT8
) -> Path:
    path = folder / name
    outputs = [tensor(FLOAT32, *shape) for shape in shapes]
    path.write_bytes(kmodel([tensor(given, 1, 3, 32, 64)], outputs))
    return path


def _labels(folder: Path, text: str = NAMES, name: str = "labels.txt") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def _run(model: Path, labels: Path, *more: str) -> int:
    out = model.parent / "made"
    return run(
        ["package", str(model), "--labels", str(labels), "--out", str(out), "--no-verify", *more]
    )


@pytest.mark.parametrize(
    ("name", "shapes", "family", "task"),
    [
        ("net", [(1, 3 * N, 7)], "yolov5", "detection"),
        ("net", [(1, 6, N)], "yolov8", "detection"),
        ("fruit_yolo11n", [(1, 7, N)], "yolo11", "oriented_detection"),
        ("my-yolov11s", [(1, 38, N), (1, 32, 8, 16)], "yolo11", "instance_segmentation"),
        ("net", [(1, 57, N)], "yolov8", "pose"),
        ("net", [(1, 300, 57)], "yolo26", "pose"),
        ("net", [(1, 300, 6)], "yolo26", "detection"),
        ("yolo26n", [(1, 6, N)], "yolo26", "detection"),
        ("yolov5n-cls", [(1, 2)], "yolov5", "classification"),
    ],
)
def test_family_and_task_are_found(
    tmp_path: Path, name: str, shapes: list[tuple[int, ...]], family: str, task: str
) -> None:
    assert _run(_model(tmp_path, *shapes, name=f"{name}.kmodel"), _labels(tmp_path)) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert (config["model_type"], config["task"]) == (family, task)
    assert config["categories"] == ["one", "two"] and config["img_size"] == [64, 32]
    assert (tmp_path / "made" / f"{name}.kmodel").is_file()
    assert not list(tmp_path.glob(".k230*"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "one\r\ntwo\r\n\r\n"),
        ("a.json", '["one", "two"]'),
        ("a.json", '{"1": "two", "0": "one"}'),
        ("data.yaml", "path: x\nnames:\n  0: one\n  1: two\n"),
        ("data.yaml", "names: [one, two]\n"),
        ("data.yml", "names:\n  - one\n  - two\n"),
        ("data.yml", "names:\n- one # of two\n- 'two'\n\nnc: 2\n"),
        ("data.yaml", "nc: 2\nnames: ['one',  # of two\n  \"two\",\n]\n"),
        ("data.yaml", "names: {0: one, 1: 'two'}\n"),
        ("data.yaml", "names:\n  1: two\n  0: one\ndownload: |\n  import os\n  a: b\n"),
        ("data.yaml", "- one\n- two\n"),
        ("data.yaml", "[one, two]\n"),
    ],
)
def test_labels_in_every_form(tmp_path: Path, name: str, text: str) -> None:
    assert _run(_model(tmp_path, (1, 6, N)), _labels(tmp_path, text, name)) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["categories"] == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "names:\n  1: one\n  2: two\n", "expected names 0 to 1, found none of number 0"),
        ("a.yaml", "names:\n  0: one\n  0: two\n", "line 3: the number 0 appears twice"),
        ("a.yaml", "names: [one, [two]]\n", "line 1: expected one list of names, found another"),
        ("a.yaml", "names: [one,\n two\n", "line 1: the ] that closes the names is missing"),
        ("a.yaml", "names: labels.txt\n", "line 1: expected a list of names, found labels.txt"),
        ("a.yaml", "nc: 2\n", "line 1: expected names as - NAME or 0: NAME"),
        ("a.yaml", "names:\n- one\n-\n", "line 3: expected one name, found none"),
        ("a.yaml", "names:\nnc: 2\n", "expected names, one a line, found none"),
        ("a.yaml", "names: {one: 0}\n", "line 1: expected names as 0: NAME, found one: 0"),
        ("a.yaml", "names: ['one]\n", "line 1: the ] that closes the names is missing"),
        ("a.json", '{"one": 0, "two": 1}', "names numbered from 0 on, found 'one'"),
        ("a.json", '{"0": "one", "00": "two"}', "names numbered from 0 on, found '00'"),
        ("a.json", '["\\ud800", "two"]', "name 1: expected letters that can be shown, found U+D800"),
        ("a.json", "[" * 100000, "expected a list of names, found one nested too deep"),
        ("a.txt", "o\x1b[31mne\ntwo\n", "name 1: expected letters that can be shown, found U+001B"),
    ],
)  # fmt: skip
def test_names_that_can_not_be_told_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, words: str
) -> None:
    labels = _labels(tmp_path, text, name)
    assert _run(_model(tmp_path, (1, 6, N)), labels) == 8
    error = capsys.readouterr().err
    assert words in error and error.startswith(f"k230: {labels}") and error.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_a_pose_model_has_its_keypoints(tmp_path: Path) -> None:
    points = _labels(tmp_path, "tip\ntail\n", "points.txt")
    model, labels = _model(tmp_path, (1, 12, N)), _labels(tmp_path)
    assert _run(model, labels, "--keypoints", str(points)) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["task"] == "pose" and config["keypoints"] == ["tip", "tail"]


@pytest.mark.parametrize(
    ("shapes", "labels", "more", "words"),
    [
        ([(1, 9, N)], NAMES, [], "expected 5 labels for detection, 4 for oriented_detection, or --task pose"),
        ([(1, 5, N)], NAMES, [], "expected 1 label for detection"),
        ([(1, 3 * N, 9)], NAMES, [], "expected 4 labels for detection"),
        ([(1, 3)], NAMES, [], "expected 3 labels for classification"),
        ([(1, 6, N)], NAMES, ["--family", "yolov5"], "looks like detection of yolov8"),
        ([(1, 300, 6)], NAMES, ["--family", "yolov8"], "export another family without NMS inside"),
        ([(1, 6, N)], NAMES, ["--task", "obb"], "set --task detection, or give 1 label"),
        ([(1, 9, N)], NAMES, ["--task", "detect"], "found 2; set --task pose if it is a model of pose"),
        ([(1, 5, N)], NAMES, ["--task", "pose"], "use a model for pose, or correct"),
        ([(1, 9, N)], NAMES, ["--task", "pose", "--keypoints", "labels.txt"], "expected 1 name, one for each"),
        ([(1, 11, N)], NAMES, ["--task", "pose"], "expected a label for each class"),
        ([(1, 38, N)], NAMES, ["--task", "segment"], "without its second output"),
        ([(1, N, 6)], NAMES, [], "rows and columns are exchanged"),
        ([(7, 7)], NAMES, [], "expected the outputs of a YOLO model"),
        ([(1, 6, N)], "", [], "expected names, one a line, found none"),
        ([(1, 6, N)], "one\n\ntwo\n", [], "name 2: expected text"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shapes: list[tuple[int, ...]], labels: str,
    more: list[str], words: str,
) -> None:  # fmt: skip
    more = [str(tmp_path / word) if word == "labels.txt" else word for word in more]
    assert _run(_model(tmp_path, *shapes), _labels(tmp_path, labels), *more) not in (0, 1)
    found = capsys.readouterr().err
    assert words in found and "Traceback" not in found
    assert len(found.splitlines()) == 1, found
    assert not (tmp_path / "made").exists() and not list(tmp_path.glob(".k230*"))


PROTOTYPES = (1, 32, 8, 16)
# What each model is: its outputs, family and task.
MODELS: list[tuple[list[tuple[int, ...]], str, str]] = [
    ([(1, 3 * N, 7)], "yolov5", "detection"),
    ([(1, 3 * N, 39), PROTOTYPES], "yolov5", "instance_segmentation"),
    ([(1, 6, N)], "yolov8", "detection"),
    ([(1, 38, N), PROTOTYPES], "yolov8", "instance_segmentation"),
    ([(1, 57, N)], "yolov8", "pose"),
    ([(1, 7, N)], "yolov8", "oriented_detection"),
    ([(1, 300, 6)], "yolo26", "detection"),
    ([(1, 300, 38), PROTOTYPES], "yolo26", "instance_segmentation"),
    ([(1, 300, 57)], "yolo26", "pose"),
    ([(1, 300, 7)], "yolo26", "oriented_detection"),
    ([(1, 2)], "", "classification"),
]


@pytest.mark.parametrize(("shapes", "family", "task"), MODELS)
def test_every_model_as_every_family_and_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shapes: list[tuple[int, ...]], family: str, task: str
) -> None:  # fmt: skip
    model, labels = _model(tmp_path, *shapes), _labels(tmp_path)
    for other in (None, *yolo.FAMILIES):
        same = other is None or family in ("", other)
        same = same or (family == "yolov8" and other in ("yolo11", "yolo26"))
        for asked in (None, *yolo.TASKS):
            words = [*(["--family", other] if other else []), *(["--task", asked] if asked else [])]
            code = _run(model, labels, *words)
            told = capsys.readouterr().err
            if same and asked in (None, task):
                assert code == 0, told
                config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
                assert config["task"] == task
                shutil.rmtree(tmp_path / "made")
                continue
            assert code not in (0, 1) and len(told.splitlines()) == 1, told
            assert f"k230: {model}: expected " in told and f"looks like {task}" in told, told
            assert (f"set --family {family}" in told) is (not same), told
            assert (f"--task {task}" in told) is (asked not in (None, task)), told


@pytest.mark.parametrize(
    ("name", "task"),
    [*yolo.ALIASES.items(), *((task, task) for task in yolo.TASKS), ("OBB", "oriented_detection")],
)
def test_tasks_by_every_name(tmp_path: Path, name: str, task: str) -> None:
    shapes = next(shapes for shapes, family, each in MODELS if each == task and family != "yolov5")
    assert _run(_model(tmp_path, *shapes), _labels(tmp_path), "--task", name) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["task"] == task
    # The same name in the file itself.
    config["task"] = name
    (tmp_path / "made" / "deploy_config.json").write_text(json.dumps(config), "utf-8")
    assert read_package(tmp_path / "made").task == task
    # And where a command asks for the task of a package.
    if name != "segmentation":
        assert TaskType().convert(name, None, None) == task


def test_families_by_every_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, labels = _model(tmp_path, (1, 6, N)), _labels(tmp_path)
    assert _run(model, labels, "--family", "YOLOv11n") == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["model_type"] == "yolo11"
    for option, value, near in (("--family", "yolo9", "yolo26"), ("--task", "obbs", "detection")):
        capsys.readouterr()
        assert _run(model, labels, option, value) == 2
        told = capsys.readouterr().err
        assert value in told and near in told and len(told.splitlines()) <= 3, told


def test_what_was_assumed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_model(tmp_path, (1, 7, N)), _labels(tmp_path)) == 0
    told = capsys.readouterr().err
    assert "assuming yolov8" in told
    assert "assuming oriented_detection with 2 labels; as a detection model it has 3" in told
    shutil.rmtree(tmp_path / "made")
    assert _run(_model(tmp_path, (1, 7, N), name="yolo11n-obb.kmodel"), _labels(tmp_path)) == 0
    assert capsys.readouterr().err == ""
    shutil.rmtree(tmp_path / "made")
    # A yolov5u has the outputs of yolov8.
    assert _run(_model(tmp_path, (1, 6, N), name="yolov5nu.kmodel"), _labels(tmp_path)) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["model_type"] == "yolov8"


def test_files_of_another_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = _labels(tmp_path)
    for name, data, words in (
        ("best.pt", b"PK\x03\x04" + bytes(60), "PyTorch .pt"),
        ("best.onnx", b"\x08\x08\x12\x07" + bytes(60), "an ONNX model (compile it with nncase"),
        ("empty.kmodel", b"", "the file is empty"),
    ):
        (tmp_path / name).write_bytes(data)
        assert _run(tmp_path / name, labels) != 0
        assert words in capsys.readouterr().err
    assert _run(tmp_path / "none.kmodel", labels) != 0
    assert "expected a .kmodel file, found nothing" in capsys.readouterr().err
    assert _run(_model(tmp_path, (1, 6, N), given=FLOAT32), labels) != 0
    assert "input_type uint8" in capsys.readouterr().err
    model = _model(tmp_path, (1, 6, N))
    for size in (3, 20, 40, 150, 300):
        (tmp_path / "cut.kmodel").write_bytes(model.read_bytes()[:size])
        assert _run(tmp_path / "cut.kmodel", labels) != 0
        told = capsys.readouterr().err
        assert "cut.kmodel: " in told and len(told.splitlines()) == 1, told
    (tmp_path / "dir.kmodel").mkdir()
    assert _run(tmp_path / "dir.kmodel", labels) != 0
    assert "expected a .kmodel file, found a folder" in capsys.readouterr().err
    assert _run(model, tmp_path / "dir.kmodel") != 0
    assert "dir.kmodel: can't be read" in capsys.readouterr().err
    assert _run(model, tmp_path / "no.txt") != 0
    assert "no.txt: can't be read" in capsys.readouterr().err
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine").write_text("")
    assert _run(model, labels) != 0
    assert "expected a new or an empty folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine"]


def test_an_answer_at_the_terminal_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert _run(_model(tmp_path, (1, 12, N)), _labels(tmp_path)) == 0
    config = json.loads((tmp_path / "made" / "deploy_config.json").read_text("utf-8"))
    assert config["task"] == "pose"


def test_a_program_learns_what_was_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_model(tmp_path, (1, 3 * N, 7)), _labels(tmp_path), "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert check_line(row) == "package_made"
    assert (row["family"], row["labels"], row["verify"]) == ("yolov5", 2, None)


@pytest.mark.parametrize("there", [False, True])
def test_a_trial_that_ends_early_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    place, drawings = tmp_path / "made", tmp_path / "made-verify"
    seen = []

    async def ended(*_: object) -> None:
        seen.append((place / "deploy_config.json").is_file() and drawings.is_dir())
        raise KeyboardInterrupt

    monkeypatch.setattr("host_client.cli.package.verify_files", ended)
    if there:  # what was drawn before stays
        drawings.mkdir()
        (drawings / "a.png").touch()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    words = ["package", str(_model(tmp_path, (1, 6, N))), "--labels", str(_labels(tmp_path))]
    assert run([*words, "--out", str(place), str(tmp_path / "a.png")]) == 130
    assert seen == [True] and not place.exists()
    assert [file.name for file in tmp_path.glob("made-verify/*")] == ["a.png"] * there
    assert not list(tmp_path.glob(".k230*"))


def test_pictures_are_looked_for_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(_model(tmp_path, (1, 6, N)), _labels(tmp_path), str(tmp_path / "none.jpg")) == 8
    told = capsys.readouterr()
    assert told.out == "" and "expected a picture or a folder of pictures" in told.err
    assert not (tmp_path / "made").exists()


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, labels = _model(tmp_path, (1, 6, N)), _labels(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    words = ["package", str(model), "--labels", str(labels), "--out", ".", "--no-verify"]
    assert run(words) == 0
    assert sorted(file.name for file in Path().iterdir()) == ["deploy_config.json", model.name]
