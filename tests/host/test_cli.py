"""The command line against a scripted board: JSON, exit codes, pipes; no traceback ever."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from PIL import Image

from firmware_app.wire import messages
from host_client.cli.app import cli, run
from host_client.cli.options import Group
from host_client.commands.configurations import place_on_card
from host_client.link.address import parse_address
from tests.host.board_thread import BoardThread
from tests.host.scripted_board import KEY
from tests.host.test_odd_answers import ENROLLED, RECOGNIZED, SET
from tests.json_lines import own

_ROOT = Path(__file__).parents[2]
# Whoever runs the tests in the background of a shell hands down an ignored Ctrl-C.
_K230 = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from host_client.cli import main; main()",
]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or changes the user's keys."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("K230_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(logging.getLogger("host_client"), "level", logging.NOTSET)
    return tmp_path / "k230" / "keys"


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Return the JSON lines on stdout."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_watch(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        assert run(["watch", scripted.board.url, "--count", "3", "--json"]) == 0
        rows = lines(capsys)
        assert {(row["type"], row["board_id"], row["board_name"]) for row in rows} == {
            ("result", "board-1", "kitchen")
        }
        assert run(["watch", scripted.board.url, "--count", "2"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert len(shown) == 2
        assert "classification" in shown[0]
        assert all(len(line) <= 80 for line in shown)


def test_several_boards_at_once_one_of_which_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as first, BoardThread() as second:
        second.board.board_id = "board-2"
        urls = [first.board.url, second.board.url]
        assert run(["watch", *urls, "--count", "2", "--json"]) == 0
        ids = [row["board_id"] for row in lines(capsys)]
        assert sorted(ids) == ["board-1", "board-1", "board-2", "board-2"]
        first.board.refusal = ("full", "all places are taken")
        assert run(["watch", *urls, "--count", "2"]) == 3
        shown = capsys.readouterr()
        assert [line.startswith("kitchen: ") for line in shown.out.splitlines()] == [True, True]
        assert f"k230: {urls[0]}: " in shown.err and "all places are taken" in shown.err


def test_boards_of_one_name_are_told_apart() -> None:
    def board(name: str, url: str) -> Any:
        return SimpleNamespace(info=SimpleNamespace(board_name=name), address=parse_address(url))

    group = Group(4)
    first, second = board("kitchen", "tcp://10.0.0.1"), board("kitchen", "/dev/ttyUSB0")
    other, nameless = board("hall", "tcp://[fe80::1]:99"), board("", "tcp://10.0.0.2:99")
    group.add(first)
    assert group.name(first) == "kitchen"
    for each in (second, other, nameless):
        group.add(each)
    names = [group.name(each) for each in (first, second, other, nameless)]
    wire = "kitchen (/dev/ttyUSB0?baudrate=115200)"
    assert names == ["kitchen (10.0.0.1:5230)", wire, "hall", "10.0.0.2:99"]
    second.info.board_name = "cellar"  # k230 set URL board.name=cellar
    assert group.name(first) == "kitchen"


def test_events_and_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        board = scripted.board

        async def say() -> None:
            while True:
                board.broadcast(
                    [messages.EVENT, 9, "problem", {"code": "camera", "text": "a\x1b[2Jb"}, 0],
                    "events",
                )
                values = {"results": 30, "period_us": 1000000, "kpu_us": 600000, "dropped": 1}
                board.broadcast([messages.STATISTICS, 9, values], "statistics")
                await asyncio.sleep(0.02)

        talking = asyncio.run_coroutine_threadsafe(say(), scripted._loop)
        for verb in ("events", "stats"):
            assert run([verb, board.url, "--count", "2", "--json"]) == 0
            rows = lines(capsys)
            assert [row["type"] for row in rows] == 2 * [
                "event" if verb == "events" else "statistics"
            ]
        assert run(["events", board.url, "--count", "1"]) == 0
        assert "problem: camera: a\\x1b[2Jb" in capsys.readouterr().out
        assert run(["stats", board.url, "--count", "1"]) == 0
        heads, row = capsys.readouterr().out.splitlines()
        assert len(heads) == len(row) <= 80
        assert dict(zip(heads.split(), row.split(), strict=False))["fps"] == "30.0"
        assert dict(zip(heads.split(), row.split(), strict=False))["kpu"] == "20.00"
        talking.cancel()


def test_set_says_when_each_change_takes_effect(capsys: pytest.CaptureFixture[str]) -> None:
    """What can't change while the board runs says "from the next start"."""
    reports = [
        {"generation": 1, "changed": ["a", "b"], "saved": False, "later": []},
        {"generation": 1, "changed": ["a", "b"], "saved": True, "later": ["b"]},
        {"generation": 1, "changed": [], "saved": False, "later": []},
    ]
    shown = [
        ["a: in effect until a restart; --save keeps it", "b: in effect until a restart; --save keeps it"],
        ["a: in effect, also after a restart", "b: from the next start"],
        ["nothing has changed"],
    ]  # fmt: skip
    with BoardThread() as scripted:
        for report, expected in zip(reports, shown, strict=True):
            scripted.board.answers["set"] = functools.partial(lambda answer, _: answer, report)
            assert run(["set", scripted.board.url, "a=1"]) == 0
            assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("service.yaml", "configs/service.yaml"),
        ("old/service.yaml", "configs/service.yaml"),
        ("mine.yaml", "configs/tasks/mine.yaml"),
        ("configs/tasks/a.yaml", "configs/tasks/a.yaml"),
        ("somewhere/configs/service.yaml", "configs/service.yaml"),
        ("words.txt", "words.txt"),  # the board says what it expects
    ],
)
def test_where_a_file_is_pushed_to(path: str, place: str, tmp_path: Path) -> None:
    given = path if path == place and "/" not in place else tmp_path / path
    assert place_on_card(given) == place


