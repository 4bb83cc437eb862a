"""Each program of examples/, and each block of Python on the pages, runs against one virtual board."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import itertools
import logging
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from host_client import Board
from tests.integration.boards import PACKAGES, ROOT, card, running
from tests.integration.test_documented_commands import blocks, commands
from tests.integration.test_install_board import K230
from tools.site import examples

SHAPES, GLYPHS = PACKAGES / "shapes_det", PACKAGES / "glyphs_ml"
SIGNS = [GLYPHS / "pictures" / f"glyphs_ml_{number}.jpg" for number in (0, 2, 1)]
LIMIT_S = 120.0  # a busy computer is slow
FIXED = "tcp://192.168.1.20"  # the board of the pages

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not GLYPHS.is_dir(), reason="models/packages is not there"),
]


class OneBoard(NamedTuple):
    """The board of this file."""

    url: str
    key: str
    uart: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OneBoard]:
    """One board: shapes that stand still are detected and followed, and a second task knows signs."""
    folder = tmp_path_factory.mktemp("examples")
    camera = folder / "camera"
    camera.mkdir()
    shutil.copy(SHAPES / "pictures" / "shapes_det_0.jpg", camera)
    sdcard = card(folder / "card", GLYPHS)
    settings = {"preview.enabled": True, "preview.width": 320, "preview.height": 240}
    followed = {"events.enabled": True, "events.update_ms": 100, "events.snapshot_ms": 0}
    card(sdcard, SHAPES, uart=True, settings=settings, task_settings=followed)
    uart = folder / "uart"
    async with running(sdcard, camera=str(camera), tcp="127.0.0.1:0", uart=uart) as vb:
        yield OneBoard(str(vb.url), vb.key, uart)


@contextlib.asynccontextmanager
async def happenings(board: OneBoard) -> AsyncIterator[None]:
    """Let things happen on the board meanwhile: changed settings end all tracks, and new ones begin."""

    async def change() -> None:
        async with Board.connect(board.url, key=board.key) as client:
            for number in itertools.count():
                await client.set({"events.lost_ms": 1000 + number % 2})
                await asyncio.sleep(0.5)

    task = asyncio.create_task(change())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


class Example:
    """A program that runs, and what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, pattern: str) -> str:
        """Return the next line that has the pattern."""
        assert self.process.stdout is not None
        while True:
            raw = await asyncio.wait_for(self.process.stdout.readline(), LIMIT_S)
            assert raw, f"it ended without {pattern!r}: {self.lines}"
            self.lines.append(raw.decode().rstrip())
            if re.search(pattern, self.lines[-1]):
                return self.lines[-1]

    async def end(self) -> str:
        """Return all of it; it ends by itself, and well."""
        out, _ = await asyncio.wait_for(self.process.communicate(), LIMIT_S)
        text = "\n".join([*self.lines, out.decode()])
        assert self.process.returncode == 0, text
        return text


