"""What the dashboard costs: capture to painted overlay, the board's results, the server's time.

    python -m benchmarks.dashboard [--json] [--seconds N]

`painted_ms`: from a picture's capture to the frame of Chromium that shows it with its overlay, for
one and for eight scripted boards with 30 results and 5 pictures a second each, all on this computer.
`result_rate_share`: results a second with one viewer of 320 x 180 at 5 pictures a second, over
those without; a virtual board on the K230's clock, level likely. `server_ms_per_picture`: CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.hub_boards import BASE_MS, ScriptedBoard, Session, now_ms
from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.dashboard.answers import VIEWS
from board_hub.dashboard.attach import attach
from board_hub.dashboard.preview import RATE, Picture
from board_hub.dashboard.views import Views
from board_hub.sessions import Sessions
from board_hub.web.application import make_application, serving
from host_client.board import Board
from tests.dashboard.browser import chromium
from virtual_board.board import VirtualBoard
from virtual_board.card import make_card

RESULTS = 30.0  # a second
MOST_BYTES = 30_000  # of a picture; a message has 32 KiB at most
SIZES = ((320, 180), (640, 360))
PACKAGE = Path(__file__).resolve().parents[1] / "models" / "packages" / "shapes_det"

_WATCH = """([base]) => {
    window.times = [];
    let last = null;
    document.querySelector('canvas').addEventListener('painted', (event) => {
        const {result, picture} = event.detail;
        if (!result || !picture || picture.time_ms === last) return;
        last = picture.time_ms;
        requestAnimationFrame(() => window.times.push(Date.now() - base - picture.time_ms));
    });
}"""


class _Answers(dict[str, Any]):
    """A board's answers, with a picture of now."""

    def __init__(self, board: ScriptedBoard, jpeg: bytes) -> None:
        super().__init__(board.answers)
        self["snapshot"] = None
        self["settings"] = []
        self._board = board
        self._jpeg = jpeg

    def __getitem__(self, name: str) -> Any:
        if name != "snapshot":
            return super().__getitem__(name)
        row = {"jpeg": self._jpeg, "width": 640, "height": 360, "quality": 70}
        return row | {"seq": self._board.seq, "time_ms": now_ms()}


def _picture() -> bytes:
    """Return a JPEG of 640 x 360 with as much in it as a message of a board holds."""
    noise = Image.effect_noise((160, 90), 40).convert("RGB")
    picture = noise.resize((640, 360), Image.Resampling.BICUBIC)
    for quality in range(80, 5, -5):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality)
        if data.tell() <= MOST_BYTES:
            break
    return data.getvalue()


async def _boards(count: int, key: bytes) -> None:
    """Play boards in a process of its own; prints their ports."""
    loop = asyncio.get_running_loop()
    boards = [ScriptedBoard(number, key) for number in range(count)]
    ports = []
    for board in boards:
        board.answers = _Answers(board, _picture())

        def session(board: ScriptedBoard = board) -> Session:
            return Session(board)

        server = await loop.create_server(session, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    due = time.monotonic()
    while True:
        for board in boards:
            board.publish()
        due += 1 / RESULTS
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@contextlib.asynccontextmanager
async def _scripted(count: int) -> AsyncIterator[list[BoardEntry]]:
    key = secrets.token_bytes(32)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.dashboard", "--boards", str(count), key.hex()),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        ports = json.loads(await process.stdout.readline())
        yield [BoardEntry(f"tcp://127.0.0.1:{port}", key=key.hex()) for port in ports]
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def _dashboard(entries: list[BoardEntry]) -> AsyncIterator[tuple[str, Views]]:
    configuration = Configuration(boards=entries)
    configuration.values |= {"web.listen": "127.0.0.1:0", "web.login": False}
    sessions = Sessions(configuration)
    app = make_application(configuration, sessions)
    attach(app)
    async with serving(app, configuration) as url:
        await sessions.start()
        try:
            views = app[VIEWS]
            while len([v for v in views.all() if v.connected is not None]) < len(entries):
                await asyncio.sleep(0.1)
            yield url, views
        finally:
            await sessions.stop()


async def _open(browser: Browser, url: str, board: str) -> Page:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(f"{url}/#/board/{board}/now")
    await page.locator("canvas[data-picture]:not([data-picture=''])").wait_for(timeout=60_000)
    return page


async def _painted(browser: Browser, count: int, seconds: float) -> dict[str, float]:
    async with _scripted(count) as entries, _dashboard(entries) as (url, views):
        pages = [await _open(browser, url, view.key) for view in views.all()]
        assert len(pages) == count, f"{count} boards, {len(pages)} pages"
        await asyncio.sleep(2)
        for page in pages:
            await page.evaluate(_WATCH, [BASE_MS])
        await asyncio.sleep(seconds)
        times: list[float] = []
        for page in pages:
            # A computer that is too slow for all these pages: the first picture of each is waited for.
            await page.wait_for_function("() => window.times.length > 0", timeout=60_000)
            found = await page.evaluate("() => window.times")
            assert min(found) > 0, f"painted {-min(found)} ms before it was captured"
            times += found
            await page.close()
    ordered = sorted(times)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p99": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
        "pictures": len(ordered),
    }


