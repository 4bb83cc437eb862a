"""Installations that end anywhere: `python -m benchmarks.interrupted_installs [--json] [--long]`.

On the virtual board, over its USB console: an installation, an update or an uninstallation is ended
at a random moment, by killing `k230`, by cutting the board's power, or both. Then the board gets
power again. It must start what it ran before, or the service as a whole; and the command, given
again, must bring everything to its end: results arrive after an installation, and after an
uninstallation the card is what it was, byte for byte.

`--seconds` and `--seed` choose how long and which moments; `--long` takes an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from virtual_board.board import VirtualBoard

SECONDS = 240
LONG_SECONDS = 3600
BOOT_S = 120.0  # for the board to show what it runs
COMMAND_S = 300.0
NOTICE_S = 3.0  # for `k230` to notice that the board is off
FINISHED = 4  # one of so many interrupted runs is also brought to its end

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = _ROOT / "models" / "packages"
_PACKAGE = _PACKAGES / "shapes_cls" / "mp_deployment_source"
_PICTURES = _PACKAGES / "shapes_cls" / "pictures"
_K230 = (sys.executable, "-c", "from host_client.cli import main; main()")
_FOREIGN = "import time\nprint('foreign')\nwhile True:\n    time.sleep(1)\n"
_FALLBACK = "import time\nprint('fallback')\nwhile True:\n    time.sleep(1)\n"
_CRASHING = "1 / 0\n"

CARDS: dict[str, dict[str, str]] = {
    "empty": {},
    "main.py": {"main.py": _FOREIGN, "notes.txt": "mine"},
    "main.py and one put aside": {
        "main.py": _FOREIGN,
        "bad_main.py": _CRASHING,
        "fallback.py": _FALLBACK,
    },
    "main.py put aside": {"bad_main.py": _CRASHING, "fallback.py": _FALLBACK},
}
RUNS = {
    "empty": "nothing",
    "main.py": "foreign",
    "main.py and one put aside": "foreign",
    "main.py put aside": "fallback",
}
WORKS = ("install", "update", "uninstall")
CUTS = ("k230 killed", "power cut", "both")


class Bench:
    """One board on the desk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card"
        self.port = folder / "console"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self.shown: list[str] = []

    def lay(self, files: dict[str, str]) -> None:
        """Put a fresh card and a fresh data partition in."""
        for place in (self.card, self.folder / "data"):
            shutil.rmtree(place, ignore_errors=True)
        self.card.mkdir()
        for name, text in files.items():
            (self.card / name).write_text(text)

    def contents(self) -> dict[str, bytes]:
        """Return every file of the card."""
        found = (path for path in self.card.rglob("*") if path.is_file())
        return {str(path.relative_to(self.card)): path.read_bytes() for path in found}

    @contextlib.asynccontextmanager
    async def power(self) -> AsyncIterator[VirtualBoard]:
        """Give the board power; what it shows is collected."""
        self.shown = []
        async with VirtualBoard(
            sdcard=self.card,
            data=self.folder / "data",
            camera=str(_PICTURES),
            console=self.port,
            bare=True,
            tcp=self.url.removeprefix("tcp://"),
        ) as board:
            reading = asyncio.create_task(self._watch(board))
            try:
                yield board
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _watch(self, board: VirtualBoard) -> None:
        async for event in board.events():
            if event["event"] == "repl":
                self.shown.append("nothing")
            elif event["event"] == "console" and event["detail"] in ("foreign", "fallback"):
                self.shown.append(event["detail"])
            elif event["event"] == "console" and board.said.get("results"):
                self.shown.append("the service")

    async def runs(self) -> str:
        """Return what the board shows that it runs."""
        stop = time.monotonic() + BOOT_S
        while not self.shown and time.monotonic() < stop:
            await asyncio.sleep(0.05)
        return self.shown[0] if self.shown else f"nothing to see in {BOOT_S:g} s"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start `k230`."""
        return await asyncio.create_subprocess_exec(
            *_K230,
            *arguments,
            cwd=_ROOT,
            env=os.environ | {"XDG_CONFIG_HOME": str(self.folder / "config")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def command(self, *arguments: str) -> str:
        """Run `k230` to its end; return what it said, "" where it failed."""
        process = await self.start(*arguments)
        out, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
        said = out.decode("utf-8", "replace")
        return said if process.returncode == 0 else ""

    def work(self, work: str) -> tuple[str, ...]:
        """Return the arguments of a work over the console."""
        if work == "uninstall":
            return ("uninstall", "--port", str(self.port))
        port = ("--port", str(self.port), "--url", self.url)
        return ("install", *port, "--package", str(_PACKAGE))

    async def prepare(self, work: str, kind: str) -> None:
        """Make the card that a work begins with."""
        made = self.folder / f"{work} of {kind}"
        if not made.exists():
            self.lay(CARDS[kind])
            await self._install_for(work)
            shutil.copytree(self.card, made)
        self.lay({})
        shutil.rmtree(self.card)
        shutil.copytree(made, self.card)

    async def _install_for(self, work: str) -> None:
        if work == "install":
            return
        said = await self.command("install", "--card", str(self.card), "--package", str(_PACKAGE))
        assert said, "a card could not be prepared"
        if work == "update":  # another version: the service and its launcher differ
            for name in ("main.py", "firmware_app/service.py"):
                with (self.card / name).open("a") as file:
                    file.write("# an earlier version\n")
            manifest = self.card / ".k230" / "install.json"
            values = json.loads(manifest.read_text())
            digest = hashlib.sha256((self.card / "main.py").read_bytes()).hexdigest()
            values["files"]["main.py"].insert(0, digest)
            manifest.write_text(json.dumps(values))


async def _whole(bench: Bench, work: str) -> float:
    """Return how long a work takes without interruption."""
    await bench.prepare(work, "main.py")
    async with bench.power():
        await bench.runs()
        start = time.monotonic()
        assert await bench.command(*bench.work(work)), f"{work} failed"
        return time.monotonic() - start


async def _interrupt(bench: Bench, work: str, cut: str, after: float) -> list[str]:
    """Interrupt a work; return what `k230` should not have said."""
    async with bench.power() as board:
        await bench.runs()
        process = await bench.start(*bench.work(work))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), after)
        if cut != "k230 killed":
            await board.stop()
            await asyncio.sleep(NOTICE_S if cut == "power cut" else 0)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        said = (await process.communicate())[0].decode("utf-8", "replace")
    return [said[-500:]] if "Traceback" in said or "fault of this program" in said else []


async def _finish(bench: Bench, work: str, before: dict[str, bytes]) -> list[str]:
    """Bring an interrupted work to its end; return what is not as it should be."""
    wrong: list[str] = []
    if work != "uninstall" and "results are arriving" not in await bench.command(
        *bench.work("install")
    ):
        wrong.append("no results after the second installation")
    installed = (bench.card / ".k230" / "install.json").exists()
    if installed and not await bench.command(*bench.work("uninstall")):
        wrong.append("the uninstallation failed")
    now = bench.contents()
    for name in sorted(now.keys() ^ before.keys()):
        wrong.append(f"{name} is {'left over' if name in now else 'gone'}")
    for name in sorted(now.keys() & before.keys()):
        if now[name] != before[name]:
            wrong.append(f"{name} is another one")
    return wrong


async def _run(seconds: float, seed: int, folder: Path, rounds: int | None) -> dict[str, Any]:
    dice = random.Random(seed)
    bench = Bench(folder)
    took = {work: await _whole(bench, work) for work in WORKS}
    ran: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    wrong: list[str] = []
    count = finished = 0
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and (rounds is None or count < rounds):
        kind = dice.choice(list(CARDS))
        work, cut = dice.choice(WORKS), dice.choice(CUTS)
        after = dice.uniform(0.0, 1.1 * took[work])
        await bench.prepare(work, kind)
        before = {name: text.encode() for name, text in CARDS[kind].items()}
        where = f"{work} of a card with {kind}, {cut} after {after:.2f} s"
        wrong += [f"{where}: {text}" for text in await _interrupt(bench, work, cut, after)]
        async with bench.power():
            found = await bench.runs()
            if found not in (RUNS[kind], "the service") or (
                work == "update" and found != "the service"
            ):
                wrong.append(f"{where}: the board runs {found}")
            if count % FINISHED == 0:
                finished += 1
                wrong += [f"{where}: {text}" for text in await _finish(bench, work, before)]
        count += 1
        ran[found] += 1
        kinds[f"{work}, {cut}"] += 1
        print(f"{count}: {where}: {found}", file=sys.stderr)
    return {
        "seed": seed,
        "interruptions": count,
        "of_them": dict(sorted(kinds.items())),
        "board_then_runs": dict(sorted(ran.items())),
        "brought_to_their_end": finished,
        "seconds_uninterrupted": {work: round(value, 1) for work, value in took.items()},
        "wrong": wrong,
    }


def _show(report: dict[str, Any]) -> Iterable[str]:
    for name, value in report.items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {key}: {number}" for key, number in value.items())
        elif isinstance(value, list):
            yield f"{name}: {len(value)}"
            yield from (f"  {text}" for text in value)
        else:
            yield f"{name}: {value}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=230)
    parser.add_argument("--rounds", type=int, default=None)
    options = parser.parse_args()
    seconds = options.seconds or (LONG_SECONDS if options.long else SECONDS)
    with tempfile.TemporaryDirectory(prefix="k230-interrupted-") as folder:
        report = asyncio.run(_run(seconds, options.seed, Path(folder), options.rounds))
    if options.json:
        print(json.dumps(report))
    else:
        print("\n".join(_show(report)))
    sys.exit(1 if report["wrong"] else 0)


if __name__ == "__main__":
    main()
