"""Bad input: one clear sentence for the person who can mend it, and the service lives on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from host_client import Board
from tests.integration.boards import SHAPES, card, copy_package, running

KMODEL = "packages/shapes_cls/shapes_cls.kmodel"
CONFIG = "packages/shapes_cls/deploy_config.json"
TASK = "configs/tasks/classification.yaml"
SERVICE = "configs/service.yaml"


def rewrite(path: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Return what changes one file of a card."""

    def apply(folder: Path) -> None:
        file = folder / path
        file.write_bytes(change(file.read_bytes()))

    return apply


def remove(path: str) -> Callable[[Path], None]:
    """Return what removes one file of a card."""
    return lambda folder: (folder / path).unlink()


def field(name: str, value: object) -> Callable[[Path], None]:
    """Return what changes one field of the package."""

    def change(data: bytes) -> bytes:
        values = json.loads(data)
        values[name] = value
        return json.dumps(values, ensure_ascii=False).encode()

    return rewrite(CONFIG, change)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove(SERVICE), ["configs/service.yaml", "expected the file", "found none"]),
        (remove(TASK), ["configs/tasks/classification.yaml", "found none"]),
        (remove(CONFIG), ["packages/shapes_cls", "deploy_config.json"]),
        (remove(KMODEL), ["kmodel_path", "shapes_cls.kmodel"]),
        (rewrite(SERVICE, lambda d: d + b"\tcamera: 1\n"), ["service.yaml line", "tab"]),
        (rewrite(SERVICE, lambda d: d + b"colour: red\n"), ["service.yaml line", "colour"]),
        (rewrite(SERVICE, lambda d: d + b"priority: 5\n"), ["priority", "latency", "5"]),
        (rewrite(TASK, lambda d: d + b"top_k: many\n"), ["classification.yaml line", "top_k"]),
        (rewrite(TASK, lambda d: d + b"nms_threshold: 0.5\n"), ["nms_threshold", "detection"]),
        (rewrite(KMODEL, lambda d: d[:5000]), ["shapes_cls.kmodel", "truncated"]),
        (rewrite(KMODEL, lambda d: b""), ["shapes_cls.kmodel"]),
        (rewrite(KMODEL, lambda d: b"LDMK\x06\0\0\0" + d[8:]), ["version 6", "expected version 7"]),
        (rewrite(KMODEL, lambda d: b"LDMK\x05\0\0\0" + d[8:]), ["version 5", "expected version 7"]),
        (rewrite(KMODEL, lambda d: b"\x03\0\0\0" + bytes(60)), ["shapes_cls.kmodel", "expected"]),
        (field("categories", ["a", "b", "c"]), ["categories", "expected 6", "found 3"]),
        (field("confidence_threshold", 1.5), ["confidence_threshold", "0..1", "1.5"]),
        (field("img_size", [224, 224]), ["img_size", "224"]),
        (field("model_type", "AnchorBaseDet"), ["model_type", "classification", "AnchorBaseDet"]),
        (rewrite(CONFIG, lambda d: d[:-20]), ["deploy_config.json line"]),
    ],
)
async def test_a_damaged_card_is_told_in_one_sentence(
    tmp_path: Path, damage: Callable[[Path], None], words: list[str]
) -> None:
    sdcard = card(tmp_path / "card")
    damage(sdcard)
    async with (
        running(sdcard, camera="synthetic") as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        status = await board.status()
        told = " ".join(row["text"] for row in status["problems"])
        assert {row["code"] for row in status["problems"]} <= {"task", "settings"}
        for word in words:
            assert word in told, told
        console = "\n".join(vb.console)
        assert "Traceback" not in console, console
        assert "\n" not in told


async def test_an_unknown_type_with_a_task_in_the_settings_is_used(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card")
    field("nncase_version", "2.9.0")(sdcard)
    async with (
        running(sdcard) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        assert (await board.status())["problems"] == []
        assert any("2.9.0" in line for line in vb.console)


async def test_an_empty_card_still_answers(tmp_path: Path) -> None:
    sdcard = tmp_path / "card"
    sdcard.mkdir()
    async with (
        running(sdcard, camera="synthetic") as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        status = await board.status()
        assert {row["code"] for row in status["problems"]} == {"settings", "task"}
        assert await board.tasks() == []


async def test_packages_with_windows_line_ends_and_odd_floats(tmp_path: Path) -> None:
    package = copy_package(SHAPES, tmp_path)
    config = package / "mp_deployment_source" / "deploy_config.json"
    text = config.read_text(encoding="utf-8")
    values = json.loads(text)
    values["confidence_threshold"] = 0.3000000000000003
    values["kmodel_path"] = values["kmodel_path"].removesuffix(".kmodel")
    text = json.dumps(values, indent=4, ensure_ascii=False).replace("\n", "\r\n")
    config.write_bytes(b"\xef\xbb\xbf" + text.encode())
    sdcard = card(tmp_path / "card", package)
    async with (
        running(sdcard) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        assert (await anext(board.results())).to_dict()["label"]
