"""`k230 install` and `k230 uninstall`, over a board's USB console or on a card in a reader."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import board_types
from firmware_app.base import places
from firmware_app.base.problems import CAMERA, NETWORK, RESULTS, SAFE_MODE, TASK
from firmware_app.wire import messages
from host_client.base.exceptions import K230Error
from host_client.board import Board
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.names import task_option
from host_client.cli.options import board_type_option, json_option
from host_client.cli.progress import bar, waiting
from host_client.commands.packages import PackageFiles, read_package
from host_client.commands.service_files import service_files
from host_client.installer import content as contents
from host_client.installer import installer, suited, uninstaller
from host_client.installer.card_target import CardTarget, open_volume
from host_client.installer.repl import ReplTarget, listen
from host_client.installer.target import FolderTarget, InstallError, Target
from host_client.link.keys import KeyStore

SMALL_PACKAGE = (
    256 * 1024
)  # bytes; a larger package is sent over the service's own link, if there is one
START_S = 90.0  # seconds for the service to make its first result
LINK_S = 10.0  # seconds to reach it over the network
_NO_RESULTS = {TASK, SAFE_MODE, CAMERA, RESULTS}  # problems that prevent them
_DHCP_S = (
    40.0  # seconds without output while the board waits for an address; it gives up after 30 s
)
_ADDRESS_S = 5.0  # seconds without output while only the board's address is missing
_LOOK_S = 2.0  # seconds between checks of a board that makes no results
_SILENCE_S = 20.0  # seconds without output while the first result is missing

_port_option = click.option("--port", metavar="TTY", help="The board's USB console.")
_card_option = click.option(
    "--card",
    type=click.Path(path_type=Path),
    metavar="FOLDER|DEVICE",
    help="An SD card: the folder where it is mounted, or its device.",
)


def _stopped(text: str) -> None:
    output.note(f"k230: {text}")


@contextlib.contextmanager
def target_of(port: str | None, card: Path | None) -> Iterator[Target]:
    """Yield what --port or --card names."""
    if (port is None) == (card is None):
        raise click.UsageError("give either --port or --card")
    if card is not None:
        if card.exists() and not card.is_dir():
            with open_volume(card, write=True, fixed_too=True) as volume:
                yield CardTarget(volume, str(card))
            return
        yield FolderTarget(card)
        return
    assert port is not None
    with ReplTarget(port, _stopped) as target:
        yield target


@click.command()
@_port_option
@_card_option
@click.option(
    "--package",
    type=click.Path(path_type=Path),
    metavar="FOLDER|ZIP",
    help="Deployment package to install and run.",
)
@task_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="YAML|FOLDER",
    help="A service.yaml, or a folder like configs/.",
)
@board_type_option
@click.option("--url", help="Address of the service (default: as the board reports it).")
@click.option(
    "--via",
    type=click.Choice(["auto", "link", "console"]),
    default="auto",
    show_default=True,
    help="How to send the package: over the service's link, or the console.",
)
@click.option(
    "--sources", is_flag=True, help="Install source files instead of compiled ones, for debugging."
)
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@json_option
def install(
    *,
    port: str | None,
    card: Path | None,
    package: Path | None,
    task: str | None,
    config: Path | None,
    board: str | None,
    url: str | None,
    via: str,
    sources: bool,
    dry_run: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Install the service on a CanMV board, or update it.

    Copies only files that differ, checks each by its hash, and writes main.py last. Your own
    main.py is kept, and `k230 uninstall` restores it.
    """
    configs = contents.config_files(config)
    files = read_package(package, None, task) if package is not None else None
    report: dict[str, Any] = {"dry_run": dry_run}
    later: PackageFiles | None = None
    with target_of(port, card) as target:
        info = target.info()
        report |= {"board": info.board, "firmware": info.firmware, "place": info.place}
        if not as_json and port is not None:
            output.print_line(f"{info.board}, CanMV {info.firmware}")
        kind = board_types.find(board) if board else board_types.recognise(info.board)
        report["board_type"] = kind.name if kind is not None else None
        firmware, compiled = service_files(mpy=info.mpy, sources=sources)
        size = sum(len(data) for _, data in files.files) if files is not None else 0
        over_link = port is not None and (via == "link" or (via == "auto" and size > SMALL_PACKAGE))
        if over_link:
            later = files
        wanted = contents.Content(firmware, _configs(target, configs, files, kind), files, compiled)
        with waiting(as_json, "comparing with what is on the card"):
            plan = installer.make_plan(target, wanted, with_package=not over_link)
        report |= {"changes": plan.lines(), "size_bytes": plan.size, "compiled": compiled}
        report["notes"] = plan.notes + list(files.warnings if files is not None else ())
        if kind is None and config is None and "configs/service.yaml" in plan.configs:
            report["notes"].append(suited.unknown(info.board))
        if dry_run:
            if port is not None:
                report["notes"].append("the board was interrupted for this check; it restarts now")
            _show(report, as_json)
            return report
        report |= _apply(target, plan, as_json)
        key = _keep_key(target) if isinstance(target, ReplTarget) else None
    if port is None:
        _show(report, as_json)
        if not as_json:
            output.print_line(
                "the card is ready: put it into the board; at its first start the board prints its "
                "key once on the USB console"
            )
        return report
    assert key is not None
    has_task = files is not None or b"\ntask: null" not in b"\n" + wanted.configs.get(
        "configs/service.yaml", b""
    )
    with waiting(as_json, "waiting for the service to start"):
        said = _await_service(port, later is None and has_task)
    key = said.key or key
    report |= run_async(_finish(report, url or said.url, key, later, said, has_task, as_json))
    report["key"] = key.hex()
    _show(report, as_json)
    return report


