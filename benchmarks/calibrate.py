"""Where the timing profile's constants come from: python -m benchmarks.calibrate [--json] [--micropython PATH].

The pieces of program with a published time on a board, written anew (calibrate_board.py), run on the
interpreter at hand: its time, the spread of five rounds, the ratio to the published time, and the same ratio of
the PC that the profile's factors are relative to. From that PC's times and from instructions counted in a RISC-V
build follow the profile's low, likely and high values; each derivation is shown with what the profile says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.interpreters import Interpreter, look
from virtual_board.silicon.clock.levels import LEVELS
from virtual_board.silicon.clock.profile import load_profile

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("calibrate_board.py")
MODULES = ROOT / "virtual_board" / "modules"
LOG = "tancyiiii/k230-rear-vehicle-detection, stage log and board_test.md"
GHZ = 1.6

Span = tuple[float, float]


@dataclass(frozen=True)
class Piece:
    """One published time.

    Attributes:
        name: in calibrate_board.py.
        runs: of the piece in one measured call.
        board_us: published, of one run.
        pc_us: least and most of the quiet PC that the profile's factors are relative to:
            MicroPython 1.21, single precision, the port's ulab.
        coarse: published with one digit.
    """

    name: str
    runs: int
    board_us: float
    pc_us: Span
    coarse: bool = False


PIECES = (
    Piece("plain decode", 1, 117_000, (3950, 4100)),
    Piece("ulab decode at 320", 1, 900, (83, 83)),
    Piece("ulab decode at 640", 1, 2700, (315, 315)),
    Piece("tracker and risk, 100 times", 100, 100, (6, 6), coarse=True),
)
# Counted in MicroPython 1.21 built for RISC-V.
PLAIN_INSTRUCTIONS = 48.6e6
ARRAY_INSTRUCTIONS = {"ulab decode at 320": 0.755e6, "ulab decode at 640": 2.84e6}
LOOK_INSTRUCTIONS = 4.4e6
SWEEP_INSTRUCTIONS = 4.0e6
# Of the same PC.
ARGMAX_NS = 2.0
COLLECTION_MS: Span = (0.60, 0.74)
LOOK_MS: Span = (0.46, 0.62)
# The same interpreter on another PC: the plain decode and the reference piece, in us and in x86 instructions
# (--instructions counts them anew). That PC is faster; both give the reference piece's time on the first one.
OTHER_PLAIN_US, OTHER_REFERENCE_US = 2900, 0.351
PLAIN_X86, REFERENCE_X86 = 37.95e6, 5513
# What an element takes in ulab's loops, in ns, by the kinds of the profile's `arrays`, on a third quiet PC with
# MicroPython 1.21 and the firmware's ulab: the first one is argmax over six columns, as ARGMAX_NS.
LOOPS_NS: dict[str, tuple[float, ...]] = {
    "argmax": (2.56, 1.46, 1.34),
    "arithmetic": (2.64, 2.77, 2.81, 2.77),
    "whole": (3.38, 3.38),
    "sum": (4.96, 2.12),
    "sum_whole": (8.02, 8.02),
    "function": (6.63, 6.02, 5.57, 6.06),
    "nonzero": (1.92,),
    "copy": (9.85, 10.25, 10.42, 9.81, 9.68, 8.54, 10.38, 10.82, 8.14),
    "convert": (11.23, 17.46),
    "put": (18.96, 20.43),
    "list": (24.98,),
    "list_whole_numbers": (7.73,),
    "from_list": (37.11,),
    "compress": (40.85, 24.7),
    "dot": (3.66, 4.88),
    "norm": (5.21,),
}
NO_HIT = "nonzero, no hit"


@dataclass(frozen=True)
class Derived:
    """One constant of the profile: the span that follows from measurements, how, and the profile's levels."""

    field: str
    span: Span
    levels: tuple[float, float, float]
    how: str

    @property
    def holds(self) -> bool:
        """Whether the likely value lies in the span, give or take 3 % for its rounding."""
        return 0.97 * self.span[0] <= self.levels[1] <= 1.03 * self.span[1]


def _by(name: str) -> Piece:
    return next(piece for piece in PIECES if piece.name == name)


def array_ratio() -> Span:
    """Return how many times slower ulab's loops are on the board than on the PC."""
    ratios = [_by(name).board_us / _by(name).pc_us[0] for name in ARRAY_INSTRUCTIONS]
    return min(ratios), max(ratios)


def cycles() -> Span:
    """Return the board's cycles an instruction, in ulab's loops."""
    found = [_by(name).board_us * 1e3 * GHZ / n for name, n in ARRAY_INSTRUCTIONS.items()]
    return min(found), max(found)


