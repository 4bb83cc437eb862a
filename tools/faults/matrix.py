"""Which combinations there are, and whether the product survives each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import board_types
from firmware_app.wire import log_lines
from host_client import Board, K230Error
from host_client.link.address import SerialAddress
from tools.faults import card
from tools.faults.bench import Bench
from tools.faults.patience import Patience, stretched
from tools.faults.steps import LONG, OF_NETWORK, RESTARTS, STEPS, WATCH, WATCHING
from tools.faults.ways import Row, Way, guarded
from virtual_board.board import BoardError

# In which the service is back, with its results: a busy PC is slow, a lost board never comes.
HEALTHY_S = 60.0
_AGAIN_S = 5.0  # to connect, before it is tried anew
_COMES_S = 6.0  # after a step, in which a call comes that comes when it likes
_LATE_S = 1.0  # in which what the board said has arrived
HEAP_LIMIT = 400 << 10  # bytes more than before: caches, and files that were loaded
BOOT = "boot"
# What makes files: each step has its own, and each may be damaged.
_EVERYWHERE = ("open", "file.", "os.")
_FILES = (
    "open",
    "file.write",
    "file.flush",
    "os.rename",
)  # the last call of these in a step counts, too
# Come as often as time passes: the second call comes at once, and no later one for sure.
_POLLED = ("NIC.",)
_WATCHES = ("open", "file.", "hash")
_LOUD = re.compile(r"^\[[0-9.]+\] (warning|error): ")
_UNTOLD = "it was reported nowhere"
_NEVER = "the call never came"
_SETTLED_S = 0.5
_AGAIN = 2  # times that a step is repeated to see what it calls each time


@dataclass(frozen=True)
class Combination:
    """One call that fails in one way: its number-th since the start (step "boot"), or in a step.

    Attributes:
        fresh: on a board of its own, before the call was ever made: its first one.
        others: steps to take where the call does not come in this one: some come when they like.
    """

    call: str
    way: Way
    step: str
    number: int
    fresh: bool
    network: str = "station"
    board: str = board_types.VIRTUAL
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"call {self.number} of the start" if self.step == BOOT else self.step
        if self.step != BOOT and self.number > 1:
            where = f"call {self.number} of {self.step}"
        first = ", the first" if self.fresh and self.step != BOOT else ""
        return f"{self.call}: {self.way} ({where}{first}; {self.board})"


@dataclass
class Outcome:
    """What became of a combination."""

    combination: Combination
    survived: bool = False
    why: str = ""  # not
    told: list[str] = field(default_factory=list)
    seconds: float = 0.0
    where: str = ""  # the file that the call was about
    new_board: bool = True  # nothing failed on its board before
    first: str = ""  # why the first attempt did not, where a second one decided


@dataclass
class Reach:
    """Which calls each step reaches, from one run without any failure."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)  # step -> call -> calls
    again: dict[str, dict[str, int]] = field(default_factory=dict)  # at least, when it is repeated
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)  # after each step
    noise: dict[str, set[str]] = field(default_factory=dict)  # step -> what is said all the same


async def reach(names: list[str], network: str, board_type: str) -> Reach:
    """Run every step on a board where nothing fails."""
    found = Reach()
    async with Bench(names, network, board_type, watches=network == WATCHING) as bench:
        await bench.ready()
        await asyncio.sleep(_SETTLED_S)
        # Before anybody asks: what a command calls is not of the start.
        found.figures[BOOT] = await bench.figures()
        found.counts[BOOT] = found.figures[BOOT]["counts"]
        async with bench.connect() as board, _Ears(board) as ears:
            await _results(board)
            found.noise[BOOT] = _loud(bench.console())
            for name in OF_NETWORK[network]:
                if name in RESTARTS:
                    found.counts[name] = found.again[name] = {RESTARTS[name]: 1}
                    continue
                ears.heard.clear()
                found.counts[name] = await _calls_of(name, bench, board)
                repeats = [await _calls_of(name, bench, board) for _ in range(_AGAIN)]
                # What comes when it likes (the log, looks at the card) does not come each time.
                found.again[name] = {
                    call: min(each[call] for each in repeats)
                    for call in repeats[0]
                    if all(call in each for each in repeats)
                }
                found.figures[name] = await bench.figures()
                found.noise[name] = {_shape(text) for text in ears.heard}
    return found


async def _calls_of(name: str, bench: Bench, board: Board) -> dict[str, int]:
    """Take a step; return the calls that came meanwhile."""
    step, task = STEPS[name]
    await _run_task(board, task)
    before = (await bench.figures())["counts"]
    await step(bench, board)
    after = (await bench.figures())["counts"]
    return {
        call: count - before.get(call, 0)
        for call, count in after.items()
        if count > before.get(call, 0)
    }


