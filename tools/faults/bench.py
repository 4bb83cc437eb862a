"""One virtual board on which calls can be made to fail, and what is asked of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any

from host_client import Board, K230Error
from tools.faults import card
from tools.faults.patience import Patience, stretched
from tools.faults.ways import Way
from virtual_board.board import VirtualBoard

ANSWER_S = 10.0
READY_S = 30.0
PICTURES = card.PACKAGES / "shapes_cls" / "pictures"


class BenchError(Exception):
    """The bench itself does not work; the text says what."""


class Bench:
    """A board with a card of its own, `async with Bench(…) as bench`.

    Attributes:
        card: its card.
        tty: its USB console.
        kind: its board type.
        injected: how often an armed call came.
        where: the path of the file that the call was about, or empty.
        helped: whether what a step armed came.
        hung: whether a call hung where no watchdog ran.
        ended: why the board is off or in its REPL, or empty.
        starts: of the interpreter.
    """

    def __init__(
        self,
        names: list[str],
        network: str,
        board: str,
        plan: tuple[str, int, Way] | None = None,
        watches: bool = False,
    ) -> None:
        """names: the calls to be wrapped; plan: (call, number, way) of the first start.

        watches: whether the board looks at its card for edits; it then tries a task sooner that did not start.
        """
        self._holder = tempfile.TemporaryDirectory(prefix="k230-faults-")
        root = Path(self._holder.name)
        self.kind = board
        self.card = card.make(root / "card", network, board, watches)
        self.data = root / "data"
        self._folder = root / "faults"
        self._folder.mkdir()
        (self._folder / "calls.json").write_text(json.dumps(names))
        if plan is not None:
            order = [plan[0], plan[1], plan[2].order, plan[2].times]
            (self._folder / "plan.json").write_text(json.dumps(order))
        for name in ("control", "reply"):
            os.mkfifo(self._folder / name)
        self.uart = root / "uart"
        self.tty = root / "console"
        self.virtual = VirtualBoard(
            sdcard=self.card,
            data=self.data,
            camera=str(PICTURES),
            uart=self.uart,
            console=self.tty,
            kpu="stub",
            faults=self._folder,
            board=board,
        )
        self.injected = 0
        self.where = ""
        self.helped = False
        self.hung = False
        self.ended = ""
        self.starts = 0
        self.unknown: list[str] = []
        self._figures: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._armed = asyncio.Event()
        self._number = 0
        self._left = b""
        self.changed = asyncio.Event()

    async def __aenter__(self) -> Bench:
        # Read and write: opening a FIFO waits for its other end.
        self._control = os.open(self._folder / "control", os.O_RDWR | os.O_NONBLOCK)
        self._reply = os.open(self._folder / "reply", os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._reply, self._hear)
        await self.virtual.start()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await self.virtual.stop()
        asyncio.get_running_loop().remove_reader(self._reply)
        os.close(self._control)
        os.close(self._reply)
        self._holder.cleanup()

    async def _watch(self) -> None:
        async for event in self.virtual.events():
            if event["event"] in ("repl", "off", "error"):
                self.ended = f"{event['event']}: {event['detail']}"
            self.changed.set()
        self.ended = self.ended or "off"
        self.changed.set()

    def _hear(self) -> None:
        self._left += os.read(self._reply, 1 << 16)
        *lines, self._left = self._left.split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "start" in said:
                self.starts += 1
                self.ended = ""
                self.unknown = said["unknown"]
            elif "injected" in said:
                if said["slot"]:
                    self.helped = True
                else:
                    self.injected += 1
                    self.where = said["where"]
            elif "hangs" in said:
                self.hung = not said["hangs"]
            elif "armed" in said:
                self._armed.set()
            else:
                self._figures.put_nowait(said)
            self.changed.set()

    async def ready(self) -> None:
        """Wait for the service to be ready."""
        await self.virtual.ready(stretched(READY_S))

    def connect(self, wait: float = ANSWER_S) -> Board:
        """Return the board, to enter."""
        assert self.virtual.url is not None
        return Board.connect(
            self.virtual.url,
            key=self.virtual.key,
            wait=stretched(wait),
            greeting_timeout=stretched(5.0),
        )

    @contextlib.asynccontextmanager
    async def client(self, wait: float = ANSWER_S) -> AsyncIterator[Board]:
        """Connect over TCP, or over the UART where TCP is closed."""
        patience = Patience(wait)
        while not (self.virtual.said or self.ended or self.hung or patience.over):
            await self.waiting()
        while True:
            for url in (self.virtual.url, self.virtual.uart_url):
                assert url is not None
                board = Board.connect(url, key=self.virtual.key, greeting_timeout=stretched(2.0))
                try:
                    await board
                    break
                except K230Error:
                    if self.ended or self.hung or patience.over:
                        raise
            else:
                await asyncio.sleep(0.1)
                continue
            break
        try:
            yield board
        finally:
            await board.close()

    async def waiting(self) -> None:
        """Return when something happened, or may have."""
        self.changed.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.changed.wait(), 0.2)

    async def arm(self, name: str, way: Way, number: int = 1, slot: int = 0) -> None:
        """Let the number-th call from now on fail; slot 1: what a step itself needs."""
        self._armed.clear()
        if slot:
            self.helped = False
        self._send({"arm": [name, number, way.order, way.times], "slot": slot})
        await asyncio.wait_for(self._armed.wait(), stretched(ANSWER_S))

    async def disarm(self) -> None:
        """Let nothing fail any more, also not at the next start."""
        (self._folder / "plan.json").unlink(missing_ok=True)
        self._armed.clear()
        self._send({"arm": None, "slot": 0})
        await asyncio.wait_for(self._armed.wait(), stretched(ANSWER_S))

    async def figures(self) -> dict[str, Any]:
        """Return threads, heap after a collection, models in the KPU, frames' buffers, calls so far by name."""
        self._number += 1
        self._send({"figures": self._number})
        while True:
            found = await asyncio.wait_for(self._figures.get(), stretched(ANSWER_S))
            if found["figures"] == self._number:
                return found

    def _send(self, order: dict[str, Any]) -> None:
        os.write(self._control, json.dumps(order).encode() + b"\n")

    def log(self) -> list[str]:
        """Return the lines of the log that the board has written, wherever it keeps its files."""
        lines: list[str] = []
        for folder in (self.data, self.card / ".k230"):
            for name in ("log.1", "log"):
                path = folder / name
                if path.is_file():
                    lines += path.read_text("utf-8", "replace").splitlines()
        return lines

    def console(self) -> list[str]:
        """Return the last lines that the board printed."""
        return list(self.virtual.console)
