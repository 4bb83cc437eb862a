"""Diagnose a link, a board, a card or a package, with advice for each fault."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import serial

from firmware_app.base import places
from firmware_app.base.problems import SAFE_MODE
from firmware_app.base.restarts import NATIVE_FAULT, UNANNOUNCED
from firmware_app.settings.service_fields import DEFAULT_BAUDRATE
from firmware_app.version import VERSION
from firmware_app.wire import log_lines, packets
from host_client.base.exceptions import (
    AuthenticationError,
    BoardFull,
    CommandFailed,
    ConfigurationError,
    ConnectionFailed,
    K230Error,
    NoGreeting,
    PackageError,
    PortLocked,
    TooManyAttempts,
    VersionError,
)
from host_client.base.wording import reason
from host_client.board import Board, OnState
from host_client.check.advice import advice_for
from host_client.commands.configurations import validate
from host_client.commands.packages import read_package
from host_client.commands.service_files import modules, service_files
from host_client.installer.installer import BOOT, NAME, digest, has_foreign_boot
from host_client.installer.manifest import Manifest, read_manifest
from host_client.installer.repl import ReplTarget
from host_client.installer.target import FolderTarget, InstallError, Target
from host_client.link.address import SerialAddress, TcpAddress, parse_address

BAUDRATES = (DEFAULT_BAUDRATE, 921600, 9600, 19200, 38400, 57600, 230400, 460800, 1500000, 3000000)
LISTEN_S = 1.5  # at each baud rate; a board sends results unasked
HOT = 85  # degrees Celsius
LOW_HEAP = 1 << 20  # bytes
LOW_CARD = 4 << 20  # bytes
WEAK_DBM = -75
GROWTH = 2 << 20  # bytes an hour
_SEEN = {"echo": "wires", "repl": "console", "text": "port", "protocol": "port"}
"""Causes that need no test of other baud rates, and the name of their finding."""


class Finding(NamedTuple):
    """One check and its result. state: ok, warning, trouble or unknown."""

    what: str
    state: str
    text: str


async def look_at_url(url: str, key: str | None, on_state: OnState | None = None) -> list[Finding]:
    """Diagnose a board over its link. on_state: as for Board.connect()."""
    address = parse_address(url)
    found: list[Finding] = []
    if isinstance(address, TcpAddress):
        trouble = await asyncio.to_thread(_tcp_trouble, address)
        if trouble is not None:
            return [trouble]
        found.append(Finding("network", "ok", f"a service listens at {address}"))
    try:
        async with Board.connect(url, key, on_state=on_state, client_name="k230 doctor") as board:
            found.append(Finding("link", "ok", f"{board.info.board_name} answered"))
            found += await _look_at_board(board)
    except AuthenticationError as error:
        text = f"{error}: the board shows its key once, at its first start; k230 key add {url}"
        found.append(Finding("key", "trouble", text))
    except VersionError as error:
        found.append(Finding("version", "trouble", str(error)))
    except TooManyAttempts as error:
        found.append(Finding("key", "trouble", f"{error}: wait, then use the right key"))
    except BoardFull as error:
        found.append(Finding("link", "trouble", f"{error}: close another client first"))
    except PortLocked as error:
        found.append(Finding("port", "trouble", f"{error}: close the program that uses it"))
    except NoGreeting as error:
        if isinstance(address, SerialAddress) and error.cause not in _SEEN:
            found.append(await asyncio.to_thread(_serial_trouble, address, error))
        else:
            found.append(Finding(_SEEN.get(error.cause, "link"), "trouble", error.reason))
    except ConnectionFailed as error:
        if isinstance(address, SerialAddress):
            found.append(Finding("port", "trouble", str(error)))
        else:
            text = f"{error}: another service may use this port, or the board runs an old version"
            found.append(Finding("link", "trouble", text))
    except K230Error as error:
        found.append(Finding("link", "trouble", str(error)))
    return found


def _tcp_trouble(address: TcpAddress) -> Finding | None:
    try:
        socket.create_connection((address.host, address.port), timeout=5).close()
    except ConnectionRefusedError:
        text = (
            f"{address}: connection refused: the service is not running, or it uses another port "
            "(network.port); k230 discover lists the boards"
        )
    except socket.gaierror:
        text = f"{address}: unknown host name; k230 discover lists the boards of this network"
    except OSError as error:
        text = (
            f"{address}: not reachable ({reason(error)}): the board is off, in another "
            "network, or did not join its network; check its console with k230 doctor TTY"
        )
    else:
        return None
    return Finding("network", "trouble", text)


def _serial_trouble(address: SerialAddress, greeting: NoGreeting) -> Finding:
    """Listen at all usual baud rates: a packet with a correct CRC shows the right one."""
    if not os.path.exists(address.path):
        text = f"{address.path}: the port does not exist; k230 discover lists the ports"
        return Finding("port", "trouble", text)
    heard = 0
    rates = [address.baudrate, *(rate for rate in BAUDRATES if rate != address.baudrate)]
    for rate in rates:
        try:
            count, whole = _listen(address.path, rate)
        except (serial.SerialException, OSError, ValueError) as failed:
            if rate == address.baudrate:
                return Finding("port", "trouble", f"{address.path}: can't be opened: {failed}")
            continue  # the port does not support this baud rate
        heard += count
        if whole and rate != address.baudrate:
            text = (
                f"wrong baud rate: expected {address.baudrate}, the board sends at {rate}; add "
                f"?baudrate={rate} to the URL, or change uart.baudrate"
            )
            return Finding("baud rate", "trouble", text)
        if whole:
            text = (
                "results arrive, but the board does not answer: the wire from this computer's TX to "
                "the board's RX is missing, or on the wrong pin"
            )
            return Finding("wires", "trouble", text)
    if heard:
        text = (
            f"{heard} bytes arrived, but no complete packet at any usual baud rate: wrong baud rate, "
            "no common ground, or another program of the board uses this UART"
        )
        return Finding("baud rate", "trouble", text)
    if greeting.cause != "silence":  # bytes arrived only as an answer
        what = "wires" if greeting.cause == "packets" else "baud rate"
        return Finding(what, "trouble", greeting.reason)
    text = (
        "no answer, and no bytes arrive: TX and RX are swapped or on the wrong pins (docs/wiring.md), "
        "uart.enabled is false, or the service is not running"
    )
    return Finding("wires", "trouble", text)


def _listen(path: str, rate: int) -> tuple[int, int]:
    decoder = packets.Decoder()
    count = heard = 0
    with serial.Serial(path, rate, timeout=0.1) as port:
        port.reset_input_buffer()
        stop = time.monotonic() + LISTEN_S
        while time.monotonic() < stop and not heard:
            data = port.read(4096)
            count += len(data)
            heard += len(decoder.feed(data))
    return count, heard


async def _look_at_board(board: Board) -> list[Finding]:
    found = status_findings(dict(await board.status()))
    with contextlib.suppress(CommandFailed):
        for package in await board.card.packages():
            if package.problem:
                text = f"packages/{package.name}: {package.problem}"
                found.append(Finding("package", "trouble", text))
            found += [Finding("package", "warning", text) for text in package.warnings]
    return found


def status_findings(status: dict[str, Any]) -> list[Finding]:
    """Return the findings from a board's status."""
    found: list[Finding] = []

    def add(what: str, bad: bool, text: str, good: str = "", state: str = "trouble") -> None:
        if bad:
            found.append(Finding(what, state, text))
        elif good:
            found.append(Finding(what, "ok", good))

    version = status.get("version")
    add(
        "version",
        version != VERSION,
        f"the board runs {version}, this computer has {VERSION}: update with k230 push URL --firmware",
        f"{version} on both sides",
        "warning",
    )
    for problem in status.get("problems", []):
        code = problem["code"]
        if code != SAFE_MODE:  # reported below
            advice = advice_for(code)
            text = f"{problem['text']}: {advice}" if advice else problem["text"]
            found.append(Finding(code, "trouble", text))
    told = any(row.what == "camera" for row in found)
    add(
        "camera",
        status.get("camera") is False and not told,
        "no camera is open: camera.enabled is false, or the service has just started",
        "" if told else "open",
        "warning",
    )
    add(
        "task",
        not status.get("model"),
        "no task runs: k230 tasks lists the tasks, k230 switch starts one",
        f"{status.get('task')} ({status.get('model')})",
    )
    add(
        "safe mode",
        bool(status.get("safe_mode")),
        "the last starts crashed, so no task is started; k230 logs shows why, k230 switch leaves safe mode",
    )
    heap = status.get("heap_free_bytes")
    growth = status.get("heap_growth_bytes_per_hour")
    add(
        "memory",
        isinstance(heap, int) and heap < LOW_HEAP,
        f"only {(heap or 0) >> 10} kB of the heap are free: use a smaller model, or set "
        "switch.policy: unload_first",
        f"{(heap or 0) >> 10} kB of the heap are free",
    )
    add(
        "memory",
        isinstance(growth, int) and growth > GROWTH,
        f"the heap grows by {(growth or 0) >> 10} kB an hour: plan restarts, and report this fault",
        state="warning",
    )
    for name, where in (("card_free_bytes", "card"), ("data_free_bytes", "data partition")):
        free = status.get(name)
        add(
            where,
            isinstance(free, int) and free < LOW_CARD,
            f"the {where} is nearly full: {(free or 0) >> 10} kB are free; k230 packages remove frees space",
            f"{free >> 10} kB are free" if isinstance(free, int) else "",
        )
    hot = status.get("temperature_c")
    add(
        "temperature",
        isinstance(hot, int) and hot >= HOT,
        f"{hot} °C: add a heat sink, or lower the frame rate",
        f"{hot} °C" if isinstance(hot, int) else "",
        "warning",
    )
    network = status.get("network") or {}
    signal = network.get("signal_dbm")
    add(
        "Wi-Fi",
        isinstance(signal, int) and signal < WEAK_DBM,
        f"the signal is weak: {signal} dBm",
        f"{signal} dBm" if isinstance(signal, int) else "",
        "warning",
    )
    reason = status.get("restart_reason")
    if reason:
        state = "warning" if reason["code"] in (NATIVE_FAULT, UNANNOUNCED) else "ok"
        found.append(Finding("last restart", state, reason["text"]))
    rejected = status.get("rejected")
    add(
        "link errors",
        isinstance(rejected, int) and rejected > 0,
        f"{rejected} damaged packets reached the board: check wires, ground and baud rate",
        state="warning",
    )
    return found