def combinations(rows: dict[str, Row], reaches: dict[str, Reach]) -> Iterator[Combination]:
    """Yield every combination: each way at the first call, at a later one, and in other steps."""
    for row in rows.values():
        for way in row.ways:
            if way.kind == "abort":
                yield Combination(row.name, way, BOOT, 1, True)
                continue
            yield from _of(row.name, way, reaches)


def _of(name: str, way: Way, reaches: dict[str, Reach]) -> Iterator[Combination]:
    for network, reached in reaches.items():
        if network != "station" and name in _calls(reaches.get("station", Reach())):
            if name in reached.again.get(WATCH, ()) and name.startswith(_WATCHES):
                yield Combination(name, way, WATCH, 1, False, network)
            continue
        at_boot = reached.counts[BOOT].get(name, 0)
        # In the order of the table, not by the time they took: the same ones each time.
        steps = [step for step in STEPS if name in reached.counts.get(step, ())]
        if at_boot:
            yield Combination(name, way, BOOT, 1, True, network)
        elif steps:
            yield Combination(name, way, steps[0], 1, True, network)
        if way.kind == "absent":
            continue
        steps = [step for step in steps if name in reached.again[step]]
        if at_boot > 2 and (not steps or name.startswith(_EVERYWHERE)):
            later = 2 if name.startswith(_POLLED) else at_boot // 2 + 1
            yield Combination(name, way, BOOT, later, True, network)
        candidates = tuple(steps[1:3])
        if name.startswith(_EVERYWHERE):
            candidates = ()
            short = [step for step in steps if step not in LONG]
            steps = [step for step in short if not step.startswith("switch ")] or steps[:1]
        else:
            steps = steps[:1]
        for step in steps:
            yield Combination(name, way, step, 1, False, network, others=candidates)
            last = reached.again[step].get(name, 0)
            if name.startswith(_FILES) and last > 1:
                yield Combination(name, way, step, last, False, network)


def spread(combinations: Iterable[Combination]) -> list[Combination]:
    """Return them with the board types taking turns, where each has a board of its own anyway.

    Not where the number of a call counts: other types make other calls at their start.
    """
    wlan = itertools.cycle([each.name for each in board_types.all_types() if each.wlan])
    lan = itertools.cycle([each.name for each in board_types.all_types() if each.lan])
    kinds = {"station": wlan, "access_point": wlan, "ethernet": lan}
    return [
        replace(each, board=next(kinds[each.network]))
        if each.fresh and each.number == 1 and each.way.kind not in ("abort", "absent")
        else each
        for each in combinations
    ]


def _calls(reached: Reach) -> set[str]:
    return {name for counts in reached.counts.values() for name in counts}


def unreached(rows: dict[str, Row], reaches: dict[str, Reach]) -> list[str]:
    """Return the calls that can fail and that no step reaches."""
    known = set().union(*map(_calls, reaches.values()))
    return [row.name for row in rows.values() if row.ways and row.name not in known]


def guard_of(way: Way) -> str:
    """Return why an abort is not survived, or nothing: a test shows that it can't come."""
    if way.guard and guarded(way.guard):
        return ""
    return f"the process ends: {way.value}"


class _Ears:
    """Hears the board's events and log, over restarts too."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.heard: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _Ears:
        self._tasks = [asyncio.create_task(self._events()), asyncio.create_task(self._logs())]
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _events(self) -> None:
        async for event in self._board.events():
            if event.kind == "problem":
                self.heard.append(f"{event.details.get('code')}: {event.details.get('text')}")

    async def _logs(self) -> None:
        async for line in self._board.logs():
            if line.level >= log_lines.WARNING:
                self.heard.append(line.text)


def _shape(text: str) -> str:
    return "".join(c for c in text if not c.isdigit())


def _loud(lines: Iterable[str]) -> set[str]:
    """Return the shapes of a log's warnings and errors."""
    return {_shape(line) for line in lines if _LOUD.search(line)}


@contextlib.asynccontextmanager
async def _another(bench: Bench, wired: Board | None) -> AsyncIterator[Board]:
    """Connect anew, but for a board that is on a wire already."""
    if wired is not None:
        yield wired
        return
    async with bench.client(_AGAIN_S) as board:
        yield board


async def _run_task(board: Board, task: str) -> None:
    if (await board.status())["task"] != task:
        await board.switch(task)


async def _results(board: Board) -> None:
    """Return when another frame was processed."""
    first = (await board.status())["processed"]
    while (await board.status())["processed"] == first:
        await asyncio.sleep(0.02)


