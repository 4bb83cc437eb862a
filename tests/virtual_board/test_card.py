"""Throw-away cards: from folders and zips, and what a bad zip may not do."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from pathlib import Path

import pytest

from firmware_app.settings import reader as firmware_settings
from virtual_board import archive
from virtual_board.card import CardError, make_card

from .scripts import PACKAGES

MODEL = PACKAGES / "shapes_cls" / "mp_deployment_source" / "shapes_cls.kmodel"
if not MODEL.is_file():
    pytest.skip(f"{MODEL} is not there", allow_module_level=True)
KMODEL = MODEL.read_bytes()
CONFIG = {
    "model_type": "can2",
    "img_size": [96, 96],
    "categories": ["a", "b", "c", "d", "e", "f"],
    "num_classes": 6,
    "confidence_threshold": 0.5,
    "kmodel_path": "model.kmodel",
}


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "deploy_config.json").write_text(json.dumps(CONFIG))
    (folder / "model.kmodel").write_bytes(KMODEL)
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PACKAGE = {
    "mp_deployment_source/deploy_config.json": json.dumps(CONFIG).encode(),
    "mp_deployment_source/model.kmodel": KMODEL,
}


def read(card: Path, name: str) -> firmware_settings.Settings:
    task = card / "configs" / "tasks" / "classification.yaml"
    text = task.read_text(encoding="utf-8")
    settings = firmware_settings.read_task(text, str(task))
    packages = card / "packages" / name
    assert settings.get("package") == f"/sdcard/packages/{name}"
    assert sorted(p.name for p in packages.iterdir()) == ["deploy_config.json", "model.kmodel"]
    assert settings.get("task") == "classification"
    return firmware_settings.read_service(
        (card / "configs" / "service.yaml").read_text(), "service"
    )


def test_a_folder(tmp_path: Path) -> None:
    fill(tmp_path / "pots" / "mp_deployment_source")
    make_card(
        tmp_path / "pots",
        tmp_path / "card",
        camera_size=(321, 240),
        uart=True,
        settings={"results.queue": 8},
    )
    service = read(tmp_path / "card", "pots")
    assert service.get("camera.width") == 336
    assert service.get("camera.height") == 240
    assert service.get("uart.enabled") is True
    assert service.get("results.queue") == 8
    assert service.get("task") == "classification"


@pytest.mark.parametrize("outer", [False, True])
def test_a_zip(tmp_path: Path, outer: bool) -> None:
    content = zipped(PACKAGE)
    if outer:
        content = zipped({"README.md": b"", "mp_deployment_source.zip": content})
    (tmp_path / "pots.zip").write_bytes(content)
    make_card(tmp_path / "pots.zip", tmp_path / "card", camera_enabled=False)
    assert read(tmp_path / "card", "pots").get("camera.enabled") is False


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../evil.py": b""}, "outside its own folder: '../evil.py'"),
        ({"/etc/evil": b""}, "outside its own folder"),
        ({"a\\..\\..\\evil": b""}, "outside its own folder"),
        ({"readme.txt": b""}, "no deploy_config.json in it"),
        ({"a/deploy_config (1).json": b""}, "rename deploy_config (1).json in it to deploy_config"),
    ],
)
def test_a_bad_zip(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    (tmp_path / "bad.zip").write_bytes(zipped(files))
    with pytest.raises(CardError, match=re.escape(message)):
        make_card(tmp_path / "bad.zip", tmp_path / "card")
    assert not (tmp_path / "evil.py").exists()


def test_a_zip_with_backslashes_and_entries_for_its_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pots.zip", "w") as made:
        made.writestr("mp_deployment_source\\", b"")
        for name, content in PACKAGE.items():
            made.writestr(name.replace("/", "\\"), content)
    make_card(tmp_path / "pots.zip", tmp_path / "card")
    read(tmp_path / "card", "pots")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_of_a_zip_without_the_flag_for_utf8(tmp_path: Path, encoding: str) -> None:
    """The second byte of 乗 in GBK is a backslash."""
    name = "水果乗法.kmodel"
    files = {
        "水果_result/mp_deployment_source/deploy_config.json": json.dumps(
            CONFIG | {"kmodel_path": name}, ensure_ascii=False
        ).encode(),
        f"水果_result/mp_deployment_source/{name}": KMODEL,
    }
    with zipfile.ZipFile(tmp_path / "pots.zip", "w") as made:
        # zipfile would set the flag: the bytes are put in place afterwards.
        for number, (path, content) in enumerate(files.items()):
            made.writestr((f"<{number}>" * 99)[: len(path.encode(encoding))], content)
    data = (tmp_path / "pots.zip").read_bytes()
    for number, path in enumerate(files):
        raw = path.encode(encoding)
        data = data.replace((f"<{number}>" * 99)[: len(raw)].encode(), raw)
    (tmp_path / "pots.zip").write_bytes(data)
    archive.unpack(tmp_path / "pots.zip", tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "水果_result" / "mp_deployment_source" / name).is_file()


def test_names_on_the_card_are_distinct(tmp_path: Path) -> None:
    def name(stem: str, model: str = "model") -> str:
        path = tmp_path / f"{stem}.zip"
        path.write_bytes(b"")
        return archive.package_name(path, model)

    assert name("fruit") == "fruit"
    assert name("fruit (1)") == "fruit_1"
    others = [name(stem) for stem in ("水果(1)", "数字(1)", "水果(2)", "水果", "数字", "é", "😀")]
    assert len({other.lower() for other in others}) == len(others)
    assert all(re.fullmatch(r"model-[0-9a-f]{6}", other) for other in others), others
    assert name("水果") == name("水果")
    assert re.fullmatch(r"package-[0-9a-f]{6}", name("水果", "模型"))
    assert name("水果", "m" * 60) == "m" * 33 + name("水果")[-7:]
    inner = tmp_path / "mp_deployment_source"
    inner.mkdir()
    assert archive.package_name(inner, "model") == "model"
    assert re.fullmatch(r"package-[0-9a-f]{6}", archive.package_name(inner, "模型"))
    assert archive.package_name(inner, "模型") != archive.package_name(inner, "水果")


def test_a_zip_with_a_link(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(CardError, match="symbolic link"):
        make_card(tmp_path / "bad.zip", tmp_path / "card")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "b/../a", "x"), "outside its own folder"),
        (("a", "b", "a"), "two files of the name 'a'"),
        (("b/model", "b/Model"), "two files of the name 'b/Model'"),
        (("a/" * 600 + "b",), "at most 1000 characters, found 1201"),
        (("a", "a/b"), "cannot be unpacked"),
    ],
)
def test_a_zip_with_odd_names(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    path = tmp_path / "bad.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as made:
        warnings.simplefilter("ignore")  # zipfile's own, of names that come twice
        for name in names:
            made.writestr(name, b"x")
    with pytest.raises(archive.ArchiveError, match=words):
        archive.unpack(path, tmp_path / "target")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_with_damaged_data(tmp_path: Path, method: int) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in PACKAGE.items():
            made.writestr(name, content * 50)
    data = path.read_bytes()
    refused = 0
    for at in range(30, 160, 3):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            archive.unpack(path, tmp_path / f"target{at}")
        except archive.ArchiveError as error:
            refused += "not a zip file" in str(error) or "cannot be unpacked" in str(error)
    assert refused > 20


def test_a_zip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 50)
    (tmp_path / "bad.zip").write_bytes(zipped(PACKAGE))
    with pytest.raises(CardError, match="unpacks to more than"):
        make_card(tmp_path / "bad.zip", tmp_path / "card")


def test_no_package_at_all(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="found nothing"):
        make_card(tmp_path / "none", tmp_path / "card")
    (tmp_path / "file.zip").write_bytes(b"PK no zip")
    with pytest.raises(CardError, match="not a zip file that can be read"):
        make_card(tmp_path / "file.zip", tmp_path / "card")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CardError, match=r"no deploy_config\.json"):
        make_card(tmp_path / "empty", tmp_path / "card")


def test_a_setting_the_service_would_refuse(tmp_path: Path) -> None:
    fill(tmp_path / "pots")
    with pytest.raises(CardError, match=r"results\.queue"):
        make_card(tmp_path / "pots", tmp_path / "card", settings={"results.queue": 0})


def test_two_packages_make_one_task(tmp_path: Path) -> None:
    for pair in (("text_det", "text_rec"), ("text_rec", "text_det")):
        card = tmp_path / pair[0]
        make_card([PACKAGES / name for name in pair], card, task_settings={"max_results": 3})
        text = (card / "configs" / "tasks" / "ocr.yaml").read_text(encoding="utf-8")
        values = firmware_settings.read_task(text, "ocr.yaml").values
        assert values["detection_package"] == "/sdcard/packages/text_det"
        assert values["recognition_package"] == "/sdcard/packages/text_rec"
        assert values["max_results"] == 3
    card = tmp_path / "identities"
    make_card([PACKAGES / "shapes_det", PACKAGES / "glyphs_ml"], card)
    text = (card / "configs" / "tasks" / "metric_learning.yaml").read_text(encoding="utf-8")
    values = firmware_settings.read_task(text, "metric_learning.yaml").values
    assert values["detection_package"] == "/sdcard/packages/shapes_det"
    assert values["package"] == "/sdcard/packages/glyphs_ml"


def test_packages_that_make_no_task_together(tmp_path: Path) -> None:
    for names, task in (
        (["text_rec", "shapes_cls"], None),
        (["text_rec", "text_rec"], None),
        (["text_det", "text_rec"], "detection"),
    ):
        with pytest.raises(CardError, match=r"one that finds text and one that reads it .*, found"):
            make_card([PACKAGES / name for name in names], tmp_path / "card", task=task)
    with pytest.raises(CardError, match="one package or two, found 3"):
        make_card([PACKAGES / "text_det"] * 3, tmp_path / "card")
    with pytest.raises(CardError, match=r"ocr\.yaml line .*: colour: unknown setting"):
        make_card(
            [PACKAGES / "text_det", PACKAGES / "text_rec"],
            tmp_path / "card",
            task_settings={"colour": "red"},
        )