def execution_factor() -> Span:
    """Return how many times slower Python is on the board than on the PC, by what it executes alone."""
    least, most = (PLAIN_INSTRUCTIONS * cycle / GHZ / 1e3 for cycle in cycles())
    pc = _by("plain decode").pc_us
    return least / pc[1], most / pc[0]


def derived(profile_name: str = "k230") -> list[Derived]:
    """Return each constant that was not measured on a board, with its derivation."""
    profiles = [load_profile(f"{profile_name}?level={level}").numbers for level in LEVELS]
    low, high = array_ratio()
    fast, slow = cycles()
    plain = _by("plain decode")
    by_time = OTHER_REFERENCE_US * sum(plain.pc_us) / 2 / OTHER_PLAIN_US
    by_instructions = REFERENCE_X86 * sum(plain.pc_us) / 2 / PLAIN_X86

    def one(field: str, span: Span, how: str) -> Derived:
        levels = (profiles[0][field], profiles[1][field], profiles[2][field])
        return Derived(field, span, levels, how)

    def counted(instructions: float) -> Span:
        return instructions * fast / GHZ / 1e6, instructions * slow / GHZ / 1e6

    collection, looks = counted(SWEEP_INSTRUCTIONS), counted(LOOK_INSTRUCTIONS)
    return [
        one(
            "interpreter.interpreter_factor",
            execution_factor(),
            f"{PLAIN_INSTRUCTIONS / 1e6:.1f} million instructions at {fast:.1f} to {slow:.1f} cycles; "
            f"{plain.board_us / sum(plain.pc_us) * 2:.0f} is the published time over the PC's and the "
            "upper bound: it holds a display and a shared core; 8 is the least, 10 the low value",
        ),
        one(
            "interpreter.reference_us",
            (by_time, by_instructions),
            f"the plain decode on that PC, times what another PC's interpreter takes for the piece over what "
            f"it takes for the decode: {by_time:.2f} us by time, {by_instructions:.2f} by instructions",
        ),
        one(
            "native.element_ns",
            (ARGMAX_NS * low, ARGMAX_NS * high),
            f"argmax takes {ARGMAX_NS} ns on the PC, ulab's loops {low:.1f} to {high:.1f} times that",
        ),
        one(
            "gc.collect_ms",
            (collection[0], COLLECTION_MS[1] * high),
            f"the sweep's instructions: {collection[0]:.1f} to {collection[1]:.1f} ms; the PC's "
            f"{COLLECTION_MS[0]} to {COLLECTION_MS[1]} ms, {low:.1f} to {high:.1f} times: "
            f"{COLLECTION_MS[0] * low:.1f} to {COLLECTION_MS[1] * high:.1f} ms",
        ),
        one(
            "gc.scan_ms",
            (looks[0], LOOK_MS[1] * high),
            f"its instructions: {looks[0]:.1f} to {looks[1]:.1f} ms; the PC's {LOOK_MS[0]} to "
            f"{LOOK_MS[1]} ms, {low:.1f} to {high:.1f} times: {LOOK_MS[0] * low:.1f} to "
            f"{LOOK_MS[1] * high:.1f} ms",
        ),
        one(
            "sleep.short_ms",
            (0.0, 1.0),
            "a sleep below RT-Smart's tick of 1 ms ends with the tick under way: half of it on average",
        ),
        *(
            one(
                f"arrays.{kind}",
                (min(ns) / LOOPS_NS["argmax"][0], max(ns) / LOOPS_NS["argmax"][0]),
                f"{min(ns):g} to {max(ns):g} ns an element on a PC where argmax takes {LOOPS_NS['argmax'][0]:g}",
            )
            for kind, ns in LOOPS_NS.items()
            if kind != "argmax"
        ),
    ]


def measure_loops(ran: Interpreter) -> dict[str, list[float]]:
    """Return what an element takes here in ulab's loops, in ns, by kind; nothing without the real ulab."""
    found: dict[str, list[float]] = {}
    run = _run([ran.path, "-X", "heapsize=16M", str(SCRIPT), str(MODULES), "loops"])
    for line in run.stdout.splitlines():
        kind, ns = json.loads(line)
        found.setdefault(kind, []).extend(ns)
    if NO_HIT in found:
        least = found.pop(NO_HIT)[0]  # beside the look at each element, each place that is found
        found["nonzero"] = [round(ns - least, 2) for ns in found["nonzero"]]
    return found


def measure(ran: Interpreter) -> dict[str, list[float]]:
    """Return the best time of each round in microseconds by piece, as the interpreter at hand takes them."""
    found: dict[str, list[float]] = {}
    for part, heap in (("programs", "8M"), ("memory", "4M")):
        run = _run([ran.path, "-X", f"heapsize={heap}", str(SCRIPT), str(MODULES), part])
        for line in run.stdout.splitlines():
            name, bests = json.loads(line)
            found[name] = bests
    return found