def look_at_port(port: str) -> list[Finding]:
    """Diagnose a board over its USB console; its service is interrupted and restarted."""
    found: list[Finding] = []
    stopped: list[str] = []
    try:
        _look_at_console(port, stopped.append, found)
    except InstallError as error:
        found.append(Finding("console", "trouble", str(error)))
    return found + [Finding("console", "trouble", text) for text in stopped]


def _look_at_console(port: str, on_stopped: Callable[[str], None], found: list[Finding]) -> None:
    with ReplTarget(port, on_stopped) as target:
        info = target.info()
        found.append(Finding("console", "ok", f"{info.board}, CanMV {info.firmware}"))
        found += _look_at_files(target)
        found += log_findings(target.last_log())
        key = target.read_anywhere(f"{target.place}/{places.KEY}")
        if key is None:
            text = "the board has no key yet: it creates one at its first start"
            found.append(Finding("key", "warning", text))


def log_findings(log: str) -> list[Finding]:
    """Return the errors and warnings in the log of a start, each once."""
    found: dict[str, Finding] = {}
    states = {"error": "trouble", "warning": "warning"}
    for line in log.splitlines():
        parts = log_lines.parse(line)
        if parts is not None and parts[1] in states:
            found[parts[2]] = Finding("log", states[parts[1]], parts[2])
    return list(found.values())