def test_k230_url(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with BoardThread() as scripted, BoardThread() as other:
        other.board.board_id = "board-2"
        monkeypatch.setenv("K230_URL", scripted.board.url)
        scripted.board.answers = {"switch": lambda arguments: {"task": "seg", "generation": 2}}
        assert run(["watch", "--count", "1", "--json"]) == 0
        assert lines(capsys)[0]["board_id"] == "board-1"
        assert run(["switch", "seg", "--json"]) == 0
        assert lines(capsys)[0]["task"] == "seg"
        assert run(["watch", other.board.url, "--count", "1", "--json"]) == 0
        assert lines(capsys)[0]["board_id"] == "board-2"
        host = other.board.url.removeprefix("tcp://")
        assert run(["watch", host, "--count", "1", "--json"]) == 0
        assert lines(capsys)[0]["board_id"] == "board-2"
        assert run(["watch", "--help"]) == 0
    monkeypatch.delenv("K230_URL")
    assert run(["watch"]) == 2


def test_status_tasks_switch_set(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        url = scripted.board.url
        report = {"task": "seg", "generation": 2, "gap_ms": 40, "sha256": "aa" * 32, "later": 1}
        scripted.board.answers = {
            "status": lambda _: {
                "uptime_ms": 5,
                "chamber": {"state": "ok"},
                "digest": b"\1\2",
                "task": "a",
            },
            "tasks": lambda _: [{"name": "a", "task": "ocr", "active": True}],
            "switch": lambda arguments: report | {"task": arguments["task"]},
            "set": lambda arguments: {
                "generation": 2,
                "changed": sorted(arguments["changes"]),
                "saved": True,
            },
            "settings": lambda _: [
                ["preview.enabled", 3, True, False],
                ["network.port", 2, 5230, 5230, 80],
                ["labels", 4, ["a"], ["a"]],
                ["min_size", 5, 4, 0],
            ],
            "keep": lambda arguments: SET | {"changed": arguments.get("names", ["all"])},
            "forget": lambda arguments: SET | {"changed": arguments.get("names", ["all"])},
        }
        assert run(["status", url, "--json"]) == 0
        assert lines(capsys)[0]["digest"] == "0102"
        assert run(["status", url]) == 0
        first, second, *_ = capsys.readouterr().out.splitlines()
        assert (first.split()[0], second) == ("board", "task        none runs (configured: a)")
        assert run(["status", url, "--all"]) == 0
        shown = capsys.readouterr().out
        # What matters first, the rest by name, whatever the order on the board.
        places = [shown.index(name) for name in ("task", "chamber.state", "digest", "uptime_ms")]
        assert places == sorted(places)
        assert run(["tasks", url, "--json"]) == 0
        assert lines(capsys)[0]["task"] == "ocr"
        assert run(["switch", url, "seg", "--json"]) == 0
        row = lines(capsys)[0]
        assert sorted(own(row)) == [
            "first_seq",
            "gap_frames",
            "gap_ms",
            "generation",
            "heap_after_bytes",
            "heap_before_bytes",
            "mmz_after_bytes",
            "mmz_before_bytes",
            "pause_ms",
            "sha256",
            "task",
        ]
        assert run(["set", url, "confidence=0.6", "name=x", "--save"]) == 0
        values = {"changes": {"confidence": 0.6, "name": "x"}, "save": True}
        assert scripted.board.commands[-1][2] == values
        capsys.readouterr()
        assert run(["settings", url, "--json"]) == 0
        rows = lines(capsys)
        assert [row["next_value"] for row in rows] == [True, 80, ["a"], 0]
        assert [row["changed"] for row in rows] == [True, True, False, True]
        assert run(["settings", url, "--changed"]) == 0
        shown = capsys.readouterr().out
        assert "labels" not in shown
        for word in ("live, kept", "next start: 80", "live, until a restart"):
            assert word in shown, word
        assert run(["keep", url, "--json"]) == 0
        assert lines(capsys)[0]["changed"] == ["all"]
        assert run(["forget", url, "min_size", "a", "--json"]) == 0
        assert lines(capsys)[0]["changed"] == ["min_size", "a"]


def test_pull(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = bytes(range(256)) * 100
    with BoardThread(files={"configs/tasks/a.yaml": data, "dictionaries/a.txt": b""}) as scripted:
        url = scripted.board.url
        assert run(["pull", url, "configs/tasks/a.yaml", "--json"]) == 0
        row = json.loads(capsysbinary.readouterr().out)
        wanted = {"name": "configs/tasks/a.yaml", "file": "a.yaml", "size_bytes": 25600}
        assert own(row) == wanted
        assert (tmp_path / "a.yaml").read_bytes() == data
        assert run(["pull", url, "dictionaries/a.txt", "other"]) == 0
        assert (tmp_path / "other").read_bytes() == b""
        capsysbinary.readouterr()
        assert run(["pull", url, "configs/tasks/a.yaml", "-"]) == 0
        assert capsysbinary.readouterr().out == data
        assert run(["pull", url, "configs/tasks/a.yaml", str(tmp_path)]) == 12
        assert run(["pull", url, "configs/tasks/none.yaml"]) == 7
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.yaml", "other"]


def test_infer_takes_a_picture_from_stdin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (7, 5), (1, 2, 3)).save(picture, "PNG")
    for data, code in ((picture.getvalue(), 0), (b"", 12), (b"no picture", 8)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with BoardThread() as scripted:
            assert run(["infer", scripted.board.url, "-", "--json"]) == code
        if code == 0:
            assert lines(capsys)[0]["task"] == "classification"
            assert scripted.board.received == bytes([1] * 35 + [2] * 35 + [3] * 35)


def test_infer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.new("RGB", (7, 5), (1, 2, 3)).save(good)
    bad = str(tmp_path / "bad.png")
    with BoardThread() as scripted:
        url = scripted.board.url
        assert run(["infer", url, bad, str(good), "--json"]) == 8
        rows = lines(capsys)
        assert rows[0]["error"]["code"] == "bad_picture"
        assert (rows[1]["image"], rows[1]["label"]) == (str(good), "菠菜")
        assert scripted.board.received == b"\1" * 35 + b"\2" * 35 + b"\3" * 35
        assert run(["infer", url, str(good)]) == 0
        assert capsys.readouterr().out == f"{good}: 菠菜 1.000\n"


def test_keys(capsys: pytest.CaptureFixture[str], own_store: Path, monkeypatch: Any) -> None:
    with BoardThread(key=KEY) as scripted:
        url = scripted.board.url
        scripted.board.answers["status"] = lambda _: {}
        ask = ["status", url, "--json"]
        assert run(ask) == 4
        assert lines(capsys)[0]["error"]["code"] == "authentication"
        assert run([*ask, "--key", "00" * 32]) == 4
        assert run([*ask, "--key", KEY.hex()]) == 0
        assert run([*ask, "--key", "12"]) == 2
        monkeypatch.setenv("K230_KEY", KEY.hex())
        assert run(ask) == 0
        monkeypatch.delenv("K230_KEY")
        own_store.parent.mkdir(exist_ok=True)
        file = own_store.parent / "my key"
        file.write_text(KEY.hex())
        assert run(["key", "add", url, f"@{file}"]) == 0
        assert run(ask) == 0
        capsys.readouterr()
        assert run(["key", "list", "--json"]) == 0
        assert [own(row) for row in lines(capsys)] == [{"board": url}]
        assert run(["key", "remove", url]) == 0
        assert run(["key", "remove", url]) == 7
        assert run(["key", "add", "board-1", KEY.hex()]) == 0
        assert run(ask) == 0
        out, err = capsys.readouterr()
        assert KEY.hex() not in out + err


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (["watch", "nowhere"], 2, "bad_address"),
        (["watch", "tcp://127.0.0.1:1"], 3, "connection_failed"),
        (["watch", "serial:///dev/no-such-tty"], 3, "connection_failed"),
        (["watch"], 2, "usage"),
        (["fly"], 2, "usage"),
        (["watch", "tcp://x", "--count", "0"], 2, "usage"),
        (["set", "tcp://x", "novalue"], 2, "usage"),
        (["sim", "run"], 2, "usage"),
        (["sim", "run", "--sdcard", "/none"], 9, "simulation"),
        (["sim", "infer", "x.jpg", "--package", "/none"], 8, "bad_package"),
    ],
)
def test_errors(
    arguments: list[str], code: int, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--json"]) == code
    assert lines(capsys)[0]["error"]["code"] == name
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("k230: ")
    assert err.count("\n") == 1


def test_faults_of_our_own_show_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("host_client.cli.options.Board.connect", fail)
    assert run(["status", "tcp://x"]) == 70
    assert "Traceback" not in capsys.readouterr().err
    assert run(["status", "tcp://x", "--debug"]) == 70


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert run(["watch", "--help"]) == 0
    assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())
    assert run([]) == 2


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_K230, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_being_stopped_is_quiet(number: signal.Signals, code: int) -> None:
    with BoardThread() as scripted:
        process = _start(["watch", scripted.board.url])
        assert process.stdout is not None
        assert "classification" in process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert process.returncode == code
        assert err == ""


def test_a_closed_pipe_is_quiet() -> None:
    with BoardThread() as scripted:
        process = _start(["watch", scripted.board.url, "--json"])
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        started = time.monotonic()
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - started < 10
        assert process.stderr.read() == ""
        process.stderr.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["push", "tcp://192.0.2.1"],
        ["enroll", "tcp://192.0.2.1", "a", "--on-card"],
        ["recognize", "tcp://192.0.2.1", "--on-card"],
        ["set", "tcp://192.0.2.1", "nothing"],
        ["gallery", "threshold", "tcp://192.0.2.1", "a", "2"],
    ],
)
def test_a_wrong_line_is_told_before_a_board_is_asked(arguments: list[str]) -> None:
    began = time.monotonic()
    assert run(arguments) == 2
    assert time.monotonic() - began < 3


