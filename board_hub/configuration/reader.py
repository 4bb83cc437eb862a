"""hub.yaml: text in, a checked Configuration out, or one sentence for each fault."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from board_hub.configuration import document
from board_hub.configuration.fields import BOARD_FIELDS, FIELDS
from firmware_app.settings import schema
from firmware_app.settings.schema import Field, FieldError, show, suggestion
from host_client.base.exceptions import AddressError, ConfigurationError, KeyFormatError
from host_client.base.wording import reason
from host_client.link.address import parse_address
from host_client.link.keys import parse_key

MOST_BOARDS = 10_000
PASSWORD_VARIABLE = "K230_MQTT_PASSWORD"
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BoardEntry(NamedTuple):
    """A board that is listed, or was found."""

    url: str
    key_file: Path | None = None
    name: str | None = None
    group: str | None = None
    unencrypted: bool = False
    key: str | None = None  # of a virtual board that the hub itself has started


class Broker(NamedTuple):
    """Where the broker is."""

    host: str
    port: int
    tls: bool


@dataclass
class Configuration:
    """A checked hub.yaml. `values` holds the settings by dotted name, defaults filled in."""

    boards: list[BoardEntry] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=lambda: {f.path: f.default for f in FIELDS})
    folder: Path = field(default_factory=Path)

    def __getitem__(self, path: str) -> Any:
        return self.values[path]

    def path(self, name: str) -> Path | None:
        """Return a setting that names a file, relative to the folder of hub.yaml."""
        value = self.values[name]
        return None if value is None else _file(self.folder, value)

    @property
    def broker(self) -> Broker | None:
        """The broker of mqtt.url."""
        url = self.values["mqtt.url"]
        return None if url is None else parse_broker(url)

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port of web.listen."""
        return parse_listen(self.values["web.listen"])

    @property
    def shard(self) -> tuple[int, int]:
        """(i, n), i from 1."""
        return parse_shard(self.values["shard"])


