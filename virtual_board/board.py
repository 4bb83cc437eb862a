"""The virtual board as seen from Python: start it, read its events, switch it off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict

from board_types import VIRTUAL, BoardTypeError, find
from firmware_app.settings import reader as firmware_settings
from firmware_app.settings.service_fields import DEFAULT_BAUDRATE, DEFAULT_PORT
from firmware_app.wire import messages
from virtual_board.interpreter import InterpreterError, find_interpreter
from virtual_board.silicon.base.options import BoardOptions
from virtual_board.silicon.camera.sources import SourceError, open_source
from virtual_board.silicon.clock.levels import ProfileError
from virtual_board.silicon.clock.profile import load_profile
from virtual_board.silicon.wires import links

KEY_DIGITS = 64
MAX_EVENTS = 1000
CONSOLE_LINES = 500
STOP_S = 5.0

_ENDPOINT = re.compile(r"(?P<host>[^:]+|\[[^\]]+\]):(?P<port>\d{1,5})")
_ROOT = Path(__file__).resolve().parent.parent


class BoardError(Exception):
    """The virtual board cannot start or did not come up; the text is for the user."""


class Event(TypedDict):
    """One event: console, listening, uart, reset, fault, dead, repl, bug, error or off."""

    event: str
    detail: str


class VirtualBoard:
    """A virtual board running as a child process.

    Use it as `async with VirtualBoard(sdcard=…) as board:`. The child ends with the block, and with
    this process however that ends.

    Attributes:
        url: `tcp://HOST:PORT` of the service, None without tcp.
        uart_url: `serial://PATH?baudrate=N`, None without uart.
        key: the board's key, 64 hexadecimal digits.
        console: the last lines that the firmware printed.
        taken: about how many pictures the camera has given since it started, a little late.
        said: what the service's last ready line holds (docs/protocol.md, section 9); empty before.
    """

    def __init__(self, options: BoardOptions | None = None, **fields: Any) -> None:
        """Prepare the board; nothing runs yet.

        Args:
            options: how the board is made.
            fields: fields of BoardOptions, which replace those of `options`.

        Raises:
            BoardError: for options that cannot work.
        """
        options = replace(options, **fields) if options is not None else BoardOptions(**fields)
        _check(options)
        port, baudrate = _card_settings(options.sdcard)
        try:
            options.data_folder.mkdir(parents=True, exist_ok=True)
            prepared = None if options.key else _prepared_key(options.sdcard)
            self.key = _keep_key(options.data_folder / "key", options.key, prepared)
        except OSError as error:
            raise BoardError(f"data folder {options.data_folder}: {error.strerror}") from None
        self.url: str | None = None
        if options.tcp is not None:
            host, free = _endpoint(options.tcp)
            options = replace(options, ports={port: (host, free)})
            self.url = f"tcp://{host}:{free}"
        self.uart_url: str | None = None
        if options.uart is not None:
            self.uart_url = f"serial://{options.uart.absolute()}?baudrate={baudrate}"
        self._options = options
        self.console: deque[str] = deque(maxlen=CONSOLE_LINES)
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._changed = asyncio.Condition()
        self.said: dict[str, Any] = {}
        self.taken = 0
        self._trouble = ""
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._code: int | None = None

    async def __aenter__(self) -> VirtualBoard:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Power on; ready() tells when the service can be reached."""
        self._folder = tempfile.TemporaryDirectory(prefix="k230-")
        path = Path(self._folder.name) / "options.json"
        path.write_text(self._options.to_json())
        paths = [str(_ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "virtual_board.supervisor",
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in paths if p)},
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens, until the board is off; the oldest are lost when they are not read."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._events or self._code is not None)
                if not self._events:
                    return
                event = self._events.popleft()
            yield event

    async def ready(self, timeout: float = 20.0) -> None:
        """Return when the service is ready: its links are open, its first task runs or can't.

        Raises:
            BoardError: it did not within `timeout` seconds, or the board went off before.
        """
        async with self._changed:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self.said or self._code is not None), timeout
                )
            if self.said:
                return
            reason = (
                "switched off" if self._code is not None else f"was not ready after {timeout:g} s"
            )
        why = self._trouble or "; ".join(list(self.console)[-3:]) or "it printed nothing"
        raise BoardError(f"the virtual board {reason}: {why}")

    async def wait(self) -> int:
        """Return the exit code when the board is off (0: switched off as asked)."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._code is not None)
        assert self._code is not None
        return self._code

    async def cut_power(self) -> None:
        """Let power go off now, in the middle of anything, and come back."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(b"\n")
            await self._process.stdin.drain()

    async def stop(self) -> None:
        """Switch the board off."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader
        self._process = None
        if self._folder is not None:
            self._folder.cleanup()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a longer line than the stream keeps
                continue
            if not line:
                break
            await self._take(_event(line))
        code = await process.wait()
        async with self._changed:
            self._code = code
            self._changed.notify_all()

    async def _take(self, event: Event) -> None:
        kind, detail = event["event"], event["detail"]
        if kind == "taken":
            self.taken = int(detail)
            return  # not an event: it comes all the time
        if kind == "console":
            self._hear(detail)
        elif kind == "reset":
            self.said = {}
        elif kind in ("fault", "dead", "bug", "error"):
            self.said = {} if kind == "fault" else self.said
            self._trouble = detail
        elif kind == "repl" and detail != "finished":
            self._trouble = f"the script {detail}"
        async with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _hear(self, line: str) -> None:
        self.console.append(line)
        if line.startswith(messages.CONSOLE_READY):
            with contextlib.suppress(ValueError):  # cut off by a reset
                self.said = json.loads(line[len(messages.CONSOLE_READY) :])
        elif line.startswith(messages.CONSOLE_KEY):
            self.key = line[len(messages.CONSOLE_KEY) :]


def _check(options: BoardOptions) -> None:
    """Raise BoardError for a card, camera, script, profile or interpreter that is not there."""
    sdcard = options.sdcard
    if not sdcard.is_dir():
        found = "a file" if sdcard.exists() else "nothing"
        raise BoardError(f"--sdcard {sdcard}: expected a folder, found {found}")
    try:
        find(options.board or VIRTUAL)
        find_interpreter(options.micropython)
        open_source(options.camera).close()
        if options.timing is not None:
            load_profile(options.timing)
    except (BoardTypeError, InterpreterError, SourceError, ProfileError) as error:
        raise BoardError(str(error)) from None
    if options.air is not None and not options.air.is_file():
        raise BoardError(f"--air {options.air}: expected a JSON file, found nothing")
    for option, link in (("--uart", options.uart), ("--console", options.console)):
        if link is not None:
            try:
                links.check(link)
            except links.LinkError as error:
                raise BoardError(f"{option} {error}") from None
    if options.uart is not None and options.uart == options.console:
        raise BoardError(f"--uart and --console: expected two paths, found {options.uart} twice")
    for path in options.scripts:
        on_card = sdcard / path.removeprefix("/sdcard/")
        if path.startswith("/sdcard/") and not on_card.is_file():
            raise BoardError(f"script {path}: expected a file at {on_card}, found none")


def _event(line: bytes) -> Event:
    text = line.decode("utf-8", "replace").rstrip()
    try:
        values: Any = json.loads(text)
        return Event(event=str(values["event"]), detail=str(values.get("detail", "")))
    except (ValueError, KeyError, TypeError):
        return Event(event="bug", detail=text)  # not from the supervisor: its own failure


def _endpoint(text: str) -> tuple[str, int]:
    """Return (host, port) of HOST:PORT, port 0 replaced by a free one."""
    endpoint = _ENDPOINT.fullmatch(text)
    if endpoint is None or int(endpoint["port"]) > 65535:
        raise BoardError(f"--tcp: expected HOST:PORT (port 0: a free one), found {text!r}")
    host, port = endpoint["host"], int(endpoint["port"])
    if host.startswith("["):
        raise BoardError(f"--tcp {text}: expected an IPv4 address or a name: a K230 has no IPv6")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BoardError(f"--tcp {text}: can't listen there: {error.strerror}") from None
        address = probe.getsockname()
        return str(address[0]), int(address[1])


def _prepared_key(card: Path) -> str | None:
    """Return the key that a new card has for the first board that starts from it."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        record = json.loads((card / ".k230" / "key.json").read_text("utf-8"))
        if record["board_id"] == messages.ANY_CHIP:
            return str(record["key"])
    return None


