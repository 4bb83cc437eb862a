"""From power to the first result, in parts: python -m benchmarks.start [--json] [--level LEVEL] [--micropython PATH].

The virtual board starts with a card as `k230 install` writes it, once with the service as .mpy and once as
sources, under the timing profile's levels. What the time went into is told by the board itself, on its clock:
imports, camera, model, network, the first frame, and the rest (settings, package, links). The firmware's own boot
before main.py is not modelled: it was not published.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import pipeline_card
from benchmarks.interpreters import Interpreter, look
from benchmarks.pipeline import at
from host_client.base.mpy import compiled
from virtual_board.board import VirtualBoard
from virtual_board.silicon.clock.levels import LEVELS

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware_app"
SCRIPT = Path(__file__).with_name("start_board.py")
MODEL = "detection 320"
SENSOR_FPS = 30
LIMIT_S = 90.0
TRIES = 3
DELIVERIES = ("mpy", "sources")
PARTS = ("imports", "camera", "model", "network", "first frame", "rest")


@dataclass
class Start:
    """One start, in milliseconds of the board's time."""

    delivery: str
    level: str
    ulab: str
    total_ms: int
    parts_ms: dict[str, int] = field(default_factory=dict)


def _card(folder: Path, delivery: str) -> tuple[Path, Path, Path]:
    """Return (card, pictures, replay) with the service on the card, as it is delivered."""
    card, pictures, replay = pipeline_card.make(
        folder, [pipeline_card.case_of(MODEL)], SENSOR_FPS, {}
    )
    sources = {path.relative_to(FIRMWARE).as_posix(): path for path in FIRMWARE.rglob("*.py")}
    files = {name: path.read_bytes() for name, path in sources.items()}
    if delivery == "mpy":
        files = compiled(files)
    for name, data in files.items():
        path = card / "firmware_app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    shutil.copyfile(SCRIPT, card / "main.py")
    return card, pictures, replay


async def _start(folder: Path, delivery: str, level: str, timing: str, ran: Interpreter) -> Start:
    card, pictures, replay = _card(folder, delivery)
    async with VirtualBoard(
        sdcard=card,
        camera=str(pictures),
        timing=at(timing, level),
        replay=replay,
        micropython=ran.path,
        restart=False,
        seconds=LIMIT_S,
    ) as board:
        lines = []
        async for event in board.events():
            detail = event["detail"]
            lines.append(detail)
            if event["event"] == "console" and detail.startswith("start "):
                total, told = json.loads(detail[6:])
                parts = {name: told[name] for name in PARTS}
                return Start(delivery, level, ran.ulab, total, parts)
            if event["event"] in ("fault", "bug", "repl"):
                break
    raise RuntimeError(f"the board made no result: {'; '.join(lines[-5:])}")


async def starts(timing: str, levels: list[str], ran: Interpreter) -> list[Start]:
    """Return the quickest of some starts for each delivery and level: what others ran says nothing."""
    found = []
    for delivery in DELIVERIES:
        for level in levels:
            tries = []
            for _ in range(TRIES):
                with tempfile.TemporaryDirectory(prefix="k230-") as name:
                    tries.append(await _start(Path(name), delivery, level, timing, ran))
            found.append(min(tries, key=lambda one: one.total_ms))
    return found


def markdown(rows: list[Start], ran: Interpreter) -> str:
    """Return the table."""
    names = list(rows[0].parts_ms)
    lines = [
        f"{ran.sentence()}; milliseconds of the board's time.",
        "",
        "| service as | level | total | " + " | ".join(names) + " |",
        "|---" * (3 + len(names)) + "|",
    ]
    for row in rows:
        parts = " | ".join(f"{row.parts_ms[name]:,}" for name in names)
        lines.append(f"| {row.delivery} | {row.level} | {row.total_ms:,} | {parts} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the starts as one array")
    parser.add_argument("--timing", default="k230", help="timing profile: a name or a path")
    parser.add_argument("--level", choices=LEVELS, action="append", help="levels, all by default")
    parser.add_argument("--micropython", metavar="PATH", help="interpreter; it may have ulab")
    options = parser.parse_args()
    ran = look(options.micropython)
    rows = asyncio.run(starts(options.timing, options.level or list(LEVELS), ran))
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print(markdown(rows, ran))
    return 0


if __name__ == "__main__":
    sys.exit(main())
