"""The stand-in answers as the board's ulab did: generated programs and their recorded answers.

`tests/vectors/ulab.json` was written by `python tests/silicon/test_ulab_vectors.py INTERPRETER`
with an interpreter that has the vendored ulab built in. null marks programs that corrupt memory
there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ulab_cases import PROLOGUE, agree, cases  # type: ignore[import-not-found,unused-ignore]
from ulab_runner import micropython, run_script  # type: ignore[import-not-found,unused-ignore]

COUNT, SEED = 1500, 20230810
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "ulab.json"
BATCH = 250


def script(programs: list[str], numbers: list[int]) -> str:
    """Return a board script that runs the programs of these numbers."""
    prologue: str = PROLOGUE
    return prologue + "\n".join(f"run({n},{programs[n]!r})" for n in numbers)


def answers(output: str) -> dict[int, Any]:
    """Read the answers a script printed."""
    lines = (line[2:].split(" ", 1) for line in output.splitlines() if line.startswith("@@"))
    return {int(number): json.loads(answer) for number, answer in lines}


@pytest.mark.skipif(micropython() is None, reason="no micropython command found")
def test_generated_programs_answer_as_on_the_board() -> None:
    expected = json.loads(VECTORS.read_text())
    programs = cases(COUNT, SEED)
    assert len(expected) == COUNT
    numbers = [n for n in range(COUNT) if expected[n] is not None]
    found: dict[int, Any] = {}
    for i in range(0, len(numbers), BATCH):
        outcome = run_script(script(programs, numbers[i : i + BATCH]))
        assert outcome.fault is None, outcome.fault
        found.update(answers(outcome.output))
    wrong = [n for n in numbers if n not in found or not agree(found[n], expected[n])]
    report = [f"{programs[n]}\nboard: {expected[n]}\nhere:  {found.get(n)}" for n in wrong[:5]]
    assert not wrong, f"{len(wrong)} of {len(numbers)} differ\n\n" + "\n\n".join(report)


def record(interpreter: str) -> None:
    """Write the vectors with an interpreter that has the board's ulab."""
    programs = cases(COUNT, SEED)
    recorded: list[Any] = []
    for number in range(COUNT):
        here = run_script(script(programs, [number]))
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(script(programs, [number]))
            file.flush()
            done = subprocess.run(
                [interpreter, file.name], capture_output=True, text=True, check=False
            )
        real = answers(done.stdout)
        recorded.append(None if here.fault or done.returncode else real[number])
    VECTORS.parent.mkdir(exist_ok=True)
    text = ",\n".join(json.dumps(answer, separators=(",", ":")) for answer in recorded)
    VECTORS.write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    record(sys.argv[1])