@contextlib.asynccontextmanager
async def example(board: OneBoard, name: str, *words: str) -> AsyncIterator[Example]:
    """Run a program as a user does; one that goes on for ever is interrupted after the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "examples" / name), *words),
        env=os.environ | {"K230_URL": board.url, "K230_KEY": board.key, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Example(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_subscribe(board: OneBoard) -> None:
    async with happenings(board), example(board, "subscribe.py", board.url) as program:
        await program.line("^connected to ")
        await program.line("^result detection .*'boxes'")
        await program.line("^event track")


async def test_without_await(board: OneBoard) -> None:
    async with example(board, "without_await.py") as program:  # by K230_URL
        text = await program.end()
    assert text.count("'boxes'") == 10 and "running detection" in text and "temperature" in text


async def test_reconnect(board: OneBoard) -> None:
    async with example(board, "reconnect.py") as program:
        await program.line("^connected$")
        await program.line("^frame ")
        async with example(board, "many_boards.py", board.url) as other:
            await other.line("^watching tcp:")
            await other.line(r"^\{'.+': \d+\}")
    lost = board._replace(url="tcp://127.0.0.1:1", key="ab" * 32)
    async with example(lost, "many_boards.py", "tcp://127.0.0.1:1", board.url) as other:
        await other.line("authentication")  # by the wrong key; the board that is away is waited for


async def test_infer_array(board: OneBoard) -> None:
    async with example(board, "infer_array.py") as program:
        assert "detection of 320 x 240 pixels" in await program.end()


async def test_live_settings(board: OneBoard) -> None:
    async with example(board, "live_settings.py") as program:
        text = await program.end()
    assert "changed confidence_threshold" in text and "confidence_threshold is" in text


async def test_events_to_sqlite(board: OneBoard, tmp_path: Path) -> None:
    path = str(tmp_path / "events.db")
    words = ("events_to_sqlite.py", board.url, path)
    for _ in range(2):
        async with happenings(board), example(board, *words) as program:
            await program.line("^stored ")
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT number, kind FROM events ORDER BY rowid").fetchall()
    numbers = [number for number, _ in rows]
    assert numbers == sorted(set(numbers)) and len(numbers) > 1  # in order, each once
    assert {kind.partition(".")[0] for _, kind in rows} <= {"track", "count"}


async def test_supervision_zone(board: OneBoard, tmp_path: Path) -> None:
    path = tmp_path / "zone.jpg"
    async with example(board, "supervision_zone.py", board.url, str(path)) as program:
        assert "in the zone" in await program.end()
    assert path.read_bytes()[:2] == b"\xff\xd8"


async def test_robot_loop(board: OneBoard) -> None:
    async with example(board, "robot_loop.py") as program:
        await program.line(r"^(steer [+-]\d\.\d\d|stop: the frame is)")


@pytest.mark.timeout(900)
async def test_switch_and_enroll(board: OneBoard) -> None:
    async with example(board, "switch_task.py") as program:
        text = await program.end()
    assert "detection after" in text and "metric_learning after" in text
    assert "back to detection" in text
    async with example(board, "enroll.py", board.url, *map(str, SIGNS)) as program:
        assert "this is a 0." in await program.end()
    # As it was, for the other tests.
    async with example(board, "switch_task.py") as program:
        assert "back to metric_learning" in await program.end()
    async with Board.connect(board.url, key=board.key) as client:
        await client.switch("detection")


async def test_uart_reader_in_c(board: OneBoard, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path / "uart_reader"
    source = ROOT / "examples" / "microcontroller" / "uart_reader.c"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{ROOT}/clients/c"]
    subprocess.run([compiler, *flags, "-o", str(program), str(source)], check=True)
    await _reads_the_uart(board, [str(program)])


async def test_uart_reader_in_micropython(board: OneBoard, tmp_path: Path) -> None:
    interpreter = shutil.which("micropython") or _packaged()
    (tmp_path / "machine.py").write_text(
        "import sys\n"
        "class UART:\n"
        "    def __init__(self, number, baudrate):\n"
        "        pass\n"
        "    def read(self):\n"
        "        return sys.stdin.buffer.read(16)\n"
    )
    source = ROOT / "examples" / "microcontroller" / "uart_reader.py"
    paths = f"{tmp_path}:{ROOT}"
    await _reads_the_uart(board, [interpreter, str(source)], {"MICROPYPATH": paths})


def _packaged() -> str:
    from virtual_board.interpreter import find_interpreter

    return str(find_interpreter(os.environ.get("K230_TEST_MICROPYTHON")))


async def _reads_the_uart(
    board: OneBoard, command: list[str], environment: dict[str, str] | None = None
) -> None:
    """Let a program read the board's UART on its standard input; it finds a detection there."""
    with board.uart.open("rb", buffering=0) as tty:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=tty,
            env=os.environ | (environment or {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            line = await Example(process).line("steer")
        finally:
            process.kill()
            await process.wait()
    found = re.fullmatch(r"steer to x (\d+),? score (\d+) of 1000", line)
    assert found is not None, line
    assert 0 < int(found[1]) < 320 and 300 < int(found[2]) <= 1000


async def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text("utf-8")
    names = [path.name for path in examples.files()]
    assert len(names) >= 12
    assert [name for name in names if f"{name}" not in text] == []


@pytest.mark.timeout(900)
async def test_commands_about_galleries_and_settings(board: OneBoard, tmp_path: Path) -> None:
    """The commands of docs/gallery.md and docs/switching.md, in order, against the board."""
    on_card = board.uart.parent / "card" / "pictures"
    on_card.mkdir(exist_ok=True)
    for picture, name in zip(SIGNS, ("a.jpg", "b.jpg", "c.jpg"), strict=True):
        shutil.copy(picture, tmp_path / name)
    shutil.copy(SIGNS[0], on_card / "a.jpg")
    await _command(board, tmp_path, ["key", "add", board.url, board.key])
    ran: dict[str, list[str]] = {}
    async with Board.connect(board.url, key=board.key) as client:
        await client.switch("metric_learning")
        try:
            for page in ("gallery", "switching"):
                ran[page] = []
                for block in blocks((ROOT / "docs" / f"{page}.md").read_text("utf-8")):
                    for words in commands(block, "k230 "):
                        await _command(board, tmp_path, words[1:])
                        ran[page].append(words[1])
                if page == "gallery":
                    found = await client.gallery.list()
                    assert ("张三", 1) in [(row.label, row.negatives) for row in found.labels]
                    await client.gallery.remove("张三")
        finally:
            await client.forget()
            await client.switch("detection")
    assert ran == {"gallery": ["enroll"] * 5, "switching": ["set", "settings", "keep", "forget"]}


ENDLESS = ("events", "watch")  # until Ctrl-C; but for events of a recording


@pytest.mark.timeout(900)
async def test_commands_of_the_pages(board: OneBoard, tmp_path: Path) -> None:
    """The commands of docs/events.md and docs/recordings.md, in order, against the board."""
    shutil.copy(board.uart.parent / "card" / "configs" / "tasks" / "detection.yaml", tmp_path)
    (tmp_path / "detection.yaml").rename(tmp_path / "task.yaml")
    await _command(board, tmp_path, ["key", "add", board.url, board.key])
    count = 0
    async with happenings(board):
        for page in ("recordings", "events"):
            for block in blocks((ROOT / "docs" / f"{page}.md").read_text("utf-8")):
                for words in commands(block, "k230 "):
                    if "events/118.jpg" not in words:  # of an event that another board had
                        await _command(board, tmp_path, words[1:])
                        count += 1
    assert count >= 8
    page = (ROOT / "docs" / "recordings.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "yard_ros2.mcap").unlink(missing_ok=True)
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert await asyncio.wait_for(done.wait(), LIMIT_S) == 0
    assert (tmp_path / "yard_ros2.mcap").stat().st_size > 0
    assert (tmp_path / "yard.mcap").stat().st_size > 0 and (tmp_path / "place.json").is_file()


async def _command(board: OneBoard, folder: Path, words: list[str]) -> None:
    words = [board.url if word in (FIXED, "URL") else word for word in words]
    if "--seconds" in words:
        words[words.index("--seconds") + 1] = "2"
    if words[0] == "replay":
        words += ["--tcp", "127.0.0.1:0", "--seconds", "1"]
    endless = words[0] in ENDLESS and "--from" not in words
    process = await asyncio.create_subprocess_exec(
        *(*K230, *words, *(["--count", "1"] if endless else [])),
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"{words} does not end") from None
    assert process.returncode == 0, f"{words}: {out.decode()}"


PAGES = (
    *("README.md", "README.zh-CN.md", "docs/index.md", "docs/python.md", "docs/events.md"),
    "docs/troubleshooting.md",
)


class _OneItem(ast.NodeTransformer):
    """Ends each loop over a stream after its first item."""

    def _ended(self, node: Any) -> Any:
        self.generic_visit(node)
        call = node.iter
        if isinstance(call, ast.Name) or (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in ("results", "events", "statistics", "logs", "states")
        ):
            node.body.append(ast.Break())
        return node

    visit_AsyncFor = visit_For = _ended  # noqa: N815


def _blocks() -> Iterator[tuple[str, int, str]]:
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert found, page
        for number, block in enumerate(found, 1):
            yield page, number, block


@pytest.mark.parametrize(("page", "number", "block"), [*_blocks()])
async def test_python_on_the_pages(
    board: OneBoard,
    page: str,
    number: int,
    block: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("K230_KEY", board.key)
    shutil.copy(SIGNS[0], tmp_path / "cup_1.jpg")
    shutil.copy(SIGNS[2], tmp_path / "cup_2.jpg")
    text = block.replace(FIXED, board.url).replace('key="…"', f'key="{board.key}"')
    tree = _OneItem().visit(ast.parse(text))
    body = ast.parse("async def main(board):\n    pass")
    body.body[0].body = tree.body  # type: ignore[attr-defined]
    names: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(body), f"{page}, block {number}", "exec")
    exec(code, names)
    level = logging.getLogger("host_client.link").level
    async with Board.connect(board.url, key=board.key) as client:
        before = (await client.status()).get("task")
        try:
            async with contextlib.AsyncExitStack() as stack:
                if "events" in block:
                    await stack.enter_async_context(happenings(board))
                await asyncio.wait_for(names["main"](client), LIMIT_S)
        finally:
            logging.getLogger("host_client.link").setLevel(level)
            if (await client.status()).get("task") != before:
                await client.switch(str(before))
