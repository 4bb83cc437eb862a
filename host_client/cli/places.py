"""The file of `k230 events --resume FILE`: the last event shown of each board."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

from host_client.cli.files import write_file
from host_client.cli.terminal import FileError, file_error

_FORM = 1
_open: weakref.WeakValueDictionary[str, Places] = weakref.WeakValueDictionary()


def places_of(path: str) -> Places:
    """Return the positions in FILE: one object for all boards of a command."""
    places = _open.get(path)
    if places is None:
        places = _open[path] = Places(path)
    return places


class Places:
    """The last event of each board, by board id; each change rewrites the whole file."""

    def __init__(self, path: str) -> None:
        """Read FILE if it exists; FileError if it is something else."""
        self._path = path
        self._boards: dict[str, tuple[int, int]] = {}
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            write_file(
                path, self._text()
            )  # report a file that can't be written now, not at the first event
            return
        except OSError as error:
            raise file_error(error) from error
        try:
            kept = json.loads(data)
            if kept["form"] != _FORM:
                raise ValueError
            for board_id, (boot_id, number) in kept["boards"].items():
                self._boards[board_id] = (int(boot_id), int(number))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise FileError(
                f"{path}: expected a file that `k230 events --resume` wrote, found something else; "
                "remove it, or choose another"
            ) from None

    def find(self, board_id: str) -> tuple[int, int] | None:
        """Return (boot id, number) of the last event shown of a board."""
        return self._boards.get(board_id)

    def keep(self, board_id: str, place: tuple[int, int] | None) -> None:
        """Store the last event shown of a board; raises FileError."""
        if place is not None and place != self._boards.get(board_id):
            self._boards[board_id] = place
            write_file(self._path, self._text())

    def _text(self) -> bytes:
        boards = {board_id: [*place] for board_id, place in self._boards.items()}
        return (json.dumps({"form": _FORM, "boards": boards}) + "\n").encode()