def _keep_key(path: Path, wanted: str | None, prepared: str | None) -> str:
    """Return the key in the file, written there first when it is given or there is none.

    prepared: the card's; the service itself takes it at its first start.
    """
    if wanted is not None and re.fullmatch(r"[0-9a-fA-F]{64}", wanted) is None:
        raise BoardError(
            f"key: expected {KEY_DIGITS} hexadecimal digits, found {len(wanted)} characters"
        )
    if wanted is None and path.is_file():
        kept = path.read_text(errors="replace").strip()
        if re.fullmatch(r"[0-9a-fA-F]{64}", kept) is None:
            raise BoardError(
                f"{path}: expected {KEY_DIGITS} hexadecimal digits, found {len(kept)} characters; "
                "remove the file to make a new key"
            )
        return kept.lower()
    if prepared is not None:
        return prepared
    key = (wanted or secrets.token_hex(KEY_DIGITS // 2)).lower()
    path.touch(mode=0o600)
    path.write_text(key + "\n")
    return key


def _card_settings(sdcard: Path) -> tuple[int, int]:
    """Return (TCP port, UART baud rate) of the card's service.yaml; the defaults where it has none.

    A faulty file is the firmware's to report: it does so in its own words.
    """
    path = sdcard / "configs" / "service.yaml"
    try:
        settings = firmware_settings.read_service(path.read_text(encoding="utf-8"), str(path))
        return _number(settings.get("network.port")), _number(settings.get("uart.baudrate"))
    except (OSError, UnicodeDecodeError, firmware_settings.SettingsError):
        return DEFAULT_PORT, DEFAULT_BAUDRATE


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
