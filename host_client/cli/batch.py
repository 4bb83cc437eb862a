"""`k230 setup --batch`: prepare many cards from one table, each with its own name and key.

The report has no secrets. Each board's key is written to its own file, readable only by its owner.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import board_types
from firmware_app.version import VERSION
from firmware_app.wire import messages
from host_client.base.exceptions import ConfigurationError, K230Error
from host_client.base.wording import reason
from host_client.cli import output
from host_client.cli.asking import ask, interactive, say
from host_client.cli.firmware import nncase_of
from host_client.cli.flash import choose, flash_card
from host_client.cli.names import nearest
from host_client.cli.progress import bar
from host_client.commands.configurations import validate
from host_client.commands.packages import PackageFiles, read_package
from host_client.commands.service_files import service_files
from host_client.flashing.errors import FlashError
from host_client.flashing.image import ImageFacts, fits, inspect, open_image
from host_client.installer import content, installer
from host_client.installer.card_target import CardTarget, open_volume
from host_client.installer.manifest import HOME
from host_client.installer.service_yaml import service_yaml
from host_client.link.keys import parse_key

COLUMNS = ("name", "board", "image", "card", "serial", "package", "task", "ssid", "password")
REPORT = (
    *("row", "name", "board", "image", "canmv", "nncase", "card", "serial", "package", "service"),
    *("sha256", "key_file", "result", "code", "message", "seconds", "time"),
)
_KEY_COPY = f"{HOME}/key.json"  # firmware_app/link/keyring.py
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)
_MOST_ROWS = 10_000
_LARGEST = 4 << 20  # bytes of the table


class BatchError(K230Error, ValueError):
    """The table of a batch has faults; the text names each of them."""

    code = "bad_batch"
    exit_code = 8


@dataclass
class Job:
    """One card."""

    row: int
    name: str
    board: str
    facts: ImageFacts
    package: PackageFiles
    config: bytes
    card: str
    serial: str | None
    package_path: str
    password: str
    report: dict[str, Any] = field(default_factory=dict)


def run_batch(
    path: Path,
    report: Path | None,
    keys: Path | None,
    given: Mapping[str, object],
    password: str | None,
) -> int:
    """Prepare the cards of a table; return the exit code of the first that failed.

    Raises:
        BatchError: the table has faults; nothing was written.
    """
    report = report or path.with_name(f"{path.stem}-report.csv")
    keys = keys or path.with_name(f"{path.stem}-keys")
    jobs = _jobs(path, given, password)
    code = 0
    firmware = service_files(mpy=None, sources=False)
    for job in jobs:
        job.report = _blank(job)
    for number, job in enumerate(jobs, 1):
        say(f"{number} of {len(jobs)}  {job.name}", 0)
        started = time.monotonic()
        row = job.report
        try:
            _prepare(
                job, keys, bool(given.get("fixed_disk")), [each.card for each in jobs], firmware
            )
            row["result"] = "ok"
            output.print_line(f"{job.name}: ok")
        except K230Error as error:
            code = code or error.exit_code
            row |= {"result": "failed", "code": error.code}
            row["message"] = _without(str(error), job.password)
            output.note(f"k230: {job.name}: {row['message']}")
        except BaseException:
            row |= {"result": "interrupted"}
            raise
        finally:
            row["seconds"] = round(time.monotonic() - started, 1)
            row["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
            _write_report(report, [each.report for each in jobs])
    good = sum(job.report["result"] == "ok" for job in jobs)
    output.print_line(f"{good} of {len(jobs)} cards are ready; report: {report}; keys: {keys}")
    return code


def _jobs(path: Path, given: Mapping[str, object], password: str | None) -> list[Job]:
    """Return the cards of a table, after checking all rows."""
    faults: list[str] = []
    rows = _rows(path)
    images: dict[Path, ImageFacts | K230Error] = {}
    packages: dict[tuple[Path, str | None], PackageFiles | K230Error] = {}
    jobs: list[Job] = []
    names: dict[str, int] = {}
    cards: dict[str, int] = {}

    def value(row: dict[str, str], column: str) -> str:
        default = password if column == "password" else given.get(column)
        return row.get(column) or (str(default) if default else "")

    def place(row: dict[str, str], column: str) -> Path:
        inner = Path(row[column]).expanduser() if row.get(column) else None
        return path.parent / inner if inner is not None else Path(value(row, column))

    for number, row in rows:
        wrong = [f"{path.name} row {number}: {text}" for text in _missing(row, value)]
        if wrong:
            faults += wrong
            continue
        where = f"{path.name} row {number}"
        try:
            kind = board_types.find(value(row, "board"))
            image = place(row, "image")
            if image not in images:
                images[image] = _image(image)
            facts = images[image]
            key = (place(row, "package"), value(row, "task") or None)
            if key not in packages:
                packages[key] = _package(*key)
            package = packages[key]
            for each in (facts, package):
                if isinstance(each, K230Error):
                    raise each
            assert isinstance(facts, ImageFacts)
            assert isinstance(package, PackageFiles)
            problems = fits(facts, kind.name, nncase=nncase_of(package))
            if problems:
                raise FlashError("; ".join(each.text for each in problems))
            name = row["name"]
            if name.casefold() in names:
                raise FlashError(f"name: {name} is also in row {names[name.casefold()]}")
            names[name.casefold()] = number
            card = value(row, "card")
            if "/" not in card:
                card = str(path.parent / card)
            if card in cards and not interactive():
                raise FlashError(f"card: {card} is also in row {cards[card]}")
            cards.setdefault(card, number)
            secret = value(row, "password")
            config = service_yaml(kind, name, value(row, "ssid") or None, secret or None)
            config = content.with_task(config, package.name)
            _check_config(config, secret)
            serial = value(row, "serial") or (str(given["yes"]) if given.get("yes") else "")
            job = Job(
                number,
                name,
                kind.name,
                facts,
                package,
                config.encode(),
                card,
                serial or None,
                str(key[0]),
                secret,
            )
            jobs.append(job)
        except board_types.BoardTypeError as error:
            faults.append(f"{where}: {error}")
        except K230Error as error:
            faults.append(f"{where}: {_without(str(error), row.get('password', ''))}")
    if faults:
        raise BatchError(
            "; ".join(faults[:10]) + (f"; and {len(faults) - 10} more" if len(faults) > 10 else "")
        )
    return jobs


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        raw = path.read_bytes()
        text = raw[: _LARGEST + 1].decode("utf-8-sig")
    except OSError as error:
        raise BatchError(f"{path}: {reason(error)}") from None
    except UnicodeDecodeError:
        raise BatchError(f"{path}: expected UTF-8 text, found other bytes") from None
    if len(raw) > _LARGEST:
        raise BatchError(f"{path}: expected a table of at most {_LARGEST} bytes")
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise BatchError(f"{path}: expected a table (CSV): {error}") from None
    columns = [cell.strip().lower() for cell in lines[0]] if lines else []
    for column in columns:
        if column not in COLUMNS:
            near = nearest(column, COLUMNS)
            hint = f"; did you mean {near}?" if near else ""
            raise BatchError(
                f"{path}: expected columns of {', '.join(COLUMNS)}, found {column or 'an empty one'}"
                f"{hint}"
            )
    if len(set(columns)) != len(columns):
        raise BatchError(f"{path}: expected each column once, found one twice")
    if "name" not in columns:
        raise BatchError(f"{path}: expected a column name, found none")
    found = []
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        if len(cells) != len(columns):
            raise BatchError(
                f"{path} row {number}: expected {len(columns)} cells, found {len(cells)}"
            )
        found.append((number, dict(zip(columns, cells, strict=True))))
    if not 0 < len(found) <= _MOST_ROWS:
        raise BatchError(f"{path}: expected 1 to {_MOST_ROWS} rows, found {len(found)}")
    return found


def _missing(row: dict[str, str], value: Any) -> list[str]:
    found = []
    if not _NAME.fullmatch(row["name"]):
        found.append(
            f"name: expected 1 to 32 of A-Z a-z 0-9 . _ -, found {row['name'] or 'nothing'}"
        )
    for column in ("board", "image", "card", "package"):
        if not value(row, column):
            found.append(f"{column}: expected a value, or --{column}, found none")
    return found


def _image(path: Path) -> ImageFacts | K230Error:
    try:
        with bar(False) as progress:
            return inspect(path, progress)
    except K230Error as error:
        return error


def _package(path: Path, task: str | None) -> PackageFiles | K230Error:
    try:
        return read_package(path, None, task)
    except K230Error as error:
        return error


def _check_config(text: str, secret: str) -> None:
    with tempfile.TemporaryDirectory(prefix="k230-batch-") as folder:
        path = Path(folder) / "service.yaml"
        path.write_text(text, "utf-8")
        try:
            validate(path, "service")
        except ConfigurationError as error:
            text = "; ".join(error.messages).replace(str(path), "service.yaml")
            raise FlashError(_without(text, secret)) from None


def _without(text: str, secret: str) -> str:
    """Return a sentence without the password, in any quoting."""
    for form in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}:
        if form:
            text = text.replace(form, "…")
    return text


def _blank(job: Job) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(REPORT, "")
    row |= {
        "row": job.row,
        "name": job.name,
        "board": job.board,
        "image": job.facts.path.name,
        "canmv": job.facts.canmv or "",
        "nncase": job.facts.nncase or "",
        "card": job.card,
        "package": job.package.name,
        "service": VERSION,
        "result": "not done",
    }
    return row


def _prepare(
    job: Job, keys: Path, fixed_too: bool, cards: list[str], firmware: tuple[dict[str, bytes], bool]
) -> None:
    if cards.count(job.card) > 1:
        ask(f"Put the card for {job.name} into {job.card} and press Enter", "--card")
    key, key_file = _key(keys, job.name)
    device = choose(job.card, None, fixed_too)
    job.report["serial"] = device.serial
    with bar(False) as progress:
        source, facts = open_image(job.facts.path, progress)
    with source:
        done = flash_card(source, facts, device, job.serial, fixed_too, False)
    job.report["sha256"] = done["sha256"]
    configs = {"configs/service.yaml": job.config}
    task_path, task_text = content.task_file(job.package)
    configs[task_path] = task_text
    with open_volume(Path(job.card), write=True, fixed_too=fixed_too, careful=False) as volume:
        target = CardTarget(volume, job.card)
        wanted = content.Content(firmware[0], configs, job.package, firmware[1])
        plan = installer.make_plan(target, wanted, with_package=True)
        with bar(False) as progress:
            moved = _Moved(plan.size, progress)
            installer.apply(target, plan, moved)
        record = {"board_id": messages.ANY_CHIP, "key": key.hex()}
        target.write(_KEY_COPY, json.dumps(record).encode(), lambda _: None)
    with open_volume(Path(job.card), write=False) as volume:
        if volume.read("configs/service.yaml") != job.config or volume.read("main.py") is None:
            raise FlashError(f"{job.card}: the files read back differ from those installed")
    job.report["key_file"] = str(key_file)


class _Moved:
    """Progress of an installation."""

    def __init__(self, total: int, progress: Any) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def __call__(self, count: int, name: str) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total, name)


def _key(folder: Path, name: str) -> tuple[bytes, Path]:
    """Return a board's key: the one of an earlier run, or a new one in a private file."""
    path = folder / f"{name}.key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            return parse_key(f"@{path}"), path
        key = secrets.token_bytes(messages.KEY_SIZE)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FlashError(f"{path}: {reason(error)}") from None
    return key, path


def _write_report(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, REPORT)
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _cell(value: Any) -> Any:
    """Return a value that a spreadsheet does not run as a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