class Lane:
    """Tries combinations, one after the other; boards that survive are used again."""

    def __init__(self, names: list[str], reaches: dict[str, Reach]) -> None:
        self._names = names
        self._reaches = reaches
        self._kept: Bench | None = None
        self._network = ""
        self._warm: dict[str, dict[str, Any]] = {}  # step -> figures after it, on the kept board
        self._stack = contextlib.AsyncExitStack()

    async def close(self) -> None:
        """Switch the board off."""
        await self._stack.aclose()
        self._kept = None
        self._warm.clear()

    async def attempt(self, combination: Combination) -> Outcome:
        """Let one call fail; return what became of it."""
        outcome = await self._attempt(combination)
        if outcome.why and not (outcome.new_board and outcome.why.startswith(_NEVER)):
            # The log counts what repeats, and a folder that a failure left need not be made: what other
            # failures left behind is no part of this combination. Nor is what a busy PC did to a client.
            # The second one, on a new board, decides; the report names both.
            first = outcome.why
            outcome = await self._attempt(combination)
            outcome.first = first
        for step in combination.others:
            if not outcome.why.startswith(_NEVER):
                break
            outcome = await self._attempt(replace(combination, step=step))
        return outcome

    async def _attempt(self, combination: Combination) -> Outcome:
        outcome = Outcome(combination)
        start = time.monotonic()
        try:
            if combination.fresh:
                plan = (combination.call, combination.number, combination.way)
                # Not in a step: a look at the card would take the failure that is meant for it.
                watches = combination.step in (BOOT, WATCH)
                async with Bench(
                    self._names, combination.network, combination.board, plan, watches
                ) as bench:
                    await self._judge(bench, outcome)
            else:
                await self._on_kept(outcome)
        except (K230Error, BoardError, TimeoutError, asyncio.TimeoutError, OSError) as error:
            outcome.why = f"{type(error).__name__}: {error}"
        outcome.survived = not outcome.why
        outcome.seconds = time.monotonic() - start
        if not outcome.survived and not combination.fresh:
            await self.close()
        return outcome

    async def _on_kept(self, outcome: Outcome) -> None:
        combination = outcome.combination
        outcome.new_board = self._kept is None or self._network != combination.network
        if self._kept is None or self._network != combination.network:
            await self.close()
            self._stack = contextlib.AsyncExitStack()
            self._network = combination.network
            self._kept = await self._stack.enter_async_context(
                Bench(
                    self._names,
                    combination.network,
                    combination.board,
                    watches=combination.network == WATCHING,
                )
            )
            await self._kept.ready()
        bench = self._kept
        bench.injected = 0
        await self._judge(bench, outcome)
        if combination.way.lasting or bench.ended or bench.starts > 1:
            # A board that crashed three times soon after its start is in safe mode, as it should be.
            await self.close()
            return
        await bench.disarm()
        async with bench.connect() as board:
            await _run_task(board, card.START)

    async def _judge(self, bench: Bench, outcome: Outcome) -> None:
        combination = outcome.combination
        way = combination.way
        reached = self._reaches[combination.network]
        step, task = STEPS.get(combination.step, (None, card.START))
        committed = card.START
        before = reached.figures.get(combination.step) or reached.figures[BOOT]
        files = card.digests(bench.card)
        logged = len(bench.log()) if not combination.fresh else 0
        told: list[str] = []
        starts = 0
        if combination.step == BOOT:
            await self._event(bench, lambda: bench.injected > 0 or bench.ended != "", HEALTHY_S)
        async with bench.client(HEALTHY_S) as board, _Ears(board) as ears:
            if step is not None:
                await _run_task(board, task)
                committed = task
                await _results(board)
                if not combination.fresh:
                    if combination.step not in self._warm and combination.step not in RESTARTS:
                        await step(bench, board)
                        self._warm[combination.step] = await bench.figures()
                        await _run_task(board, task)
                    before = self._warm.get(combination.step, before)
                    status = await board.status()
                    starts = status["starts"]
                    ears.heard.clear()
                    await bench.arm(combination.call, way, combination.number)
                try:
                    answered = await asyncio.wait_for(step(bench, board), stretched(HEALTHY_S))
                    told += answered or []
                    if combination.step.startswith("switch "):
                        committed = combination.step.removeprefix("switch ")
                except (K230Error, TimeoutError, asyncio.TimeoutError) as error:
                    told.append(f"{type(error).__name__}: {error}")
                    if combination.step.startswith("switch "):
                        committed = ""  # either: the answer may have been lost
            if not bench.injected:
                await self._event(bench, lambda: bench.injected > 0, _COMES_S)
            if not bench.injected:
                outcome.why = f"{_NEVER} {'; '.join(told)}"
                return
            # A wire carries one session: over the UART this one is asked.
            wired = board if isinstance(board.address, SerialAddress) else None
            outcome.why = await self._healthy(bench, committed, way, told, starts, wired)
            if outcome.why:
                return
            outcome.where = bench.where
            quiet = way.why_quiet(combination.step, bench.where)
            noise = reached.noise.get(BOOT, set()) | reached.noise.get(combination.step, set())

            def new(texts: Iterable[str]) -> list[str]:
                return [text for text in texts if _shape(text) not in noise]

            with contextlib.suppress(K230Error):
                await board.status()  # what was said before its answer has arrived by then
            if combination.fresh:  # what was said before anybody listened
                told += [line for line in bench.console() if _LOUD.search(line)]
            outcome.told = new(told + ears.heard)
            if not outcome.told and not quiet:
                await self._event(bench, lambda: bool(new(ears.heard)), _LATE_S)
                outcome.told = new(ears.heard)
            if not outcome.told and not quiet:
                outcome.told = new(await self._log(bench, wired, logged))
            if not outcome.told and not quiet:
                outcome.why = _UNTOLD
        damaged = {name for name in files if card.digests(bench.card).get(name) != files[name]}
        if damaged:
            outcome.why = f"damaged: {', '.join(sorted(damaged))}"
        else:
            outcome.why = outcome.why or _records(bench)
        outcome.why = outcome.why or await self._leaks(bench, before)

    @staticmethod
    async def _log(bench: Bench, wired: Board | None, before: int) -> list[str]:
        """Return the log's warnings and errors after so many lines: who listened may have been cut off."""
        with contextlib.suppress(K230Error):
            async with _another(bench, wired) as board:
                await board.request("logs", {"offset": 0})  # writes what waits
        found = [log_lines.parse(line) for line in bench.log()[before:]]
        return [row[2] for row in found if row is not None and row[1] in ("warning", "error")]

    @staticmethod
    async def _event(bench: Bench, condition: Callable[[], bool], seconds: float) -> None:
        patience = Patience(seconds)
        while not condition() and not patience.over:
            await bench.waiting()

    async def _healthy(
        self,
        bench: Bench,
        committed: str,
        way: Way,
        told: list[str],
        starts: int,
        wired: Board | None,
    ) -> str:
        """Return why the service is not what it was within HEALTHY_S, or nothing."""
        patience = Patience(HEALTHY_S)
        why = ""
        first = None
        while not patience.over:
            if bench.ended:
                return f"the board is dead: {bench.ended}"
            if bench.hung:
                return "it hangs for ever: no watchdog runs"
            try:
                async with _another(bench, wired) as board:
                    status = await board.status()
                    codes = [row["code"] for row in status["problems"]]
                    if status["restart_reason"] and status["starts"] > max(1, starts):
                        told.append(f"restart: {status['restart_reason']['text']}")
                    told.extend(f"{row['code']}: {row['text']}" for row in status["problems"])
                    if committed and status["task"] != committed:
                        why = (
                            f"task: expected {committed}, found {status['task'] or 'none'}: {codes}"
                        )
                    elif way.lasting and codes:
                        return ""  # it can't be had, and says why
                    elif way.lasting and not way.quiet and not patience.half:
                        why = "nothing is said"
                    elif first is None or status["processed"] <= first:
                        why = f"no results: {codes}"
                        first = status["processed"] if first is None else first
                    else:
                        return ""
            except (K230Error, TimeoutError, asyncio.TimeoutError) as error:
                why = f"no answer: {type(error).__name__}: {error}"
                first = None
            await asyncio.sleep(0.05)
        return why

    async def _leaks(self, bench: Bench, before: dict[str, Any]) -> str:
        """Return what the failure left behind, or nothing."""
        why = ""
        # Another type of board has other buffers: what its camera took when it was set up.
        most = 0 if bench.kind == board_types.VIRTUAL else before["frames"] * 2
        for _ in range(10):
            now = await bench.figures()
            if now["threads"] > before["threads"]:
                why = f"threads: expected {before['threads']}, found {now['threads']}"
            elif now["models"] > before["models"]:
                why = f"models: expected {before['models']} in the KPU, found {now['models']}"
            elif now["heap"] > before["heap"] + HEAP_LIMIT:
                why = f"heap: {now['heap'] - before['heap']} bytes more than before"
            elif now["frames"] > max(before["frames"], most):
                why = f"frames: {now['frames'] - before['frames']} bytes more than before"
            else:
                return ""
            await asyncio.sleep(0.2)
        return why


def _records(bench: Bench) -> str:
    """Return which of the service's own files nothing can be read from, or nothing."""
    for name in ("state.json", "boots.json"):
        path = bench.data / name
        whole = False
        versions = [path, path.with_name(name + ".new"), path.with_name(name + ".old")]
        existing = [each for each in versions if each.is_file()]
        for each in existing:
            with contextlib.suppress(ValueError):
                json.loads(each.read_text("utf-8"))
                whole = True
        if existing and path.is_file():
            try:
                json.loads(path.read_text("utf-8"))
            except ValueError:
                return f"damaged: /data/{name}"
        if existing and not whole:
            return f"damaged: /data/{name}"
    return ""
