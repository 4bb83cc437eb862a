"""Run the fault matrix: `python -m tools.faults [--json] [--only CALL] [--board NAME]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import board_types
from tools.faults import matrix, ways
from tools.faults.steps import OF_NETWORK

LANES = 4


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", metavar="CALL", action="append", help="try this call alone")
    parser.add_argument("--board", metavar="NAME", help="type of every board; default: in turns")
    parser.add_argument("--lanes", type=int, default=LANES, help="boards side by side (4)")
    return parser.parse_args(words)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run the matrix; return the report."""
    rows = ways.read()
    names = sorted(rows)
    wrapped = [name for name in names if not name.startswith("time.")]
    chosen = {name: rows[name] for name in names if not options.only or name in options.only}
    found = {call.name for call in ways.calls(rows)}

    def say(text: str) -> None:
        print(text, file=sys.stderr if options.json else sys.stdout, flush=True)

    start = time.monotonic()
    board = options.board or board_types.VIRTUAL
    networks = [each for each in OF_NETWORK if _has(board, each)]
    found_reaches = await asyncio.gather(*[matrix.reach(wrapped, each, board) for each in networks])
    reaches = dict(zip(networks, found_reaches, strict=True))
    say(f"steps without failures: {time.monotonic() - start:.0f} s")
    waiting = list(matrix.combinations(chosen, reaches))
    if options.board:
        waiting = [replace(each, board=board) for each in waiting]
    else:
        waiting = matrix.spread(waiting)
    outcomes: list[matrix.Outcome] = []
    for combination in [each for each in waiting if each.way.kind == "abort"]:
        outcome = matrix.Outcome(combination)
        outcome.why = matrix.guard_of(combination.way)
        outcome.survived = not outcome.why
        outcomes.append(outcome)
    todo = sorted(
        (each for each in waiting if each.way.kind != "abort"),
        key=lambda each: (each.fresh, each.network, each.step),
    )
    lanes = [_lane(wrapped, reaches, todo, outcomes, say) for _ in range(options.lanes)]
    await asyncio.gather(*lanes)
    aborts = [each for each in outcomes if each.combination.way.kind == "abort"]
    return {
        "calls": len(found & chosen.keys()),
        "combinations": len(outcomes),
        "survived": sum(each.survived for each in outcomes),
        "boards": sorted({each.combination.board for each in outcomes}),
        "unsurvivable": [
            {"call": each.combination.call, "way": str(each.combination.way), "why": each.why}
            for each in aborts
            if not each.survived
        ],
        "lost": [
            {"combination": str(each.combination), "why": each.why}
            for each in outcomes
            if not each.survived and each not in aborts
        ],
        "again": [
            {"combination": str(each.combination), "first": each.first}
            for each in outcomes
            if each.survived and each.first
        ],
        "unreached": matrix.unreached(chosen, reaches),
        "seconds": round(time.monotonic() - start),
    }


def _has(board: str, network: str) -> bool:
    """Return whether a board type has what a network needs."""
    kind = board_types.find(board)
    return kind.lan if network == "ethernet" else kind.wlan


async def _lane(
    names: list[str],
    reaches: dict[str, matrix.Reach],
    todo: list[matrix.Combination],
    outcomes: list[matrix.Outcome],
    say: Callable[[str], None],
) -> None:
    lane = matrix.Lane(names, reaches)
    try:
        while todo:
            outcome = await lane.attempt(todo.pop(0))
            outcomes.append(outcome)
            mark = "ok  " if outcome.survived else "LOST"
            where = f" at {outcome.where}" if outcome.where else ""
            if outcome.first:
                where += f" (again: {outcome.first})"
            text = f"{mark} {outcome.combination}{where} {outcome.seconds:.1f} s"
            say(text + (f": {outcome.why}" if outcome.why else f": {'; '.join(outcome.told[:2])}"))
    finally:
        await lane.close()


def main(words: Sequence[str]) -> int:
    """Entry point; 0 where all that can be survived is."""
    options = _arguments(words)
    try:
        options.board = options.board and board_types.find(options.board).name
    except board_types.BoardTypeError as error:
        print(error, file=sys.stderr)
        return 2
    faults = ways.faults()
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 2
    report = asyncio.run(run(options))
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        print(
            f"{report['calls']} calls, {report['combinations']} combinations, "
            f"{report['survived']} survived, {len(report['unsurvivable'])} can't be, "
            f"{report['seconds']} s"
        )
        for row in report["again"]:
            print(f"survived at the second attempt: {row['combination']}: {row['first']}")
        for row in report["lost"]:
            print(f"lost: {row['combination']}: {row['why']}")
        for row in report["unsurvivable"]:
            print(f"unsurvivable: {row['call']}: {row['why']}")
        for name in report["unreached"]:
            print(f"no step reaches {name}")
    good = not report["lost"] and not report["unreached"]
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
