"""Board addresses: tcp://HOST[:5230], serial:///dev/ttyUSB0?baudrate=921600, or replay:FILE.

The scheme is optional: HOST:PORT, an IP address, localhost, /dev/ttyUSB0 and COM3 also work.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from firmware_app.settings.service_fields import DEFAULT_BAUDRATE, DEFAULT_PORT
from host_client.base.exceptions import AddressError

_FORMS = "tcp://HOST[:PORT] or serial:///dev/ttyUSB0?baudrate=921600"
REPLAY = "replay:"  # how the address of a recording begins


class TcpAddress(NamedTuple):
    """A board on the network."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


class SerialAddress(NamedTuple):
    """A board on a tty. path: as the operating system names it (COM3 on Windows)."""

    path: str
    baudrate: int

    def __str__(self) -> str:
        slash = "" if self.path.startswith("/") else "/"
        return f"serial://{slash}{self.path}?baudrate={self.baudrate}"


class ReplayAddress(NamedTuple):
    """A recording in place of a board (docs/events.md)."""

    path: str

    def __str__(self) -> str:
        return f"replay:{self.path}"


Address = TcpAddress | SerialAddress | ReplayAddress


def looks_like_address(text: str) -> bool:
    """Return whether a text is meant as an address, valid or not, rather than a name."""
    return "://" in text or text.startswith(REPLAY) or _completed(text) != text


def _completed(text: str) -> str:
    """Return an address without a scheme as a URL, any other text unchanged."""
    if text.startswith("/dev/") or re.fullmatch(r"COM\d+(\?.*)?", text, re.IGNORECASE):
        return f"serial://{'' if text.startswith('/') else '/'}{text}"
    if text == "localhost" or re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):\d+", text):
        return f"tcp://{text}"
    try:
        version = ipaddress.ip_address(text).version
    except ValueError:
        return text
    return f"tcp://[{text}]" if version == 6 else f"tcp://{text}"


def parse_address(url: str) -> Address:
    """Return the address in a URL; raises AddressError."""
    if url.startswith(REPLAY):
        if url == REPLAY:
            raise AddressError(f"{url!r}: expected replay:FILE, found no file name")
        return ReplayAddress(url[len(REPLAY) :])
    url = _completed(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise AddressError(f"{url!r} is not an address: {error}; expected {_FORMS}") from error
    if parts.scheme == "tcp":
        return _tcp(url)
    if parts.scheme == "serial":
        return _serial(url)
    raise AddressError(f"{url!r} is not the address of a board; expected {_FORMS}")


def _tcp(url: str) -> TcpAddress:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise AddressError(f"{url!r}: the port must be a number from 1 to 65535")
    if not parts.hostname:
        raise AddressError(f"{url!r}: expected tcp://HOST[:PORT], found no host")
    if parts.username or parts.password or parts.path not in ("", "/") or parts.query:
        raise AddressError(
            f"{url!r}: expected tcp://HOST[:PORT], found more before the host or after the port"
        )
    return TcpAddress(parts.hostname, port or DEFAULT_PORT)


def _serial(url: str) -> SerialAddress:
    parts = urlsplit(url)
    if parts.netloc:
        raise AddressError(f"{url!r}: a tty needs three slashes, as in serial:///dev/ttyUSB0")
    path = unquote(parts.path)
    if path[1:4].upper() == "COM":
        path = path[1:]
    if path in ("", "/"):
        raise AddressError(f"{url!r}: expected serial:///dev/ttyUSB0, found no tty")
    baudrate = DEFAULT_BAUDRATE
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "baudrate":
            raise AddressError(f"{url!r}: expected the setting baudrate, found {name!r}")
        if not (value.isascii() and value.isdigit() and 300 <= int(value) <= 12_000_000):
            raise AddressError(f"{url!r}: baudrate must be a number from 300 to 12000000")
        baudrate = int(value)
    return SerialAddress(path, baudrate)
