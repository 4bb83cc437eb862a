"""UART, watchdog, reset, serial number, temperature.

The vendor's calls fail as board/vendor.py says: with VendorError, or with the value that stands for it.
"""

import os
import time

import machine

from firmware_app.base.errors import VendorError
from firmware_app.board import vendor
from firmware_app.wire import messages

_STOP_ONE = 0  # the driver's number of one stop bit; its 1 is two of them


def board_name() -> str:
    """Return the board's name as its firmware gives it."""
    try:
        return os.uname()[-1]
    except Exception as error:
        vendor.passed_on(error)
        return "k230"


def firmware_version() -> str:
    """Return the version of the CanMV firmware, or an empty text."""
    try:
        return os.uname()[2]
    except Exception as error:
        vendor.passed_on(error)
        return ""


def board_id() -> str:
    """Return the chip's serial number, 16 hexadecimal digits of it, "" where it can't be read."""
    try:
        return bytes(machine.chipid()[:8]).hex()
    except Exception as error:  # RuntimeError, as a rule
        vendor.passed_on(error)
        return ""


def temperature():
    """Return the chip's temperature in degrees Celsius, rounded, or None where it can't be read."""
    try:
        return int(machine.temperature())
    except Exception as error:
        vendor.passed_on(error)
        return None


def random_id() -> int:
    """Return 31 random bits; of the clock where there is no chance."""
    try:
        return int.from_bytes(os.urandom(4), "little") & 0x7FFFFFFF
    except Exception as error:
        vendor.passed_on(error)
        return time.ticks_us() & 0x7FFFFFFF


def nonce() -> bytes:
    """Return the random bytes that a session's greeting needs; VendorError."""
    try:
        return os.urandom(messages.NONCE_SIZE)
    except Exception as error:
        raise vendor.failed(VendorError, "random numbers", error)


def open_uart(number: int, baudrate: int, tx, rx):
    """Return UART number, 8N1, set up so that reads never wait (timeout 0); VendorError.

    tx and rx are pin numbers, or None where the board has them wired already.
    """
    settings = {"timeout": 0}
    if tx is not None:
        settings["tx"] = tx
    if rx is not None:
        settings["rx"] = rx
    try:
        uart = machine.UART
        one = getattr(uart, "STOPBITS_ONE", _STOP_ONE)
        return Uart(uart(number, baudrate, 8, uart.PARITY_NONE, one, **settings))
    except Exception as error:  # AssertionError and RuntimeError for pins, OSError for the device
        raise vendor.failed(VendorError, "UART %d" % number, error)


class Uart:
    """A UART that is open."""

    def __init__(self, uart) -> None:
        self._uart = uart

    def read(self) -> "bytes | None":
        """Return what has arrived, None where nothing has; VendorError."""
        try:
            return self._uart.read()
        except Exception as error:
            raise vendor.failed(VendorError, "reading the UART", error)

    def write(self, data) -> int:
        """Send data, the interpreter held for all of it; return how many bytes went; VendorError."""
        try:
            return self._uart.write(data) or 0
        except Exception as error:
            raise vendor.failed(VendorError, "writing to the UART", error)


class Watchdog:
    """The watchdog, running; keep it, or the driver's finaliser stops it."""

    def __init__(self, timeout_s: int, running=None) -> None:
        """running: one that main.py has started, of a new version."""
        try:
            self._dog = running if running is not None else machine.WDT(1, timeout_s)
        except Exception as error:
            raise vendor.failed(VendorError, "the watchdog", error)

    def feed(self) -> None:
        """Let the time begin anew; VendorError."""
        try:
            self._dog.feed()
        except Exception as error:
            raise vendor.failed(VendorError, "feeding the watchdog", error)

    def stop(self) -> None:
        """Stop it; one that can't be stopped resets the board."""
        try:
            self._dog.stop()
        except Exception as error:
            vendor.passed_on(error)


def reset() -> None:
    """Restart the board; VendorError where it does not."""
    try:
        machine.reset()
    except Exception as error:
        raise vendor.failed(VendorError, "restarting the board", error)
