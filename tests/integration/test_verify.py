"""k230 verify on packages with one thing wrong each, in the KPU simulator."""

from __future__ import annotations

import functools
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_client.cli.app import run
from host_client.cli.simulation import virtual_board

MODELS = Path(__file__).resolve().parents[2] / "models" / "packages"


def _threshold(config: dict[str, Any]) -> None:
    config["confidence_threshold"] = 0.97


def _labels(config: dict[str, Any]) -> None:
    names = config["categories"]
    config["categories"] = names[1:] + names[:1]


def _nothing(config: dict[str, Any]) -> None:
    pass


def _size(config: dict[str, Any]) -> None:
    config["img_size"] = [64, 64]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "kmodel", "code", "words"),
    [
        (_nothing, "", 0, "ok: "),
        (_threshold, "", 11, "threshold: "),
        (_labels, "", 11, "labels: "),
        (_nothing, "shapes_det_free", 11, "deployment: "),
        (_size, "", 11, "deployment: "),
    ],
    ids=["good", "threshold", "labels", "kmodel", "size"],
)
def test_the_right_cause_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], None],
    kmodel: str,
    code: int,
    words: str,
) -> None:
    shutil.copytree(MODELS / "shapes_det", tmp_path / "package")
    folder = tmp_path / "package" / "mp_deployment_source"
    config = json.loads((folder / "deploy_config.json").read_text())
    change(config)
    (folder / "deploy_config.json").write_text(json.dumps(config))
    if kmodel:
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
    assert "model: " in capsys.readouterr().err


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
