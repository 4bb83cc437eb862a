"""UART, watchdog, reset, serial number, temperature."""

import os

import machine

from firmware_app.wire import messages


def board_name() -> str:
    """Return the board's name as its firmware gives it."""
    try:
        return os.uname()[-1]
    except (AttributeError, IndexError):
        return "k230"


def firmware_version() -> str:
    """Return the version of the CanMV firmware, or an empty text."""
    try:
        return os.uname()[2]
    except (AttributeError, IndexError):
        return ""


def board_id() -> str:
    """Return the chip's serial number, 16 hexadecimal digits of it."""
    try:
        return bytes(machine.chipid()[:8]).hex()
    except (AttributeError, OSError):
        return ""


def temperature():
    """Return the chip's temperature in degrees Celsius, rounded, or None where it can't be read."""
    try:
        return int(machine.temperature())
    except (AttributeError, OSError, ValueError, TypeError):
        return None


def random_id() -> int:
    """Return 31 random bits."""
    return int.from_bytes(os.urandom(4), "little") & 0x7FFFFFFF


def nonce() -> bytes:
    """Return the random bytes that a session's greeting needs."""
    return os.urandom(messages.NONCE_SIZE)


def open_uart(number: int, baudrate: int, tx, rx):
    """Return UART number, set up so that reads never wait (timeout 0).

    tx and rx are pin numbers, or None where the board has them wired already.
    """
    settings = {"timeout": 0}
    if tx is not None:
        settings["tx"] = tx
    if rx is not None:
        settings["rx"] = rx
    return machine.UART(number, baudrate, 8, machine.UART.PARITY_NONE, 1, **settings)


def watchdog(timeout_s: int):
    """Start the watchdog; keep what is returned, or its finaliser stops it. feed() it."""
    return machine.WDT(1, timeout_s)


def reset() -> None:
    """Restart the board."""
    machine.reset()
