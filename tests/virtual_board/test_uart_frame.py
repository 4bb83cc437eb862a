"""A byte takes the bits that the firmware's driver gives it; modules/_k230/uart.py names the sources."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from virtual_board.silicon.clock.timing import Clock
from virtual_board.silicon.wires.uart import Uarts

from .scripts import run_script

FRAMES = """
from _k230 import silicon
call = silicon.call
def seen(op, args=(), *rest):
    if op == "uart.open":
        print(args[1:])
    return call(op, args, *rest)
silicon.call = seen
from machine import UART
UART(1, 115200, tx=3, rx=4)
UART(1, 115200, 8, UART.PARITY_NONE, 1, tx=3, rx=4)
UART(1, 115200, 8, UART.PARITY_NONE, UART.STOPBITS_TWO, tx=3, rx=4)
UART(1, 115200, 8, UART.PARITY_EVEN, UART.STOPBITS_ONE, tx=3, rx=4)
from firmware_app.board import hardware
hardware.open_uart(1, 115200, 3, 4)
"""


def test_stop_one_is_two_stop_bits_and_the_service_has_one(tmp_path: Path) -> None:
    run = run_script(tmp_path, FRAMES)
    assert run.lines == [
        "[115200, 10]",
        "[115200, 11]",
        "[115200, 11]",
        "[115200, 11]",
        "[115200, 10]",
    ], run.events


class _Clock(Clock):
    """Notes what a wire is asked to carry."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def uart(self, bits: int, baudrate: int) -> contextlib.AbstractContextManager[None]:
        self.bits.append(bits)
        return contextlib.nullcontext()


@pytest.mark.parametrize("frame", [10, 11])
def test_the_line_time_counts_the_stop_bits(frame: int) -> None:
    clock = _Clock()
    operations = Uarts(None, clock).operations()
    operations["uart.open"]([2, 921600, frame], [])
    operations["uart.write"]([2], [memoryview(bytes(100))])
    assert clock.bits == [100 * frame]