async def _server_ms(seconds: float) -> float:
    """CPU of this process for pictures alone: with them, less the same without."""
    async with _scripted(1) as entries, _dashboard(entries) as (_, views):
        (view,) = views.all()

        def pack(picture: Picture) -> None:
            picture.packed(view.key)

        spent = []
        for pictures in (False, True):
            key = object()
            taken = view.preview.taken
            if pictures:
                view.preview.look(key, pack)
            before = time.process_time()
            await asyncio.sleep(seconds)
            spent.append(time.process_time() - before)
            view.preview.leave(key)
        made = view.preview.taken - taken
        assert made >= 0.5 * RATE * seconds, f"{made} pictures in {seconds} s"
        return round(1000 * max(0.0, spent[1] - spent[0]) / made, 3)


async def _share(size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Results a second without and with a viewer."""
    with tempfile.TemporaryDirectory(prefix="k230-dashboard-") as name:
        card, replay = Path(name) / "card", Path(name) / "replay"
        replay.mkdir()
        preview = {"enabled": True, "width": size[0], "height": size[1]}
        settings = {f"preview.{field}": value for field, value in preview.items()}
        make_card(PACKAGE, card, camera_size=(320, 240), settings=settings)
        options: dict[str, Any] = {"sdcard": card, "camera": str(PACKAGE / "pictures")}
        async with VirtualBoard(**options, replay=replay) as board:  # what the KPU answers
            await board.ready(60)
            await _rate(board, seconds)
        async with VirtualBoard(**options, replay=replay, timing="k230") as board:
            await board.ready(60)
            alone = await _rate(board, seconds)
            assert board.url is not None
            entry = BoardEntry(board.url, key=board.key)
            async with _dashboard([entry]) as (_, views):
                (view,) = views.all()
                view.preview.look("viewer", lambda picture: None)
                watched = await _rate(board, seconds)
                pictures = view.preview.taken
                view.preview.leave("viewer")
                assert pictures > 0, view.preview.message or "the board gave no picture"
    return {
        "alone": round(alone, 2),
        "watched": round(watched, 2),
        "pictures": pictures,
        "share": round(watched / alone, 4) if alone else 0.0,
    }


async def _rate(virtual: VirtualBoard, seconds: float) -> float:
    assert virtual.url is not None
    async with Board.connect(virtual.url, virtual.key, wait=10) as board:
        stream = board.results()
        first = await anext(stream)
        last, count = first, 0
        while (last.time_ms - first.time_ms) < 1000 * seconds:
            last = await anext(stream)
            count += 1
        return 1000 * count / (last.time_ms - first.time_ms)


async def _measure(seconds: float) -> dict[str, Any]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        painted = {str(n): await _painted(browser, n, seconds) for n in (1, 8)}
        await browser.close()
    shares = {f"{w}x{h}": await _share((w, h), seconds) for w, h in SIZES}
    return {
        "painted_ms": painted,
        "result_rate_share": shares["320x180"]["share"],
        "result_rates": shares,
        "server_ms_per_picture": await _server_ms(seconds),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--boards", nargs=2, metavar=("COUNT", "KEY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.boards:
        count, key = arguments.boards
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_boards(int(count), bytes.fromhex(key)))
        return
    found = asyncio.run(_measure(arguments.seconds))
    if arguments.json:
        print(json.dumps(found))
        return
    for number, row in found["painted_ms"].items():
        print(f"capture to painted, {number} board(s): p50 {row['p50']} ms, p99 {row['p99']} ms")
    for size, row in found["result_rates"].items():
        print(
            f"results with a viewer of {size}: {row['share']:.1%} ({row['watched']} of {row['alone']}/s)"
        )
    print(f"server: {found['server_ms_per_picture']} ms of CPU a picture")


if __name__ == "__main__":
    main()
