"""Identify what is connected when no board greets, from the bytes that arrived."""

from __future__ import annotations

from typing import NamedTuple

KEPT = 1024  # first bytes that are examined
_SHOWN = 40  # characters of a text
_SHORTEST = 8  # of our own bytes that must return to count as an echo
_TEXTUAL = 0.9  # share of printable bytes in a text

# First bytes of other services.
_BANNERS = (
    (b"SSH-", "an SSH server"),
    (b"HTTP/", "a web server (HTTP)"),
    (b"<!DOCTYPE", "a web server (HTTP)"),
    (b"<html", "a web server (HTTP)"),
    (b"RTSP/", "a video server (RTSP)"),
    (b"RFB ", "a VNC server"),
    (b"220 ", "a mail or FTP server"),
    (b"220-", "a mail or FTP server"),
    (b"* OK", "a mail server (IMAP)"),
    (b"+OK", "a mail server (POP3) or Redis"),
    (b"-ERR", "a mail server (POP3) or Redis"),
    (b"AMQP", "a message broker (AMQP)"),
    (b"\xff\xfb", "a Telnet server"),
    (b"\xff\xfd", "a Telnet server"),
    (b"\x15\x03", "a TLS server"),
    (b"\x16\x03", "a TLS server"),
    (b"\x20\x02", "an MQTT broker"),
)
_REPL = (b">>> ", b"MicroPython", b"raw REPL", b"Traceback (most recent", b"CanMV")
_LOGIN = (b"login:", b"Password:", b"U-Boot", b"msh />", b"msh >", b"[    0.")


class Cause(NamedTuple):
    """Why no greeting arrived: a code and a sentence.

    code: silence, echo, repl, protocol (another one), text, packets (of a board, without an
    answer), noise.
    """

    code: str
    text: str


def cause(arrived: bytes, count: int, packets: int, hello: bytes, baudrate: int | None) -> Cause:
    """Return the likely cause.

    Args:
        arrived: the first KEPT bytes that arrived.
        count: number of bytes that arrived.
        packets: number of a board's packets among them.
        hello: the bytes that were sent.
        baudrate: of the tty; None on TCP.
    """
    lossy = baudrate is not None
    if not count:
        return Cause("silence", _SILENCE_TTY if lossy else _SILENCE_TCP)
    core = hello.strip(b"\0")
    if len(core) >= _SHORTEST and core in arrived:
        return Cause("echo", _ECHO if lossy else "every byte is returned: this is an echo server")
    if packets:
        return Cause("packets", _PACKETS_TTY if lossy else _PACKETS_TCP)
    start = arrived.lstrip(b"\0\r\n\t ")
    for banner, name in _BANNERS:
        # On a wire, two bytes of noise may look like TLS.
        if start.startswith(banner) and (not lossy or min(banner) >= 32):
            return Cause("protocol", f"{name} answered, not a K230 service")
    if any(mark in arrived for mark in _REPL):
        return Cause("repl", _CONSOLE)
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t\x1b" for byte in arrived)
    if printable >= _TEXTUAL * len(arrived):
        shown = " ".join(arrived.decode("ascii", "replace").split())[:_SHOWN]
        if any(mark in arrived for mark in _LOGIN):
            return Cause("text", f"a computer's console answered ({shown!r}), not a K230 service")
        if _echoed(core, arrived):
            return Cause("repl", _CONSOLE)
        return Cause(
            "text", f"text arrived ({shown!r}) from another program, not from a K230 service"
        )
    if lossy:
        return Cause("noise", f"{count} bytes arrive, {_NOISE.format(baudrate)}")
    return Cause("protocol", f"bytes of another protocol arrive ({arrived[:8].hex(' ')} ...)")


_SILENCE_TCP = (
    "the port is open, but nothing arrives: the service is busy or hangs, or another program has "
    "the port"
)
_SILENCE_TTY = (
    "nothing arrives: no board is on this line, TX and RX are swapped, or uart.enabled is false"
)
_ECHO = "every byte is returned: TX and RX are connected to each other"
_PACKETS_TCP = "packets of a board arrive, but no greeting: the board may have a different version"
_PACKETS_TTY = (
    "results arrive, but the board does not answer: the wire from this computer's TX to the board's "
    "RX is missing, or on another pin"
)
_CONSOLE = (
    "a MicroPython REPL answers: this is the board's USB console, or the service does not run there"
)
_NOISE = "but no complete packet: the board's baud rate is not {}, or there is no common ground"


def _echoed(sent: bytes, arrived: bytes) -> bool:
    """Return whether a console echoes the printable part of what was sent."""
    typed = bytes(byte for byte in sent if 32 <= byte < 127)
    return len(typed) >= _SHORTEST and typed[:_SHORTEST] in arrived
