"""The board's card: packages, configurations, single files and the service itself."""

from __future__ import annotations

import asyncio
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from host_client.base.mpy import MPY_VERSION
from host_client.commands import configurations
from host_client.commands.files import read_file
from host_client.commands.packages import read_package
from host_client.commands.requester import GET_TIMEOUT, PUSH_TIMEOUT, REQUEST_TIMEOUT, Requester
from host_client.commands.service_files import service_files
from host_client.link.calls import Progress
from host_client.results.answers import Answer

_SERVICE = "firmware_app"


class InstalledPackage(NamedTuple):
    """A package that was pushed. tasks: names to pass to `switch`."""

    name: str
    task: str
    model: str
    size_bytes: int
    tasks: tuple[str, ...]
    in_use: bool
    warnings: tuple[str, ...]

    @classmethod
    def from_map(cls, row: Answer) -> InstalledPackage:
        """Return the package from the answer to `install`."""
        return cls(
            row.text("name"),
            row.text("task"),
            row.text("model"),
            row.integer("size"),
            row.texts("tasks"),
            row.flag("in_use"),
            row.texts("warnings"),
        )


class InstalledFiles(NamedTuple):
    """A file or a version of the service that was pushed.

    warnings: what is still missing on the card, such as the package of a task's YAML.
    """

    name: str
    size_bytes: int
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> InstalledFiles:
        """Return the files from the answer to `install`."""
        return cls(
            row.text("name"), row.integer("size"), row.optional("warnings", Answer.texts) or ()
        )


class PackageInfo(NamedTuple):
    """A package on the card. problem: why it can't be used, else None.

    warnings: possible faults of a usable package.
    """

    name: str
    task: str | None
    model: str | None
    size_bytes: int
    in_use: bool
    problem: str | None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> PackageInfo:
        """Return a package from one map of the answer to `packages`."""
        return cls(
            row.text("name"),
            row.optional("task", Answer.text),
            row.optional("model", Answer.text),
            row.integer("size"),
            row.flag("in_use"),
            row.optional("problem", Answer.text) or None,
            row.optional("warnings", Answer.texts) or (),
        )


class Card:
    """The card of a board, over the link. Results continue during every operation."""

    def __init__(self, board: Requester) -> None:
        """Not for users: see Board.card."""
        self._board = board

    async def push(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        task: str | None = None,
        replace: bool = False,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> InstalledPackage:
        """Send a deployment package and install it; results continue meanwhile.

        path: the cloud platform's zip file (outer or inner), or a folder. name: name on the card;
        default: the file's. task: the package's task, needed if its files do not name it.
        replace: overwrite a package of this name with another task; otherwise CommandFailed with
        code `exists`. timeout: seconds without progress. The upload resumes after a lost link.
        Raises PackageError, CommandFailed, RequestTimeout, LinkLost.
        """
        loop = asyncio.get_running_loop()
        package = await loop.run_in_executor(None, read_package, path, name, task)
        arguments: dict[str, Any] = {"task": task} if task is not None else {}
        if replace:
            arguments["replace"] = True
        answer = await self._board.send_files(
            "package", package.name, package.files, arguments, timeout, progress
        )
        return InstalledPackage.from_map(Answer("install", answer))

    async def push_file(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> InstalledFiles:
        """Add or replace one file of the card; the board checks it first.

        name: configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or
        packages/PACKAGE/NAME.txt; default: the part of path from `configs/` on, or for a YAML file
        elsewhere configs/service.yaml if that is its name, else configs/tasks/NAME.yaml. A YAML file
        takes effect as if it were edited on the card.
        """
        place = name or configurations.place_on_card(path)
        files = [(place.rsplit("/", 1)[-1], read_file(path))]
        answer = await self._board.send_files("file", place, files, {}, timeout, progress)
        return InstalledFiles.from_map(Answer("install", answer))

    async def pull(
        self, name: str, timeout: float = GET_TIMEOUT, *, progress: Progress | None = None
    ) -> bytes:
        """Return a file of the card, for example to edit it and push it back.

        name: configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or
        packages/PACKAGE/FILE. The board sends a service.yaml with a password only over encrypted
        links and wires. timeout: seconds without progress.
        Raises CommandFailed, RequestTimeout, LinkLost.
        """
        return (await self._board.get("file", {"name": name}, timeout, progress)).data

    async def push_firmware(
        self,
        folder: str | PathLike[str] | None = None,
        *,
        sources: bool = False,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> InstalledFiles:
        """Send another version of the service; it runs from the next start on (Board.restart()).

        folder: its files; default: this client's own version, compiled. sources: send source files
        instead. The board keeps the previous version and returns to it if the new one fails.
        Raises PackageError, CommandFailed, RequestTimeout, LinkLost.
        """
        place = Path(folder) if folder is not None else None
        version = await asyncio.to_thread(service_files, place, mpy=MPY_VERSION, sources=sources)
        files = list(version.files.items())
        answer = await self._board.send_files("firmware", _SERVICE, files, {}, timeout, progress)
        return InstalledFiles.from_map(Answer("install", answer))

    async def packages(self, timeout: float = REQUEST_TIMEOUT) -> list[PackageInfo]:
        """Return the packages on the card."""
        answer = await self._board.request("packages", timeout=timeout, repeat=True)
        return [*Answer("packages", answer, list).read_all(dict, PackageInfo.from_map)]

    async def remove_package(self, name: str, timeout: float = REQUEST_TIMEOUT) -> list[str]:
        """Remove an unused package; return the tasks on the card that now lack it."""
        answer = await self._board.request("package.remove", {"name": name}, timeout)
        return [*Answer("package.remove", answer).texts("tasks")]

    async def config_get(self, timeout: float = REQUEST_TIMEOUT) -> dict[str, Any]:
        """Return the current settings as maps `service` and `task` (None if no task runs), without secrets."""
        answer = await self._board.request("config", timeout=timeout, repeat=True)
        return dict(configurations.rounded(Answer("config", answer).values))

    @staticmethod
    def config_validate(path: str | PathLike[str], kind: str | None = None) -> dict[str, Any]:
        """Return the settings of a YAML file as the board reads it; needs no board.

        kind: "service" or "task"; default: from the file's name. Raises ConfigurationError.
        """
        return dict(configurations.rounded(configurations.validate(path, kind).public()))