def _configs(
    target: Target,
    given: dict[str, bytes],
    package: PackageFiles | None,
    kind: board_types.BoardType | None,
) -> dict[str, bytes]:
    """Return the YAML files to write: those given, and those that the package needs.

    A card without a service.yaml gets one that suits its board's type.
    """
    found = dict(given)
    place = "configs/service.yaml"
    there = target.read(place)
    if package is not None:
        path, text = contents.task_file(package)
        if path not in found and target.read(path) is None:
            found[path] = text
    name = package.name if package is not None else None
    if place in found:
        # A service.yaml may name a task without a file, such as the example's `classification`.
        task = contents.task_of(found[place])
        path = f"configs/tasks/{task}.yaml"
        if name is not None and path not in found and target.read(path) is None:
            found[place] = contents.with_task(found[place].decode(), name).encode()
        return found
    if there is None:
        service = contents.DEFAULT_SERVICE.read_text("utf-8")
        if kind is not None:
            service = suited.suited(service, kind)
        found[place] = contents.with_task(service, name).encode()
    elif name is not None:
        found[place] = contents.with_task(there.decode("utf-8", "replace"), name).encode()
    return found


def _apply(target: Target, plan: installer.Plan, as_json: bool) -> dict[str, Any]:
    start = time.monotonic()
    with bar(as_json) as progress:
        done = 0

        def moved(count: int, name: str) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, plan.size, name)

        installer.apply(target, plan, moved)
    seconds = time.monotonic() - start
    rate = round(plan.size / seconds) if plan.size else None
    return {"duration_ms": round(seconds * 1000), "bytes_per_s": rate}


def _keep_key(target: ReplTarget) -> bytes:
    """Return the board's key; create it if it has none, so that users need not copy it by hand."""
    path = f"{target.place}/{places.KEY}"
    text = (target.read_anywhere(path) or b"").decode("ascii", "replace").strip()
    if not text and target.read_anywhere(f"{target.place}/{places.BOOTS}") is None:
        text = _copied_key(target)  # the board restores it at its start
    if re.fullmatch(f"[0-9a-fA-F]{{{2 * messages.KEY_SIZE}}}", text):
        return bytes.fromhex(text)
    if text:
        raise InstallError(
            f"{path} on the board does not hold a key: remove it, and the board creates a new one"
        )
    key = secrets.token_bytes(messages.KEY_SIZE)
    target.write_anywhere(path, key.hex().encode())
    return key


