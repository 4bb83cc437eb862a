"""k230 verify on packages with one thing wrong each, in the KPU simulator."""

from __future__ import annotations

import functools
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from host_client.cli.app import run
from host_client.cli.simulation import virtual_board

MODELS = Path(__file__).resolve().parents[2] / "models" / "packages"


def _threshold(config: dict[str, Any]) -> None:
    config["confidence_threshold"] = 0.97


def _low(config: dict[str, Any]) -> None:
    config["confidence_threshold"] = 0.02


def _labels(config: dict[str, Any]) -> None:
    names = config["categories"]
    config["categories"] = names[1:] + names[:1]


def _nothing(config: dict[str, Any]) -> None:
    pass


def _size(config: dict[str, Any]) -> None:
    config["img_size"] = [64, 64]


def _damage(kmodel: Path) -> None:
    """Change some weights, as another training would."""
    data = bytearray(kmodel.read_bytes())
    dice = random.Random(1)
    for _ in range(4000):
        data[dice.randrange(len(data) // 2, len(data))] = dice.randrange(256)
    kmodel.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "change", "kmodel", "code", "words"),
    [
        ("shapes_det", _nothing, "", 0, "ok: 21 of 21 expected answers were found"),
        ("shapes_det", _threshold, "", 11, "threshold: 21 of 21 expected answers score below"),
        ("shapes_det", _low, "", 11, "threshold: at the threshold 0.02, 6 answers are wrong"),
        ("shapes_det", _labels, "", 11, "labels: the order of the labels differs"),
        ("shapes_seg", _labels, "", 11, "labels: the order of the labels differs"),
        ("shapes_det", _nothing, "shapes_det_free", 11, "deployment: "),
        ("shapes_det", _nothing, "damaged", 11, "deployment: "),
        ("shapes_det", _size, "", 11, "deployment: "),
    ],
    ids=["good", "high", "low", "labels", "segmentation", "kmodel", "damaged", "size"],
)
def test_the_right_cause_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    package: str,
    change: Callable[[dict[str, Any]], None],
    kmodel: str,
    code: int,
    words: str,
) -> None:
    damaged = kmodel == "damaged"
    without = shutil.ignore_patterns() if damaged else shutil.ignore_patterns("*.onnx")
    shutil.copytree(MODELS / package, tmp_path / "package", ignore=without)
    folder = tmp_path / "package" / "mp_deployment_source"
    config = json.loads((folder / "deploy_config.json").read_text())
    change(config)
    (folder / "deploy_config.json").write_text(json.dumps(config))
    if damaged:
        _damage(next(folder.glob("*.kmodel")))
    elif kmodel:
        other = next((MODELS / kmodel / "mp_deployment_source").glob("*.kmodel"))
        shutil.copy(other, next(folder.glob("*.kmodel")))
    assert run(["verify", str(folder), "--out", str(tmp_path / "out")]) == code
    said = capsys.readouterr()
    assert words in said.out + said.err
    if code == 0:
        assert len(list((tmp_path / "out").glob("*.png"))) == 8


def test_a_model_that_takes_long_to_load_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = functools.partial(virtual_board, timing="k230?files.read_mb_s=0.2")
    monkeypatch.setattr("host_client.cli.verify.virtual_board", slow)
    package = MODELS / "shapes_det_gfl"
    arguments = [str(package), str(package / "pictures" / "shapes_det_gfl_0.jpg")]
    assert run(["verify", *arguments, "--out", str(tmp_path / "out")]) == 0
    assert "ok: " in capsys.readouterr().out


@pytest.mark.slow
def test_another_models_kmodel_of_the_same_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(MODELS / "shapes_cls", tmp_path / "package")
    folder = tmp_path / "package" / "mp_deployment_source"
    # Pictures that say something else: as if the kmodel were another model's.
    wrong = {f"shapes_cls_{i}.jpg": {"label": "heart"} for i in range(8)}
    (tmp_path / "package" / "expected.json").write_text(json.dumps(wrong))
    assert run(["verify", str(folder), "--out", str(tmp_path / "out")]) == 11
    said = capsys.readouterr()
    assert "model: " in said.err
    assert "the training is the cause, not the conversion" in said.err  # its ONNX model is alike
    assert "threshold 0.5: 1 of 8 found, 7 wrong  <- the package's" in said.out


