"""The profile's constants follow from what they say they follow from."""

from __future__ import annotations

import pytest

from benchmarks import calibrate
from benchmarks.interpreters import STAND_IN, look


def test_each_constant_lies_in_what_is_derived() -> None:
    for row in calibrate.derived():
        low, likely, high = row.levels
        assert row.holds, (row.field, row.span)
        assert low <= likely <= high
        assert row.how


def test_the_bounds_are_the_measured_ones() -> None:
    rows = {row.field: row for row in calibrate.derived()}
    factor = rows["interpreter.interpreter_factor"]
    assert factor.span == pytest.approx((11.27, 14.67), abs=0.01)
    # Above: the published time over the PC's, with all that was in it.
    assert factor.levels[2] == pytest.approx(117_000 * 2 / (3950 + 4100), abs=0.5)
    assert rows["native.element_ns"].levels[2] <= rows["native.element_ns"].span[1]
    for name in ("gc.collect_ms", "gc.scan_ms"):
        assert rows[name].levels[2] == pytest.approx(rows[name].span[1], rel=0.01)


@pytest.mark.slow
def test_the_pieces_run_on_the_interpreter_at_hand() -> None:
    ran = look(None)
    found = calibrate.report(ran, False)
    assert found["ulab"] == ran.ulab
    pieces = {row["piece"]: row for row in found["pieces"]}  # type: ignore[attr-defined]
    tracker = pieces["tracker and risk"]
    assert tracker["ratio_here"] == pytest.approx(100 / tracker["here_us"], rel=0.02)
    # A stand-in's times are no figures.
    assert (pieces["plain decode"]["here_us"] is None) == (ran.ulab == STAND_IN)
    assert found["factor_here"] == pytest.approx(14 * 0.51 / found["reference_us"], rel=0.01)  # type: ignore[operator]
