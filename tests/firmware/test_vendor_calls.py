"""The whole service on a board whose vendor calls fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.virtual_board.scripts import PACKAGES, run_script
from virtual_board.card import make_card

SCRIPT = """
import machine, sys, time
def fail(*_, **__):
    raise RuntimeError("read chip id failed.")
machine.chipid = machine.temperature = fail
class UART:
    PARITY_NONE = 0
    STOPBITS_ONE = 0
    def __init__(self, *_, **__):
        raise RuntimeError("set Pin(3) to fpioa func 1 failed")
machine.UART = UART
class WDT:
    def __init__(self, *_):
        raise OSError("no watchdog")
machine.WDT = WDT
from firmware_app import service
service.main()
"""


@pytest.mark.slow
def test_chip_uart_and_watchdog_fail(tmp_path: Path) -> None:
    card = tmp_path / "card"
    make_card(
        PACKAGES / "shapes_cls",
        card,
        camera_enabled=False,
        uart=True,
        settings={"watchdog.enabled": True, "uart.key_required": False, "uart.id": 1},
    )
    run = run_script(tmp_path, SCRIPT, seconds=4)
    said = [line for line in run.lines if line.startswith("k230-ready ")]
    assert said, run.events
    ready = json.loads(said[-1].split(" ", 1)[1])
    assert {"chip", "uart", "watchdog"} <= set(ready["problems"]), ready
    assert ready["board_id"] == ""
    assert ready["task"]
