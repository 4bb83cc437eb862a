"""What a board's card holds, as methods of Board: packages, configurations, files, the service itself."""

from __future__ import annotations

import asyncio
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from host_client.commands import configurations, uploads
from host_client.commands.answers import expect
from host_client.commands.packages import read_package
from host_client.commands.uploads import PUSH_TIMEOUT, InstalledPackage, PackageInfo
from host_client.link.calls import Progress

if TYPE_CHECKING:
    from host_client.board import Board

_TIMEOUT = 60.0  # seconds
_SERVICE = "firmware_app"


class CardCommands:
    """Base of Board."""

    async def push(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        task: str | None = None,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> InstalledPackage:
        """Send a deployment package and install it beside the others; results go on meanwhile.

        path: the cloud platform's zip file, outer or inner, or a folder. name: on the card (default:
        the file's); one of that name is replaced. task: what it does, where its files do not say.
        timeout: seconds without progress. A link lost on the way is gone on with.
        Raises PackageError, CommandFailed, RequestTimeout, LinkLost.
        """
        board = cast("Board", self)
        loop = asyncio.get_running_loop()
        package = await loop.run_in_executor(None, read_package, path, name, task)
        arguments = {"task": task} if task is not None else {}
        answer = await uploads.push(
            board, "package", package.name, package.files, arguments, timeout, progress
        )
        return InstalledPackage.from_map(answer)

    async def push_file(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Replace or add one file of the card; the board checks it before it counts.

        name: configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or
        packages/PACKAGE/NAME.txt; default: from `configs/` on in path. A YAML takes effect as if it
        had been edited on the card.
        """
        place = name or configurations.name_on_card(path)
        files = [(place.rsplit("/", 1)[-1], uploads.read_file(path))]
        board = cast("Board", self)
        return await uploads.push(board, "file", place, files, {}, timeout, progress)

    async def push_firmware(
        self,
        folder: str | PathLike[str],
        *,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Send another version of the service, to run from the next start on (see restart()).

        The board keeps the version before and goes back to it where the new one does not last.
        """
        files = uploads.firmware_files(Path(folder))
        board = cast("Board", self)
        return await uploads.push(board, "firmware", _SERVICE, files, {}, timeout, progress)

    async def packages(self, timeout: float = _TIMEOUT) -> list[PackageInfo]:
        """Return the packages on the card."""
        answer = await cast("Board", self).request("packages", timeout=timeout, repeat=True)
        rows = expect(answer, list, "packages")
        return [PackageInfo.from_map(expect(row, dict, "packages")) for row in rows]

    async def remove_package(self, name: str, timeout: float = _TIMEOUT) -> list[str]:
        """Remove a package that is not in use; return the tasks on the card that now lack it."""
        answer = await cast("Board", self).request("package.remove", {"name": name}, timeout)
        row = expect(answer, dict, "package.remove")
        return [str(each) for each in row.get("tasks", ())]

    async def config_get(self, timeout: float = _TIMEOUT) -> dict[str, Any]:
        """Return the settings in force: maps `service` and `task` (None without one), no secrets."""
        answer = await cast("Board", self).request("config", timeout=timeout, repeat=True)
        return dict(configurations.rounded(expect(answer, dict, "config")))

    @staticmethod
    def config_validate(path: str | PathLike[str], kind: str | None = None) -> dict[str, Any]:
        """Return the settings of a YAML file as the board would read it; needs no board.

        kind: "service" or "task", where the name does not tell. Raises ConfigurationError.
        """
        return dict(configurations.rounded(configurations.validate(path, kind).public()))

    async def restart(self, timeout: float = _TIMEOUT) -> None:
        """Restart the board; the link comes back by itself."""
        await cast("Board", self).request("restart", timeout=timeout)
