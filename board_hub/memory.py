"""What the hub remembers across its own restarts: boards by URL, what was announced, events handed on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any, TypedDict

from host_client.base.wording import reason
from host_client.link.keys import KeyStore

_log = logging.getLogger(__name__)

_MOMENT_S = 2.0
# How far events were handed on changes all the time; a hub that ends without a word says some twice.
_PLACES_S = 10.0
_MOST = 20_000  # boards; a file that names more is not ours


def default_path() -> Path:
    """Return where the hub keeps it where hub.yaml says nothing."""
    return KeyStore().path.parent / "hub.json"


class Announced(TypedDict):
    """Of one board: labels that were seen, and Home Assistant's components with their platforms."""

    labels: list[str]
    components: dict[str, str]


class Memory:
    """boards: URL to (board id, board name); announced: board id to what others know of it by us.

    places: board id to (boot id, number) of the last event that was handed on.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file; one that is missing or damaged is an empty one. None: keep nothing."""
        self._path = path
        self.boards: dict[str, tuple[str, str]] = {}
        self.announced: dict[str, Announced] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.problem = ""
        self._timer: asyncio.TimerHandle | None = None
        if path is not None:
            self._load(path)

    def learn(self, url: str, board_id: str, name: str) -> None:
        """Note who answered at url."""
        if self.boards.get(url) != (board_id, name):
            self.boards[url] = (board_id, name)
            self._save_soon()

    def announce(self, board_id: str, known: Announced | None) -> None:
        """Note what others know of a board; None forgets it."""
        if self.announced.get(board_id) == known:
            return
        if known is not None:
            self.announced[board_id] = known
        else:
            self.announced.pop(board_id, None)
        self._save_soon()

    def handed_on(self, board_id: str, boot_id: int, number: int) -> None:
        """Note that everything up to this event needs no second time."""
        known = self.places.get(board_id)
        if known is None or known[0] != boot_id or known[1] < number:
            self.places[board_id] = (boot_id, number)
            self._save_soon(_PLACES_S)

    def _save_soon(self, seconds: float = _MOMENT_S) -> None:
        """Write once for all that changes within a moment: many boards answer at the same time."""
        if self._timer is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.save()
            return
        self._timer = loop.call_later(seconds, self.save)

    def save(self) -> None:
        """Write the file: after any failure the old one or the new one is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._path is None:
            return
        known = {"boards": self.boards, "announced": self.announced, "places": self.places}
        text = json.dumps(known, indent=1)
        temporary = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(prefix="hub.", dir=self._path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            self.problem = ""
        except OSError as error:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            problem = f"{self._path}: {reason(error)}"
            if problem != self.problem:
                _log.warning("the hub can't remember its boards: %s", problem)
            self.problem = problem

    def _load(self, path: Path) -> None:
        try:
            found: Any = json.loads(path.read_text("utf-8"))
            for url, (board_id, name) in list(found["boards"].items())[:_MOST]:
                self.boards[str(url)] = (str(board_id), str(name))
            for board_id, known in list(found["announced"].items())[:_MOST]:
                labels = [str(label) for label in known["labels"]]
                components = {str(k): str(v) for k, v in known["components"].items()}
                self.announced[str(board_id)] = Announced(labels=labels, components=components)
            for board_id, (boot_id, number) in list(found.get("places", {}).items())[:_MOST]:
                self.places[str(board_id)] = (int(boot_id), int(number))
        except FileNotFoundError:
            pass
        except OSError as error:
            self.problem = f"{path}: {reason(error)}"
        except (ValueError, KeyError, TypeError, AttributeError):
            self.problem = f"{path}: not written by the hub; it starts anew"
            _log.warning("%s", self.problem)