def look_at_card(folder: Path) -> list[Finding]:
    """Diagnose a card in this computer's reader."""
    try:
        found = _look_at_files(FolderTarget(folder))
    except InstallError as error:
        return [Finding("card", "trouble", str(error))]
    for path in sorted((folder / "configs").glob("**/*.yaml")):
        try:
            validate(path, "service" if path.name == "service.yaml" else "task")
        except ConfigurationError as error:
            found += [Finding("configuration", "trouble", text) for text in error.messages]
    for path in sorted((folder / "packages").glob("*")):
        if path.is_dir() and not path.name.startswith("."):
            found += look_at_package(path)
    return found


def _look_at_files(target: Target) -> list[Finding]:
    names = target.names("")
    found: list[Finding] = []
    if "main.py" not in names:
        text = "main.py is missing, so nothing starts by itself: run k230 install"
        if "bad_main.py" in names:
            text = "the firmware renamed main.py to bad_main.py after a fault: run k230 install"
        found.append(Finding("main.py", "trouble", text))
    known = read_manifest(target)
    if has_foreign_boot(target, known or Manifest()):
        found.append(Finding("boot.py", "warning", BOOT))
    if known is None or NAME not in names:
        found.append(
            Finding("service", "trouble", "the service is not installed: run k230 install")
        )
        return found
    if known.version != VERSION:
        text = f"{known.version} is installed, this computer has {VERSION}: run k230 install"
        found.append(Finding("version", "warning", text))
    own = service_files().files
    missing = sorted(modules(own) - modules(target.files(NAME)))
    if known.version == VERSION and missing:
        more = f" and {len(missing) - 3} more files" if len(missing) > 3 else ""
        text = f"{NAME} on the card lacks {', '.join(missing[:3])}{more}: run k230 install"
        found.append(Finding("service", "trouble", text))
    there = target.hashes(["main.py", *known.files])
    main = there.get("main.py")
    if main not in (None, digest(own["main.py"])) and not known.wrote("main.py", main):
        text = "main.py belongs to another program, so the service does not start: run k230 install"
        found.append(Finding("main.py", "trouble", text))
    elif "main.py" in there:
        found.append(Finding("main.py", "ok", "starts the service"))
    if "service.yaml" not in target.names("configs"):
        text = "configs/service.yaml is missing: the service starts without a task"
        found.append(Finding("configuration", "trouble", text))
    free = target.info().free
    if free is not None:
        full = free < LOW_CARD
        text = f"{free >> 10} kB are free"
        found.append(Finding("card", "trouble" if full else "ok", text))
    return found


def look_at_package(path: Path) -> list[Finding]:
    """Diagnose a deployment package: its files, its nncase version, and their consistency."""
    try:
        files = read_package(path)
    except PackageError as error:
        return [Finding("package", "trouble", str(error))]
    size = sum(len(data) for _, data in files.files)
    text = f"{files.name}: {files.task}, {size >> 10} kB; k230 verify tries it with pictures"
    warnings = [Finding("package", "warning", text) for text in files.warnings]
    return [*warnings, Finding("package", "ok", text)]