def instructions(ran: Interpreter, piece: str) -> float | None:
    """Return the instructions of one run of a piece, None where valgrind or the piece is missing."""
    if shutil.which("valgrind") is None:
        return None
    with open(ran.path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None  # the packaged one is a script: benchmarks.instructions counts in it
    sums = []
    more = 4000 if piece == "reference" else 10
    for times in (1, 1 + more):
        run = _run(
            [
                *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", ran.path),
                *("-X", "heapsize=64M", str(SCRIPT), str(MODULES), piece, str(times)),
            ]
        )
        sums.append(int(re.findall(r"Collected : (\d+)", run.stderr)[-1]))
    return (sums[1] - sums[0]) / more


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MICROPYPATH": ".frozen"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"benchmarks.calibrate: {' '.join(command)}: {run.stdout}{run.stderr}")
    return run


def report(ran: Interpreter, count: bool) -> dict[str, object]:
    """Return everything: what ran, pieces, derivations, and the factor of this PC."""
    times = measure(ran)
    pieces = []
    for piece in PIECES:
        rounds = [us / piece.runs for us in times.get(piece.name, [])]
        here = min(rounds) if rounds else None
        pieces.append(
            {
                "piece": piece.name.partition(",")[0],
                "board_us": piece.board_us,
                "source": LOG,
                "here_us": here and round(here, 2),
                "spread": here and round(max(rounds) / here - 1, 3),
                "ratio_here": here and round(piece.board_us / here, 1),
                "ratio_pc": round(piece.board_us * 2 / sum(piece.pc_us), 1),
            }
        )
    profile = load_profile("k230").numbers
    reference = min(times["reference piece, 1000 times"]) / 1000
    factor = profile["interpreter.interpreter_factor"]
    others = {
        "argmax_ns": times.get("argmax of 614,400 values"),
        "collection_us": times["collection"],
        "look_us": times["look at the heap"],
    }
    argmax = others["argmax_ns"]
    return {
        "ran": ran.sentence(),
        "ulab": ran.ulab,
        "pieces": pieces,
        "argmax_ns": argmax and round(min(argmax) / 614.4, 2),
        "collection_us": min(times["collection"]),
        "look_us": min(times["look at the heap"]),
        "reference_us": reference,
        "factor_here": round(factor * profile["interpreter.reference_us"] / reference, 1),
        "instructions": {
            piece: instructions(ran, piece)
            for piece in ("reference", *(("plain",) if ran.real_ulab else ()))
            if count
        },
        "loops_ns": measure_loops(ran),
        "derived": [{**asdict(row), "holds": row.holds} for row in derived()],
    }


def _print(found: dict[str, object]) -> None:
    print(found["ran"])
    print(
        "\npiece                   board us      here us   spread  board/here  board/PC of the profile"
    )
    for row in found["pieces"]:  # type: ignore[attr-defined]
        if row["here_us"] is None:
            print(
                f"{row['piece']:22} {row['board_us']:>9,} {'needs the real ulab':>26} {row['ratio_pc']:>23}"
            )
            continue
        print(
            f"{row['piece']:22} {row['board_us']:>9,} {row['here_us']:>12,} {100 * row['spread']:>7.1f} %"
            f" {row['ratio_here']:>10} {row['ratio_pc']:>12}"
        )
    if found["argmax_ns"] is not None:
        print(f"argmax: {found['argmax_ns']} ns an element here, {ARGMAX_NS} on that PC")
    print(
        f"collection {found['collection_us']} us, look at the heap {found['look_us']} us (4 MiB, 337 kB live)"
    )
    print(
        f"reference piece {found['reference_us']} us: the likely factor is {found['factor_here']} of this PC"
    )
    for piece, counted in found["instructions"].items():  # type: ignore[attr-defined]
        if counted is not None:
            print(f"instructions of {piece}: {counted:,.0f}")
    for kind, ns in found["loops_ns"].items():  # type: ignore[attr-defined]
        print(f"{kind:22} {', '.join(f'{one:g}' for one in ns)} ns an element")
    print("\nconstant                         derived          low  likely  high")
    for row in found["derived"]:  # type: ignore[attr-defined]
        low, high = row["span"]
        levels = "".join(f"{value:8g}" for value in row["levels"])
        print(
            f"{row['field']:30} {low:6.2f} … {high:6.2f} {levels}{'' if row['holds'] else '  OFF'}"
        )
        print(f"    {row['how']}")


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--micropython", metavar="PATH", help="interpreter; it may have ulab")
    parser.add_argument("--instructions", action="store_true", help="count them, with valgrind")
    options = parser.parse_args()
    found = report(look(options.micropython), options.instructions)
    if options.json:
        print(json.dumps(found))
    else:
        _print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
