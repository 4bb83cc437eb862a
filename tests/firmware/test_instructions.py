"""What a frame takes of the interpreter, held to its budget: benchmarks/instructions.json."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import instructions, instructions_scenes


def test_another_interpreter_needs_a_new_budget() -> None:
    assert instructions.budget()["wheel"] == instructions.wheel()


def test_each_case_has_a_budget_and_each_budget_a_case() -> None:
    names = [case.name for case in instructions_scenes.cases()]
    assert sorted(names) == sorted(instructions.budget()["instructions"])


def test_what_is_off_its_budget_is_said() -> None:
    allowed = instructions.of_frame("classification")
    for off, told in ((1.0, 0), (1.015, 0), (0.985, 0), (1.025, 1), (0.975, 1)):
        found = instructions.Count(int(allowed * off), 0.0, 30, 5)
        assert len(instructions.deviations({"classification": found})) == 2 * told
    assert "no budget" in instructions.deviations({"new": found})[0]


def test_a_fault_of_the_script_is_named_before_the_slow_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import gc\ngc.no_such_name\n", encoding="utf-8")
    monkeypatch.setattr(instructions, "SCRIPT", script)
    monkeypatch.setattr(instructions, "_wrapper", lambda folder: folder / "is not run")
    with pytest.raises(instructions.CountError, match="no_such_name"):
        instructions.count(instructions_scenes.cases()[:1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_frame_is_off_its_budget() -> None:
    try:
        counts = instructions.count(instructions_scenes.cases())
    except instructions.CountError as error:
        if os.environ.get("CI") or "missing" not in str(error):
            raise
        pytest.skip(str(error))
    for name, one in counts.items():
        assert one.spread < 0.02, name  # two frames agree: the median says something
    assert not instructions.deviations(counts)