@pytest.mark.slow
def test_small_objects_are_found_in_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = MODELS / "shapes_det"
    table = json.loads((folder / "expected.json").read_text())
    (tmp_path / "pictures").mkdir()
    wanted = {}
    for name, row in list(table.items())[::3]:
        box = max(row["boxes"], key=lambda box: float(box["w"]))
        x, y, w, h = (round(float(box[key])) for key in "xywh")
        with Image.open(folder / "pictures" / name) as image:
            # 13 of the model's 128 pixels: nothing it was trained with is so small.
            size = (round(w * 128 / 13), round(w * 96 / 13))
            wide = Image.new("RGB", size, (128, 128, 128))
            part = image.crop((x - w // 8, y - h // 8, x + w + w // 8, y + h + h // 8))
            wide.paste(part, (size[0] // 8, size[1] // 8))
            wide.save(tmp_path / "pictures" / name)
        wanted[name] = box["label"]
    expected = tmp_path / "expected.json"
    expected.write_text(json.dumps(wanted))
    arguments = ["--expected", str(expected), "--out", str(tmp_path / "out")]
    package = str(folder / "mp_deployment_source")
    assert run(["verify", package, str(tmp_path / "pictures"), *arguments]) == 11
    assert "resolution: " in capsys.readouterr().err


def test_another_nncase_version_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(MODELS / "shapes_cls" / "mp_deployment_source", tmp_path / "package")
    path = tmp_path / "package" / "deploy_config.json"
    path.write_text(path.read_text().replace("2.11.0", "2.8.0"))
    assert run(["doctor", "--package", str(tmp_path / "package")]) == 0
    said = capsys.readouterr().out
    assert "! package: " in said
    assert "converted with nncase 2.8.0, the firmware runs 2.11" in said


@pytest.mark.slow
def test_the_pictures_in_the_platforms_zip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "shapes.zip"
    with zipfile.ZipFile(package, "w") as archive:
        for path in (MODELS / "shapes_cls" / "mp_deployment_source").iterdir():
            archive.write(path, f"mp_deployment_source/{path.name}")
        for i in range(2):
            archive.write(
                MODELS / "shapes_cls" / "pictures" / f"shapes_cls_{i}.jpg",
                f"cls_result/test_{i}.jpg",
            )
    assert run(["verify", str(package), "--out", str(tmp_path / "out"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["pictures"] == 2
    assert report["verdict"] == "ok"


@pytest.mark.slow
def test_one_bad_picture_and_our_own_drawings_do_not_change_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = MODELS / "shapes_cls" / "pictures"
    good = (source / "shapes_cls_0.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(good)
    (tmp_path / "b.jpg").write_bytes(good[: len(good) // 3])
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\26\7a Mac's own")
    with Image.open(source / "shapes_cls_1.jpg") as image:
        image.save(tmp_path / "a.png")  # the stem of another picture
    out = tmp_path / "k230-verify"
    command = ["verify", str(MODELS / "shapes_cls"), str(tmp_path), "--out", str(out), "--json"]
    for _ in range(2):  # the second time the drawings lie there, too
        assert run(command) == 8
        report = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert report["verdict"] == "ok"
        assert [Path(row["picture"]).name for row in report["answers"]] == ["a.jpg", "a.png"]
        assert [(Path(row["picture"]).name, row["code"]) for row in report["failed"]] == [
            ("b.jpg", "bad_picture")
        ]
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg.png", "a.png.png"]
    (tmp_path / "only").mkdir()
    (tmp_path / "b.jpg").rename(tmp_path / "only" / "b.jpg")
    assert run([*command[:2], str(tmp_path / "only"), *command[3:]]) == 8
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_picture"


def test_where_the_drawings_can_not_be_written_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for out in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        assert run(["verify", str(MODELS / "shapes_cls"), "--out", str(out)]) == 12
        said = capsys.readouterr().err
        assert f"--out: expected a folder that can be written, found {out}: " in said
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.slow
def test_metric_learning_is_judged_by_identities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, out = MODELS / "glyphs_ml", tmp_path / "out"
    assert run(["verify", str(package), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["verdict"] == "ok"
    assert (
        "most similar to another picture of the same identity: 8 of 8 pictures"
        in report["reasons"][0]
    )
    assert (
        report["answers"][0]["nearest"]["identity"] == report["answers"][0]["identity"] == "sign0"
    )
    assert len(report["similarities"]) == 8
    assert (out / "similarities.png").is_file()
    # Names that have nothing to do with the pictures, and none at all.
    wrong = {f"glyphs_ml_{number}.jpg": f"sign{number % 4}" for number in range(8)}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    (tmp_path / "none.json").write_text("{}")
    for name, code, words in (
        ("wrong", 11, "same identity: 0 of 8"),
        ("none", 0, "give --expected"),
    ):
        expected = ["--expected", str(tmp_path / f"{name}.json")]
        assert run(["verify", str(package), "--out", str(out), *expected]) == code
        said = capsys.readouterr()
        assert words in said.out + said.err


def test_infer_draws_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = MODELS / "shapes_det"
    picture, out = package / "pictures" / "shapes_det_0.jpg", tmp_path / "out"
    command = ["sim", "infer", str(picture), "--package", str(package), "--out", str(out)]
    assert run(command) == 0
    assert "@" in capsys.readouterr().out
    with Image.open(out / "shapes_det_0.png") as image:
        assert image.width == 640
        assert image.height > 480  # the legend
    Image.new("RGB", (8, 8)).save(out / "shapes_det_0.png")
    assert run(command) == 12
    assert "is not a drawing of an earlier run" in capsys.readouterr().err
