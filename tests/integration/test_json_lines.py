"""What every verb really prints with --json, of a virtual board, keeps to the schemas."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from host_client.cli.app import run as k230
from tests.integration.boards import PACKAGES, PICTURES, card, running
from tests.json_lines import check_line, schema
from tools.json_schemas import VERBS

pytestmark = pytest.mark.slow

GLYPHS = PACKAGES / "glyphs_ml"
SIGN, OTHER, SAME = (str(GLYPHS / "pictures" / f"glyphs_ml_{n}.jpg") for n in (0, 2, 1))
# In their own tests, where tests/conftest.py holds each printed line to its schema.
ELSEWHERE = {
    "demo": "integration/test_demo.py",
    "verify": "integration/test_verify.py",
    "flash": "flashing/test_cards.py",
    "firmware check": "flashing/test_images.py",
    "package": "host/test_package_verb.py",
    "reboot": "",  # another name of restart
    "sim infer": "",  # as infer
    "sim run": "",  # below, by a process of its own
    "dashboard": "",  # as hub
}


async def test_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = card(tmp_path / "card", GLYPHS)
    tried: dict[str, set[str]] = {}
    boards: set[tuple[str, str]] = set()

    def lines(verb: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        tried.setdefault(verb, set()).update(check_line(row) for row in rows)
        assert rows, verb
        return rows

    async with running(folder, camera=str(GLYPHS / "pictures")) as virtual:
        assert virtual.url is not None
        url, key = virtual.url, virtual.key

        async def ask(verb: str, *words: str, code: int = 0) -> list[dict[str, Any]]:
            arguments = [*verb.split(), url, *words, "--key", key, "--wait", "20", "--json"]
            found = await asyncio.to_thread(k230, arguments)
            rows = lines(verb)
            assert found == code, (verb, words, rows)
            boards.update((row["board_id"], row["board_name"]) for row in rows)
            return rows

        async def here(verb: str, *words: str) -> list[dict[str, Any]]:
            assert await asyncio.to_thread(k230, [*verb.split(), *words, "--json"]) == 0, verb
            return lines(verb)

        for verb in ("watch", "stats"):
            await ask(verb, "--count", "2")
        (status,) = await ask("status")
        assert set(status) == set(schema("status")["properties"])
        for verb in ("logs", "settings", "tasks", "config get", "packages list"):
            await ask(verb)
        await ask("infer", SIGN)
        await ask("enroll", "sign", SIGN, SAME)
        await ask("enroll", "other", OTHER, str(GLYPHS / "pictures" / "glyphs_ml_3.jpg"))
        await ask("recognize", SAME)
        for verb, words in (
            ("show", ["sign"]), ("list", []), ("threshold", ["sign", "0.5"]), ("suggest", []),
            ("rename", ["other", "another"]), ("export", [str(tmp_path / "a.gallery")]),
            ("import", [str(tmp_path / "a.gallery"), "--name", "again"]), ("select", ["again"]),
            ("remove", ["another"]), ("clear", []),
            ("import", [str(tmp_path / "a.gallery"), "--name", "third"]), ("delete", ["third"]),
        ):  # fmt: skip
            await ask(f"gallery {verb}", *words)
        await here("gallery check", str(tmp_path / "a.gallery"))

        await ask("push", str(PACKAGES / "shapes_det"))
        await ask("switch", "shapes_det")
        await ask("set", "events.enabled=true", "preview.enabled=true", "log.level=debug")
        await ask("keep", "log.level")
        await ask("forget")
        await ask("set", "events.enabled=true", "preview.enabled=true")
        await ask("counters")
        await ask("snapshot", str(tmp_path / "a.jpg"))
        await ask("zones", str(tmp_path / "zones.jpg"))
        await ask("events", "--from-none", code=2)  # an error is a line, too
        await ask("pull", "configs/service.yaml", str(tmp_path / "service.yaml"))
        await ask("push", str(tmp_path / "service.yaml"), "--name", "configs/service.yaml")
        await ask("record", str(tmp_path / "a.mcap"), "--seconds", "1")
        await ask("packages remove", "glyphs_ml")

        events = asyncio.create_task(
            asyncio.to_thread(k230, ["events", url, "--key", key, "--count", "1", "--json"])
        )
        while not events.done():  # it may not have subscribed yet
            await here_set(url, key)
            await asyncio.sleep(0.2)
        assert await events == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        tried["events"] = {check_line(row) for row in rows} - {"settings_changed"}

        await here("discover", "--address", url.removeprefix("tcp://"))
        assert await asyncio.to_thread(k230, ["doctor", url, "--key", key, "--json"]) in (0, 11)
        lines("doctor")
        await ask("restart")
    boards.discard((None, None))  # of the command line's own error
    assert len(boards) == 1

    await here("bag", str(tmp_path / "a.mcap"), str(tmp_path / "bag.mcap"))
    await here("config validate", str(tmp_path / "service.yaml"))
    assert k230(["key", "add", "tcp://192.0.2.1", "ab" * 32]) == 0
    capsys.readouterr()
    await here("key list")
    await here("firmware list")
    empty = tmp_path / "empty"
    empty.mkdir()
    await here("install", "--card", str(empty), "--package", str(PACKAGES / "shapes_cls"))
    await here("uninstall", "--card", str(empty))
    (tmp_path / "hub.yaml").write_text("web:\n  enabled: false\n")
    await here("hub", "--config", str(tmp_path / "hub.yaml"), "--check")
    await here("hub", "--listen", "127.0.0.1:0", "--seconds", "0.1")

    assert set(tried) | set(ELSEWHERE) == set(VERBS)
    for verb, types in tried.items():
        assert types - {"error"} <= set(VERBS[verb]), verb


async def here_set(url: str, key: str) -> None:
    words = ["set", url, "results.queue=5", "--key", key, "--json"]
    assert await asyncio.to_thread(k230, words) == 0


def test_the_others_are_where_it_says() -> None:
    for verb, place in ELSEWHERE.items():
        if place:
            text = (Path(__file__).parents[1] / place).read_text("utf-8")
            assert "--json" in text and verb.split()[0] in text, verb


async def test_a_virtual_board(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from host_client.cli import main; main()",
        *("sim", "run", "--sdcard", str(card(tmp_path / "card")), "--camera", str(PICTURES)),
        *("--tcp", "127.0.0.1:0", "--seconds", "2", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert {check_line(json.loads(line)) for line in said.splitlines()} == {"simulation"}