def _copied_key(target: ReplTarget) -> str:
    """Return the key from the card's copy, or an empty text.

    The board ignores a copy for another chip: it creates its own key and logs that.
    """
    copy = target.read_anywhere(f"{places.SPARE}/{places.KEY_COPY}")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(copy or b"")["key"])
    return ""


class _Said:
    """The service's console output: its last ready line, and its key."""

    def __init__(self) -> None:
        self.ready: dict[str, Any] = {}
        self.key: bytes | None = None

    def hear(self, line: str) -> None:
        """Take a line; damaged and other lines are ignored."""
        with contextlib.suppress(ValueError):
            if line.startswith(messages.CONSOLE_READY):
                self.ready = json.loads(line.removeprefix(messages.CONSOLE_READY))
            elif line.startswith(messages.CONSOLE_KEY):
                self.key = bytes.fromhex(line.removeprefix(messages.CONSOLE_KEY))

    @property
    def results(self) -> bool:
        """Whether the service has made a result."""
        return self.ready.get("results") is True

    @property
    def problems(self) -> set[str]:
        """The codes of the board's problems."""
        return set(self.ready.get("problems", ()))

    @property
    def url(self) -> str | None:
        """The service's address, once reported."""
        addresses = self.ready.get("address")
        return f"tcp://{addresses[0]}:{self.ready['port']}" if addresses else None

    @property
    def settled(self) -> bool:
        """Whether no further address is expected."""
        if self.url is not None or not self.ready.get("port"):
            return True
        return NETWORK in self.problems and not self.waiting

    @property
    def waiting(self) -> bool:
        """Whether the board waits for an address; it reports a problem when that takes too long."""
        return bool(self.ready.get("waiting"))


def _patience_s(said: _Said, enough: bool) -> float:
    """Return how many seconds without output are acceptable."""
    if said.waiting:
        return _DHCP_S
    return _ADDRESS_S if enough else _SILENCE_S


def _await_service(port: str, for_results: bool) -> _Said:
    """Return the service's output while it starts.

    Output before the USB device returns is lost; if nothing arrives, the log is read instead.
    """
    said = _Said()
    told = False
    heard = time.monotonic()
    for line in listen(port, START_S):
        said.hear(line)
        if line:
            heard = time.monotonic()
        enough = said.ready and (not for_results or said.results or said.problems & _NO_RESULTS)
        if enough and said.settled:
            break
        if said.waiting and not told:
            told = True
            output.note("k230: the board joined its network and waits for an address")
        if time.monotonic() - heard > _patience_s(said, bool(enough)):
            break
    if not said.ready:
        with ReplTarget(port, _stopped) as target:
            for line in target.last_log().splitlines():
                said.hear(line)
    return said


