"""What strangers without the key do to a stream: `python -m benchmarks.strangers [KIND …] [--json]`.

A virtual board under the timing profile runs one task with one client. A process of its own floods it
from four connections in different ways, and comes back whenever it is thrown out. Each row has the
rate before and under the flood, both by the board's own clock: results between two looks at `status`,
over the board's time between them. The client's session must last. Where the computer was late for
more than 2 % of a window, the row says so and proves nothing: the board's clock stands still for what
its own silicon takes, not for another process on the same core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import pipeline_card
from benchmarks.interpreters import look
from benchmarks.pipeline_board import Measured, Session
from firmware_app.wire import messages, packets
from host_client import Board
from host_client.link.discovery import seek
from virtual_board.board import VirtualBoard

CASE = "detection 320"
SENSOR_FPS = 60
ATTACKERS = 4
WINDOW_S = 5.0
SETTLE_S = 1.0  # of a flood, before its window
MOST_LATE = 0.02
LEAST = 0.9  # of the rate that must stay
READY_S = 60.0
CLOCKS_S = 1.5
SEEK_FLOOD = "seek"


def _hello(number: int) -> bytes:
    name = f"stranger {number}"
    nonce = os.urandom(messages.NONCE_SIZE)
    return packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, name, nonce])


FLOODS: dict[str, Callable[[int], bytes]] = {
    "idle": lambda number: b"",
    "connect": lambda number: b"",
    "hello": lambda number: b"".join(_hello(number + at) for at in range(20)),
    "zeros": lambda number: bytes(65536),
    "random": lambda number: os.urandom(65536),
    "requests": lambda number: packets.encode([messages.REQUEST, number, "status", {}]) * 500,
    "half": lambda number: _hello(number)[:20],
    SEEK_FLOOD: seek,
}


def attack(kind: str, port: int) -> None:
    """Flood a board until this process is ended."""
    if kind == SEEK_FLOOD:
        _seeks(port)
    asyncio.run(_connections(kind, port))


def _seeks(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        number = 0
        while True:
            number += 1
            with contextlib.suppress(OSError):
                sender.sendto(seek(number), ("127.0.0.1", port))
            time.sleep(0.001)


async def _connections(kind: str, port: int) -> None:
    async def one(number: int) -> None:
        while True:
            number += ATTACKERS
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await _flood(kind, number, reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.001)

    await asyncio.gather(*(one(number) for number in range(ATTACKERS)))


async def _flood(
    kind: str, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if kind == "connect":
        return
    send = FLOODS[kind]
    if kind in ("idle", "half"):
        writer.write(send(number))
        while await reader.read(4096):
            pass
        return
    while not reader.at_eof():
        number += 1
        writer.write(send(number))
        await writer.drain()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(65536), 0.001)


@dataclass
class Row:
    """One flood: rates in results a second of the board's time, and what else must hold."""

    flood: str
    before: float
    under: float
    late: float
    """The larger of both windows."""
    lost: int
    """Sessions of the client that ended."""

    @property
    def share(self) -> float:
        """The part of the rate that was left."""
        return self.under / self.before

    @property
    def valid(self) -> bool:
        """Whether the computer kept the board's pace."""
        return self.late <= MOST_LATE

    @property
    def good(self) -> bool:
        """Whether the flood did no more than it may."""
        return self.lost == 0 and self.share >= LEAST


async def measure(
    kinds: list[str], timing: str, micropython: str | None, seconds: float
) -> list[Row]:
    """Return a row for each flood."""
    case = pipeline_card.case_of(CASE)
    rows: list[Row] = []
    lost = 0

    def changed(change: object) -> None:
        nonlocal lost
        lost += 1

    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        card, pictures, replay = pipeline_card.make(Path(name), [case], SENSOR_FPS, {})
        async with VirtualBoard(
            sdcard=card,
            camera=str(pictures),
            timing=timing,
            replay=replay,
            micropython=look(micropython).path,
        ) as board:
            await board.ready(READY_S)
            assert board.url is not None
            port = int(board.url.rsplit(":", 1)[1])
            async with Board.connect(board.url, key=board.key, wait=10, on_state=changed) as client:
                session = Session(board, client)
                await asyncio.sleep(CLOCKS_S)
                for kind in kinds:
                    before = await session.measure(case, [client], seconds)
                    lost = 0
                    attacker = subprocess.Popen(
                        [sys.executable, "-m", "benchmarks.strangers", "--attack", kind, str(port)]
                    )
                    try:
                        await asyncio.sleep(SETTLE_S)
                        under = await session.measure(case, [client], seconds)
                    finally:
                        attacker.kill()
                        attacker.wait()
                    rows.append(_row(kind, before, under, lost))
                    print(_line(rows[-1]), file=sys.stderr, flush=True)
                await session.close()
                if session.faults:
                    raise RuntimeError(session.faults[0])
    return rows


def _row(kind: str, before: Measured, under: Measured, lost: int) -> Row:
    late = max(before.late, under.late)
    return Row(kind, round(before.fps, 2), round(under.fps, 2), round(late, 4), lost)


def _line(row: Row) -> str:
    said = "ok" if row.good else "TOO MUCH"
    if not row.valid:
        said += ", but the computer was late"
    return (
        f"{row.flood:9} {row.before:6.2f} -> {row.under:6.2f} results/s, {100 * row.share:5.1f} %, "
        f"late {100 * row.late:4.1f} %, {row.lost} sessions lost: {said}"
    )


def main() -> int:
    """Entry point; the exit code is 1 where a valid row is not good."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strangers", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(FLOODS)}")
    parser.add_argument("--json", action="store_true", help="print the rows as one array")
    parser.add_argument("--timing", default="k230", help="timing profile: a name or a path")
    parser.add_argument("--micropython", metavar="PATH", help="interpreter of the board")
    parser.add_argument("--seconds", type=float, default=WINDOW_S, help="of each window")
    parser.add_argument("--attack", nargs=2, metavar=("KIND", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.attack:
        attack(options.attack[0], int(options.attack[1]))
    unknown = [kind for kind in options.kinds if kind not in FLOODS]
    if unknown:
        parser.error(f"expected one of {', '.join(FLOODS)}, found {unknown[0]}")
    kinds = options.kinds or list(FLOODS)
    rows = asyncio.run(measure(kinds, options.timing, options.micropython, options.seconds))
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print("\n".join(map(_line, rows)))
    return 0 if all(row.good or not row.valid for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
