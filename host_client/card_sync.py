"""host_client.commands.card without await, for host_client.sync."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from host_client.commands.card import CardCommands as _Async
from host_client.commands.uploads import PUSH_TIMEOUT, InstalledPackage, PackageInfo
from host_client.link.calls import Progress

if TYPE_CHECKING:
    from host_client.sync import Board


def _of(board: CardCommands) -> tuple[_Async, Callable[[Coroutine[Any, Any, Any]], Any]]:
    whole = cast("Board", board)
    return whole._board, whole._loop.run


class CardCommands:
    """Base of host_client.sync.Board; progress callbacks are called in the board's thread."""

    def push(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        task: str | None = None,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> InstalledPackage:
        """Send a deployment package and install it; see host_client.Board.push()."""
        board, run = _of(self)
        made = board.push(path, name, task=task, timeout=timeout, progress=progress)
        return cast("InstalledPackage", run(made))

    def push_file(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        *,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Replace or add one file of the card; see host_client.Board.push_file()."""
        board, run = _of(self)
        answer = run(board.push_file(path, name, timeout=timeout, progress=progress))
        return cast("dict[str, Any]", answer)

    def push_firmware(
        self,
        folder: str | PathLike[str],
        *,
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Send another version of the service, to run from the next start on."""
        board, run = _of(self)
        answer = run(board.push_firmware(folder, timeout=timeout, progress=progress))
        return cast("dict[str, Any]", answer)

    def packages(self) -> list[PackageInfo]:
        """Return the packages on the card."""
        board, run = _of(self)
        return cast("list[PackageInfo]", run(board.packages()))

    def remove_package(self, name: str) -> list[str]:
        """Remove a package that is not in use; return the tasks that now lack it."""
        board, run = _of(self)
        return cast("list[str]", run(board.remove_package(name)))

    def config_get(self) -> dict[str, Any]:
        """Return the settings in force."""
        board, run = _of(self)
        return cast("dict[str, Any]", run(board.config_get()))

    @staticmethod
    def config_validate(path: str | PathLike[str], kind: str | None = None) -> dict[str, Any]:
        """Return the settings of a YAML file as the board would read it; needs no board."""
        return _Async.config_validate(path, kind)

    def restart(self) -> None:
        """Restart the board; the link comes back by itself."""
        board, run = _of(self)
        run(board.restart())
