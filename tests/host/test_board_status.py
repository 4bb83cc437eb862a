"""`k230 status` for people: ten lines, advice for each problem, whatever the board leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_app.base import problems
from host_client.check.advice import ADVICE, advice_for
from host_client.cli.board_status import Seen, status_lines
from host_client.cli.table import width_of

CODES = {
    value
    for name, value in vars(problems).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
}
FULL: dict[str, Any] = {
    "board_name": "bench",
    "version": "0.1.0",
    "firmware": "1.7.0",
    "uptime_ms": 11_520_000,
    "task": "pets",
    "model": "yolo11n",
    "stages_us": {"wait": 3000, "ai2d": 1000, "kpu": 24100, "decode": 2000, "publish": 500},
    "network": {"interface": "station", "up": True, "address": "192.168.1.5", "signal_dbm": -58},
    "clients": [{"name": "tcp1", "client": "k230", "sent": 5, "dropped": 2}],
    "rejected": 0,
    "heap_free_bytes": 3_200_000,
    "heap_growth_bytes_per_hour": 12_000,
    "memory": {"media_free_bytes": 90_000_000},
    "card_free_bytes": 7_000_000_000,
    "data_free_bytes": 50_000_000,
    "temperature_c": 54,
    "problems": [],
}


MEASURED = Seen(29.9, 41.2)


def shown(values: dict[str, Any], seen: Seen = MEASURED, width: int = 80) -> list[str]:
    return status_lines(values, seen, width)


def test_ten_lines_at_120_columns() -> None:
    lines = shown(FULL, width=120)
    assert len(lines) == 10
    text = "\n".join(lines)
    for part in (
        "bench, service 0.1.0, firmware 1.7.0, up 3 h 12 min",
        "pets (yolo11n)",
        "29.9 results/s",
        "41 ms from capture",
        "station, 192.168.1.5, -58 dBm",
        "1: k230 over tcp1 (2 results dropped)",
        "3.2 MB of the heap free, +12 kB an hour",
        "54 °C",
    ):
        assert part in text
    assert lines[-1].split() == ["problems", "none"]


def test_every_problem_says_what_to_do() -> None:
    assert set(ADVICE) == CODES
    rows = [{"code": code, "text": f"text of {code}"} for code in sorted(CODES)]
    text = " ".join(" ".join(shown({**FULL, "problems": rows}, width=400)).split())
    for code in CODES:
        assert f"text of {code} -> {advice_for(code)}" in text
    assert advice_for("of a newer board") == ""


@pytest.mark.parametrize("width", [20, 80, 200])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"task": "a", "model": ""},
        dict.fromkeys(FULL),
        {**FULL, "network": None, "clients": [{}], "memory": {}, "stages_us": {}},
        {**FULL, "board_name": "车间的板子" * 20, "problems": [{"code": "x", "text": "y" * 200}]},
        {**FULL, "problems": [{"code": "card", "text": "\x1b[2J"}]},
    ],
)
def test_odd_boards(values: dict[str, Any], width: int) -> None:
    lines = shown(values, Seen(), width)
    assert all(width_of(line) <= max(width, 32) for line in lines)
    assert "\x1b" not in "".join(lines)
    assert lines[0].startswith("board")
