"""What a board's card holds: packages, configurations, single files, the service itself."""

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
    """A package that was pushed: tasks are the names with which `switch` runs it."""

    name: str
    task: str
    model: str
    size: int
    tasks: tuple[str, ...]
    in_use: bool
    warnings: tuple[str, ...]

    @classmethod
    def from_map(cls, row: Answer) -> InstalledPackage:
        """Return the package of the answer to `install`."""
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
    """A file of the card, or a version of the service, that was pushed: name and size in bytes.

    warnings: what a task's YAML still lacks on the card, its package for one.
    """

    name: str
    size: int
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> InstalledFiles:
        """Return what the answer to `install` names."""
        return cls(
            row.text("name"), row.integer("size"), row.optional("warnings", Answer.texts) or ()
        )


class PackageInfo(NamedTuple):
    """A package on the card: size in bytes; problem says why it can't be used, else None.

    warnings: what may be wrong with it though it can be used.
    """

    name: str
    task: str | None
    model: str | None
    size: int
    in_use: bool
    problem: str | None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: Answer) -> PackageInfo:
        """Return the package of one map of the answer to `packages`."""
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
    """The card of a board, over the link; the results of the running task go on meanwhile."""

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
        """Send a deployment package and install it beside the others; results go on meanwhile.

        path: the cloud platform's zip file, outer or inner, or a folder. name: on the card (default:
        the file's). task: what it does, where its files do not say. replace: also take the place of a
        package of that name that does another task; else that is CommandFailed with the code exists.
        timeout: seconds without progress. The upload resumes after a lost link.
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
        """Replace or add one file of the card; the board checks it before it counts.

        name: configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or
        packages/PACKAGE/NAME.txt; default: from `configs/` on in path. A YAML takes effect as if it
        had been edited on the card.
        """
        place = name or configurations.name_on_card(path)
        files = [(place.rsplit("/", 1)[-1], read_file(path))]
        answer = await self._board.send_files("file", place, files, {}, timeout, progress)
        return InstalledFiles.from_map(Answer("install", answer))

    async def pull(
        self, name: str, timeout: float = GET_TIMEOUT, *, progress: Progress | None = None
    ) -> bytes:
        """Return a file of the card, to be edited and pushed back.

        name: configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or
        packages/PACKAGE/FILE. A service.yaml with a password comes over encrypted links and wires only.
        timeout: seconds without progress. Raises CommandFailed, RequestTimeout, LinkLost.
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
        """Send another version of the service, to run from the next start on (see Board.restart()).

        folder: its files (default: the version that belongs to this client, compiled; sources: as
        source). The board keeps the version before and goes back to it where the new one does not
        last. Raises PackageError, CommandFailed, RequestTimeout, LinkLost.
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
        """Remove a package that is not in use; return the tasks on the card that now lack it."""
        answer = await self._board.request("package.remove", {"name": name}, timeout)
        return [*Answer("package.remove", answer).texts("tasks")]

    async def config_get(self, timeout: float = REQUEST_TIMEOUT) -> dict[str, Any]:
        """Return the settings in force: maps `service` and `task` (None without one), no secrets."""
        answer = await self._board.request("config", timeout=timeout, repeat=True)
        return dict(configurations.rounded(Answer("config", answer).values))

    @staticmethod
    def config_validate(path: str | PathLike[str], kind: str | None = None) -> dict[str, Any]:
        """Return the settings of a YAML file as the board would read it; needs no board.

        kind: "service" or "task", where the name does not tell. Raises ConfigurationError.
        """
        return dict(configurations.rounded(configurations.validate(path, kind).public()))