def load(path: Path) -> Configuration:
    """Return the configuration in a file; raises ConfigurationError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: {reason(error)}"]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            [f"{path} line {line}: text that is not UTF-8: save the file as UTF-8"]
        ) from None
    return read(text, str(path), path.parent)


def read(text: str, name: str, folder: Path) -> Configuration:
    """Return the configuration that a text says; raises ConfigurationError."""
    return _Reading(name, document.read(text, name), folder).done()


class _Reading:
    def __init__(self, name: str, found: document.Document, folder: Path) -> None:
        self._name = name
        self._lines = found.lines
        self._data = found.value
        self._folder = folder
        self._faults: list[str] = []

    def _fault(self, key: document.Path, path: str, problem: str) -> None:
        line = self._lines.get(key) or self._lines.get(key[:-1])  # - tcp://HOST has no keys
        where = f"{self._name} line {line}" if line else self._name
        self._faults.append(f"{where}: {path}: {problem}")

    def done(self) -> Configuration:
        if not isinstance(self._data, dict):
            found = show(self._data)
            raise ConfigurationError(
                [f"{self._name} line 1: expected settings ('key: value'), found {found}"]
            )
        configuration = Configuration(folder=self._folder)
        boards = self._data.pop("boards", None)
        self._group(FIELDS, self._data, (), configuration.values)
        configuration.boards = self._boards(boards)
        if not self._faults:
            self._together(configuration)
        if self._faults:
            raise ConfigurationError(self._faults)
        return configuration

    def _group(
        self, fields: tuple[Field, ...], data: dict[str, Any], key: document.Path, values: Any
    ) -> None:
        prefix = "".join(f"{part}." for part in key)
        known = {f.path: f for f in fields}
        names = list(
            dict.fromkeys(
                f.path[len(prefix) :].split(".")[0] for f in fields if f.path.startswith(prefix)
            )
        )
        if not key:
            names.insert(0, "boards")
        for name, value in data.items():
            here, path = (*key, name), prefix + name
            if path in known:
                self._check(known[path], value, here, path, values)
            elif name not in names:
                hint = suggestion(name, names, prefix) or "; known here: " + ", ".join(names)
                self._fault(here, path, "unknown setting" + hint)
            elif isinstance(value, dict):
                self._group(fields, value, here, values)
            elif value is not None:
                self._fault(here, path, "expected a group of settings, found " + show(value))

    def _check(
        self, known: Field, value: Any, here: document.Path, path: str, values: dict[str, Any]
    ) -> None:
        form = _FORMS.get(known.path)
        try:
            values[known.path] = schema.check(known, value)
            if form is not None and value is not None:
                form(value)
        except FieldError as error:
            problem = str(error)
            if form is not None and isinstance(value, int):  # quotes alone would not mend it
                with contextlib.suppress(LookupError):
                    problem = _problem(form, str(value))
            self._fault(here, path, problem)
        except ValueError as error:  # AddressError too
            self._fault(here, path, str(error))

    def _boards(self, rows: Any) -> list[BoardEntry]:
        if rows is None:
            return []
        if not isinstance(rows, list):
            self._fault(("boards",), "boards", f"expected a list of boards, found {show(rows)}")
            return []
        if len(rows) > MOST_BOARDS:
            self._fault(("boards",), "boards", f"expected at most {MOST_BOARDS}, found {len(rows)}")
            return []
        entries: list[BoardEntry] = []
        urls: dict[str, int] = {}
        for index, row in enumerate(rows):
            here: document.Path = ("boards", index)
            place = f"boards[{index}]"
            if isinstance(row, str):
                row = {"url": row}  # noqa: PLW2901
            if not isinstance(row, dict):
                self._fault(here, place, f"expected url and more, found {show(row)}")
                continue
            entry = self._board(row, here, place)
            if entry is None:
                continue
            if entry.url in urls:
                self._fault(here, f"{place}.url", f"the same board as boards[{urls[entry.url]}]")
            urls[entry.url] = index
            entries.append(entry)
        return entries

    def _board(self, row: dict[str, Any], here: document.Path, place: str) -> BoardEntry | None:
        values: dict[str, Any] = {f.path: f.default for f in BOARD_FIELDS}
        before = len(self._faults)
        names = [f.path for f in BOARD_FIELDS]
        for name, value in row.items():
            known = next((f for f in BOARD_FIELDS if f.path == name), None)
            if known is None:
                hint = suggestion(name, names, "") or "; known here: " + ", ".join(names)
                self._fault((*here, name), f"{place}.{name}", "unknown setting" + hint)
                continue
            self._check(known, value, (*here, name), f"{place}.{name}", values)
        if "url" not in row:
            self._fault(here, f"{place}.url", "missing; expected tcp://HOST[:PORT]")
        if len(self._faults) > before:
            return None
        key_file = None
        if values["key_file"] is not None:
            key_file = _file(self._folder, values["key_file"])
            try:
                parse_key(f"@{key_file}")
            except KeyFormatError as error:
                self._fault((*here, "key_file"), f"{place}.key_file", str(error))
                return None
        values["key_file"] = key_file
        values["url"] = str(parse_address(values["url"]))
        return BoardEntry(**values)

    def _together(self, configuration: Configuration) -> None:
        """Settings that are right alone and wrong together."""
        values = configuration.values
        broker = configuration.broker
        if broker is None:
            for path in ("homeassistant.enabled", "mqtt.commands", "mqtt.results"):
                if values[path]:
                    self._fault(tuple(path.split(".")), path, "needs mqtt.url, which is not set")
        elif not broker.tls:
            for path in ("mqtt.ca_file", "mqtt.cert_file", "mqtt.key_file"):
                if values[path] is not None:
                    self._fault(
                        tuple(path.split(".")), path, "needs mqtt.url to begin with mqtts://"
                    )
        host, _ = configuration.listen
        if values["web.enabled"] and not values["web.login"] and not is_loopback(host):
            self._fault(("web", "login"), "web.login", needs_login(host))
        if (values["mqtt.cert_file"] is None) != (values["mqtt.key_file"] is None):
            self._fault(("mqtt",), "mqtt.cert_file", "cert_file and key_file go together")
        if values["mqtt.risky_commands"] and not values["mqtt.commands"]:
            self._fault(
                ("mqtt", "risky_commands"), "mqtt.risky_commands", "needs mqtt.commands: true"
            )
        if values["mqtt.password"] is not None and values["mqtt.password_file"] is not None:
            self._fault(
                ("mqtt", "password_file"),
                "mqtt.password_file",
                "expected password or password_file, found both",
            )
        for name in ("ca_file", "cert_file", "key_file", "password_file"):
            path = f"mqtt.{name}"
            given = configuration.path(path)
            if given is not None and not os.access(given, os.R_OK):
                problem = "no such file or directory" if not given.exists() else "permission denied"
                self._fault(("mqtt", name), path, f"{given}: can't be read: {problem}")


def parse_broker(url: str) -> Broker:
    """Return the broker of mqtt://HOST[:PORT]; raises ValueError."""
    expected = "expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
    parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{expected}, found {show(url)}") from None
    if parts.username or parts.password:
        raise ValueError("user and password are settings of their own: username, password_file")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or port == 0:
        raise ValueError(f"{expected}, found {show(url)}")
    return Broker(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts")


def parse_listen(text: str) -> tuple[str, int]:
    """Return (host, port) of HOST:PORT; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"expected HOST:PORT, found {show(text)}")
    return host.strip("[]") or "0.0.0.0", int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this computer reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def needs_login(host: str) -> str:
    """Return what is wrong with pages without login at an address that others reach."""
    return (
        f"expected true where web.listen is {host}, which other computers reach: "
        "found false; remove it or listen on 127.0.0.1"
    )


def parse_shard(text: str) -> tuple[int, int]:
    """Return (i, n) of i/n with 1 <= i <= n; raises ValueError."""
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"expected i/n with i from 1 to n, found {show(text)}")
    return int(match[1]), int(match[2])


def _parse_prefix(text: str) -> None:
    parts = text.split("/")
    if any(not part or not part.isprintable() or set(part) & set("#+$ ") for part in parts):
        raise ValueError(
            f"expected names with / between them, without # + $ and spaces, found {show(text)}"
        )


def _parse_client_id(text: str) -> None:
    if not text.isprintable() or set(text) & set("#+/ "):
        raise ValueError(f"expected printable text without # + / and spaces, found {show(text)}")


def _problem(form: Callable[[str], object], text: str) -> str:
    try:
        form(text)
    except ValueError as error:
        return str(error)
    raise LookupError(text)


def _file(folder: Path, text: str) -> Path:
    return folder / Path(text).expanduser()


_FORMS: dict[str, Any] = {
    "url": parse_address,
    "shard": parse_shard,
    "mqtt.url": parse_broker,
    "mqtt.prefix": _parse_prefix,
    "mqtt.client_id": _parse_client_id,
    "homeassistant.prefix": _parse_prefix,
    "web.listen": parse_listen,
}

__all__ = [
    "AddressError",
    "BoardEntry",
    "Broker",
    "Configuration",
    "load",
    "parse_listen",
    "parse_shard",
    "read",
]
