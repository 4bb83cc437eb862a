"""What a client does with a board while a call fails: short steps, each reaching other vendor calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import serial

from host_client import Board, CommandFailed
from host_client.link.discovery import discover
from tools.faults import card
from tools.faults.bench import Bench
from tools.faults.patience import Patience
from tools.faults.ways import Way

Step = Callable[[Bench, Board], Awaitable[list[str] | None]]
"""Returns what the board's answers say is wrong."""

FRAMES_S = 0.25
WATCH = "watch"
WATCHING = "ethernet"
"""The network of the board that looks at its card for edits: a step of its own."""
ADDRESS_S = 10.0
PROMPT_S = 30.0  # after Ctrl-C; a second on a board
STARTED_S = 60.0  # until a board that restarts has begun to
_SILENT = Way("raise", ["RuntimeError", "sensor(2) snapshot chn(2) failed(3)"], 400)
_ODD = Way("raise", ["TypeError", "odd"])
_PICTURE = next(iter(sorted((card.PACKAGES / "shapes_cls" / "pictures").iterdir())))
_OTHER = card.PACKAGES / "shapes_multl" / "mp_deployment_source"


async def _frames(bench: Bench, board: Board) -> None:
    await asyncio.sleep(FRAMES_S)


async def _watch(bench: Bench, board: Board) -> None:
    await asyncio.sleep(1.3)  # looks at the card for edits


async def _quiet(bench: Bench, board: Board) -> None:
    await asyncio.sleep(6.0)  # upkeep writes the log, looks at the network


async def _status(bench: Bench, board: Board) -> list[str]:
    patience = Patience(ADDRESS_S)
    while ((await board.status())["network"] or {}).get("waiting") and not patience.over:
        await asyncio.sleep(0.1)  # the signal is asked for once there is an address
    tasks = await board.tasks()
    await board.card.config_get()
    await board.request("logs", {"offset": 0})
    told = [f"{task.name}: {task.problem}" for task in tasks if task.problem]
    return told if tasks else ["there are no tasks"]


async def _snapshot(bench: Bench, board: Board) -> None:
    await board.snapshot(60)


async def _infer(bench: Bench, board: Board) -> None:
    await board.infer(_PICTURE)


async def _infer_card(bench: Bench, board: Board) -> None:
    await board.infer_on_card("/sdcard/pictures/one.jpg")


async def _set(bench: Bench, board: Board) -> None:
    try:
        await board.set({"log.level": "debug", "top_k": 2}, save=True)
    finally:
        await board.set({"log.level": "info", "top_k": 3}, save=True)


async def _push(bench: Bench, board: Board) -> None:
    await board.card.push(_OTHER, "pushed")
    await board.card.packages()
    await board.card.remove_package("pushed")


async def _uart(bench: Bench, board: Board) -> None:
    url = bench.virtual.uart_url
    assert url is not None
    async with Board.connect(url, key=bench.virtual.key, wait=10, greeting_timeout=5.0) as wired:
        await wired.status()


async def _seek(bench: Bench, board: Board) -> None:
    assert bench.virtual.url is not None
    await discover(0.4, [bench.virtual.url.removeprefix("tcp://")])


async def _come_and_go(bench: Bench, board: Board) -> None:
    async with bench.connect(5.0) as other:
        await other.status()


async def _restart(bench: Bench, board: Board) -> None:
    starts = bench.starts
    await board.restart()
    await _started(bench, lambda: bench.starts > starts or bool(bench.ended))


async def _interrupt(bench: Bench, board: Board) -> None:
    """Ctrl-C at the console, its prompt, and a soft reset."""
    starts = bench.starts
    await asyncio.to_thread(_at_the_console, bench.tty)
    await _started(bench, lambda: bench.starts > starts)


async def _started(bench: Bench, condition: Callable[[], bool]) -> None:
    patience = Patience(STARTED_S)
    while not condition() and not (bench.hung or patience.over):
        await bench.waiting()


def _at_the_console(tty: Path) -> None:
    with serial.Serial(str(tty), timeout=0.2, exclusive=True) as port:
        port.write(b"\x03")
        said = b""
        patience = Patience(PROMPT_S)
        while not said.endswith(b">>> "):
            if patience.over:
                raise TimeoutError(f"no prompt within {PROMPT_S:g} s of Ctrl-C")
            said += port.read(4096)
        port.write(b"\x04")
        port.read(4096)


async def _gallery(bench: Bench, board: Board) -> None:
    """With metric learning running."""
    await board.gallery.select("people")
    await board.gallery.clear()  # what a try before this one left
    await board.gallery.enroll("one", _PICTURE)
    await board.gallery.enroll("one", _PICTURE)
    await board.gallery.enroll("two", frames=2, seconds=5)
    await board.gallery.recognize(_PICTURE)
    await board.gallery.rename("one", "first")
    await board.gallery.set_threshold("first", 0.5)
    await board.gallery.show("first")
    await board.gallery.suggest()
    data = await board.gallery.export()
    await board.gallery.import_(data, "copy")
    await board.gallery.list()
    await board.gallery.delete("copy")
    await board.gallery.remove("two")
    await board.gallery.clear()


async def _revive(bench: Bench, board: Board) -> None:
    """The sensor falls silent, and is set up anew."""
    before = (await bench.figures())["counts"]["Sensor.run"]
    await bench.arm("Sensor.snapshot", _SILENT, slot=1)
    for _ in range(60):
        await asyncio.sleep(0.1)
        if (await bench.figures())["counts"]["Sensor.run"] > before:
            return


async def _internal(bench: Bench, board: Board) -> None:
    """A command meets an unforeseen fault."""
    await bench.arm("os.statvfs", _ODD, slot=1)
    with contextlib.suppress(CommandFailed):
        await board.status()


def _switch(task: str) -> Step:
    async def switch(bench: Bench, board: Board) -> None:
        await board.switch(task)
        await asyncio.sleep(FRAMES_S)

    return switch


# Name -> (what the client does, the task that must run before).
STEPS: dict[str, tuple[Step, str]] = {
    "frames": (_frames, card.START),
    "status": (_status, card.START),
    "snapshot": (_snapshot, card.START),
    "infer": (_infer, card.START),
    "infer on card": (_infer_card, card.START),
    "internal": (_internal, card.START),
    "revive": (_revive, card.START),
    "come and go": (_come_and_go, card.START),
    "set": (_set, card.START),
    "push": (_push, card.START),
    "uart": (_uart, card.START),
    "seek": (_seek, card.START),
    **{f"switch {task}": (_switch(task), card.START) for task in card.TASKS if task != card.START},
    "gallery": (_gallery, "glyphs_ml"),
    "quiet": (_quiet, card.START),
    "restart": (_restart, card.START),
    "interrupt": (_interrupt, card.START),
    WATCH: (_watch, card.START),
}
LONG = ("revive", "gallery", "quiet", "restart", "interrupt", WATCH)
"""Steps that are tried only where no other reaches a call."""

RESTARTS = {"restart": "machine.reset", "interrupt": "WDT.stop"}
"""Steps that end the interpreter (its counts begin anew), and what they are here for."""

OF_NETWORK = {
    "station": tuple(step for step in STEPS if step != WATCH),
    WATCHING: (WATCH,),
    "access_point": (),
}
"""Which steps are tried on the board with which network."""