def test_pictures_on_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    """enroll, recognize and infer name them alike."""
    with BoardThread() as scripted:
        board, url = scripted.board, scripted.board.url
        row = [messages.CLASSIFICATION, 7, 1, 1, 1, [2, 65535]]
        board.answers = {
            "enroll": lambda _: ENROLLED,
            "recognize": lambda _: RECOGNIZED,
            "infer": lambda _: row,
        }
        for verb in (["enroll", url, "anna"], ["recognize", url], ["infer", url]):
            assert run([*verb, "--on-card", "/sdcard/a.jpg", "/sdcard/b.jpg", "--json"]) == 0
            sent = [arguments for _, command, arguments in board.commands if command == verb[0]]
            assert [arguments["path"] for arguments in sent] == ["/sdcard/a.jpg", "/sdcard/b.jpg"]
    assert len(lines(capsys)) == 6


def test_card_is_a_folder_or_a_device_everywhere() -> None:
    def options(group: click.Group) -> list[click.Parameter]:
        found = []
        for command in group.commands.values():
            found += options(command) if isinstance(command, click.Group) else command.params
        return found

    named = [option for option in options(cli) if "--card" in option.opts]
    assert len(named) >= 3
    for option in named:
        assert isinstance(option, click.Option)
        if option.metavar != "DEVICE":  # whose names Windows does not take for paths
            assert isinstance(option.type, click.Path)
            assert option.metavar in ("FOLDER", "FOLDER|DEVICE")
