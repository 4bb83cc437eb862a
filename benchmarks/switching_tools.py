"""What the benchmark of switching measures with: cards, arrivals of results, bare load times."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import statistics
import time
from pathlib import Path

from host_client import Board
from virtual_board.board import VirtualBoard
from virtual_board.card import make_card

PACKAGES = Path(__file__).resolve().parent.parent / "models" / "packages"
# Kinds of task that take any pictures: what they find does not matter here.
MODELS = {"classification": "shapes_cls", "segmentation": "shapes_seg", "detection": "shapes_det"}
BIG_BYTES = 4_000_000
_FEW = 3  # results of a generation that make no period

_LOADS = """
import time, nncase_runtime as nn
for path in %r:
    times = []
    for _ in range(5):
        kpu = nn.kpu()
        start = time.ticks_us()
        kpu.load_kmodel(path)
        times.append(time.ticks_diff(time.ticks_us(), start))
        kpu.__del__()
    times.sort()
    print("load", path, times[2])
"""


def packages_of(name: str) -> Path:
    """Return the folder of a package that comes with the product."""
    return PACKAGES / name


def make_cards(folder: Path, baudrate: int) -> list[str]:
    """Make a card with the tasks in folder/card, and a large package in folder/big; return the tasks."""
    card = folder / "card"
    for task, name in reversed(MODELS.items()):
        settings = {"camera.fps": 30, "uart.baudrate": baudrate, "uart.publish": "on_request"}
        make_card(
            PACKAGES / name, card, task=task, camera_size=(640, 480), uart=True, settings=settings
        )
    big = folder / "big"
    shutil.copytree(PACKAGES / "shapes_det" / "mp_deployment_source", big)
    for path in big.glob("*.kmodel"):
        # What lies behind a kmodel's last section is never looked at. Its own bytes again, and not
        # zeros: those take the link longer than a model's weights do.
        data = path.read_bytes()
        path.write_bytes((data * (BIG_BYTES // len(data) + 1))[:BIG_BYTES])
    return list(MODELS)


async def bare_loads(folder: Path, tasks: list[str]) -> dict[str, float]:
    """Return what load_kmodel(path) takes for each task's model (ms), as a vendor's script has it."""
    paths = {}
    for task in tasks:
        found = next((folder / "card" / "packages" / MODELS[task]).glob("*.kmodel"))
        paths[task] = f"/sdcard/packages/{MODELS[task]}/{found.name}"
    card = folder / "bare"
    shutil.copytree(folder / "card", card)
    (card / "load.py").write_text(_LOADS % list(paths.values()))
    async with VirtualBoard(
        sdcard=card, tcp=None, timing="k230", scripts=["/sdcard/load.py"], restart=False, seconds=60
    ) as board:
        await board.wait()
        lines = [line.split() for line in board.console if line.startswith("load ")]
    found_ms = {path: int(us) / 1000 for _, path, us in lines}
    return {task: found_ms[path] for task, path in paths.items()}


def processes() -> dict[str, int]:
    """Return resident memory (kB) and open files of the virtual board's processes below this one.

    Empty where there is no /proc.
    """
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            )
    found: dict[str, int] = {}
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above != os.getpid() or process == os.getpid():
            continue
        with contextlib.suppress(OSError):
            folder = Path(f"/proc/{process}")
            command = (folder / "cmdline").read_bytes()
            if b"boot.py" in command:
                name = "interpreter"
            elif b"virtual_board.supervisor" in command:
                name = "silicon"
            else:
                continue
            for line in (folder / "status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    found[f"{name}_kb"] = int(line.split()[1])
            found[f"{name}_files"] = len(list((folder / "fd").iterdir()))
    return found


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share / 100 * len(ordered)))]


class Arrivals:
    """When the results of one board arrived, by generation, and whether each fits its model."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._times: dict[int, list[float]] = {}
        self._all: list[float] = []
        self._models: dict[int, tuple[str, str]] = {}
        self.wrong: list[str] = []
        self.count = 0

    async def run(self) -> None:
        """Note results until cancelled."""
        async for result in self._board.results(queue=1000):
            now = time.monotonic()
            self.count += 1
            self._all.append(now)
            self._times.setdefault(result.generation, []).append(now)
            seen = self._models.setdefault(result.generation, (result.task, result.model))
            if seen != (result.task, result.model):
                self.wrong.append(json.dumps([result.generation, seen, result.task, result.model]))

    def period_ms(self, generation: int) -> float:
        """Return the median time between results of a generation, of all where it made few."""
        times = self._times.get(generation, [])
        if len(times) <= _FEW:
            times = self._all[-100:]
        return 1000 * statistics.median(b - a for a, b in itertools.pairwise(times))

    def gaps_ms(self) -> list[float]:
        """Return the gap at each change of generation."""
        found: list[float] = []
        numbers = sorted(self._times)
        for old, new in itertools.pairwise(numbers):
            if new == old + 1:
                gap = 1000 * (self._times[new][0] - self._times[old][-1])
                found.append(max(0.0, gap - self.period_ms(old)))
        return found

    def rate(self, seconds: float) -> float:
        """Return the results a second of the last so many seconds."""
        since = time.monotonic() - seconds
        return sum(1 for at in self._all if at >= since) / seconds