async def _finish(
    report: dict[str, Any],
    url: str | None,
    key: bytes,
    package: PackageFiles | None,
    said: _Said,
    has_task: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Send the package over the link, and wait for results."""
    found: dict[str, Any] = {"url": url, "results": said.results}
    if url is None:
        if package is not None:
            raise InstallError(
                "the service runs, but this computer can't reach it over a network to send the "
                "package: set the network with --config, or use --via console"
            )
        if has_task and not said.results:
            raise InstallError(_no_results(sorted(said.problems)))
        return found
    try:
        async with Board.connect(url, key, wait=LINK_S, client_name="k230 install") as board:
            store = KeyStore()
            store.add(str(board.address), key)
            store.add(board.info.board_id, key)
            found["board_id"] = board.info.board_id
            found["board_name"] = board.info.board_name
            if package is not None:
                found |= await _push(board, package, as_json)
            if has_task:
                with waiting(as_json, "waiting for the first result"):
                    found |= await _first_result(board)
    except K230Error as error:
        if isinstance(error, InstallError) or package is not None or not said.results:
            raise
        found["unreachable"] = f"{url}: {error}"
    return found


async def _push(board: Board, package: PackageFiles, as_json: bool) -> dict[str, Any]:
    import tempfile  # noqa: PLC0415

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="k230-install-") as name:
        folder = Path(name) / package.name
        folder.mkdir()
        for file, data in package.files:
            (folder / file).write_bytes(data)
        with bar(as_json) as progress:
            await board.card.push(folder, package.name, task=package.task, progress=progress)
    seconds = time.monotonic() - start
    size = sum(len(data) for _, data in package.files)
    await board.switch(package.name)
    return {"link_size_bytes": size, "link_bytes_per_s": round(size / seconds)}


async def _first_result(board: Board) -> dict[str, Any]:
    results = board.results()
    first = asyncio.ensure_future(results.__anext__())
    stop = time.monotonic() + START_S
    try:
        while True:
            done, _ = await asyncio.wait((first,), timeout=_LOOK_S)
            if done:
                result = first.result()
                return {"results": True, "task": result.task, "model": result.model}
            status = await board.status()
            problems = status.get("problems", [])
            stuck = not _NO_RESULTS.isdisjoint(row["code"] for row in problems)
            # While a task is still loading, missing results are no problem.
            if time.monotonic() > stop or (stuck and not status.get("model")):
                raise InstallError(_no_results([str(row["text"]) for row in problems]))
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


def _no_results(faults: list[str]) -> str:
    why = "; ".join(faults) or "the board reports no problem"
    return f"the service is installed, but makes no results: {why}"


def _show(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.print_row("installation", report)
        return
    for line in report["notes"]:
        output.note(f"k230: {line}")
    for line in report["changes"]:
        output.print_line(("would " if report["dry_run"] else "") + line)
    if not report["changes"]:
        output.print_line("nothing to change: the installation is up to date")
    if report.get("bytes_per_s"):
        output.print_line(
            f"{report['size_bytes']} bytes in {report['duration_ms'] / 1000:.1f} s: "
            f"{report['bytes_per_s'] / 1000:.1f} kB/s"
        )
    if report.get("link_bytes_per_s"):
        output.print_line(
            f"package: {report['link_size_bytes']} bytes over the link: "
            f"{report['link_bytes_per_s'] / 1000:.1f} kB/s"
        )
    if report.get("key"):
        output.print_line(f"key: {report['key']}")
    if report.get("url"):
        output.print_line(f"address: {report['url']}")
    if report.get("unreachable"):
        output.note(f"k230: warning: not reachable from this computer: {report['unreachable']}")
    if report.get("results"):
        output.print_line("results are arriving")
    elif report.get("key"):
        output.print_line(
            "the service runs without a task: send a package with k230 push, start it with k230 switch"
        )


@click.command()
@_port_option
@_card_option
@click.option("--purge", is_flag=True, help="Also remove the board's key, galleries and logs.")
@json_option
def uninstall(port: str | None, card: Path | None, purge: bool, as_json: bool) -> None:
    """Restore the card to its state before the first installation.

    The service's own files in /data (key, galleries, state, logs) stay, unless --purge is
    given.
    """
    if purge and port is None:
        raise click.UsageError("--purge needs --port: /data is not on the card")
    kept: list[str] = []
    with target_of(port, card) as target, waiting(as_json, "removing the service"):
        uninstaller.uninstall(target, kept.append)
        if isinstance(target, ReplTarget) and purge:
            uninstaller.purge(target)
    if as_json:
        place = port or os.fspath(card or "")
        report = {"uninstalled": True, "purged": purge, "kept": kept, "place": place}
        output.print_row("uninstallation", report)
        return
    for line in kept:
        output.note(f"k230: {line}")
    output.print_line("uninstalled: the card is as before the installation")
