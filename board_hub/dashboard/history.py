"""What the dashboard remembers of a board, in bounded memory: events of a day, figures of a day."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

EVENTS = 20_000  # of a board
PICTURES = 100  # of events
PICTURE_BYTES = 8 << 20  # of all pictures of a board's events
FINE = 900  # points as they come
COARSE = 1440  # one a minute: a day
MINUTE = 60.0

Row = dict[str, Any]


class Events:
    """The newest events of a board, numbered by the dashboard itself, newest first when asked."""

    def __init__(self, limit: int = EVENTS) -> None:
        self._rows: deque[Row] = deque(maxlen=limit)
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._bytes = 0
        self._next = 1

    def add(self, row: Row) -> Row:
        """Keep an event; return it with its number `n`."""
        row = {**row, "n": self._next}
        self._next += 1
        self._rows.append(row)
        return row

    def attach(self, number: int, picture: bytes) -> None:
        """Keep a picture of an event; the oldest ones make room."""
        self._bytes += len(picture) - len(self._pictures.pop(number, b""))
        self._pictures[number] = picture
        while len(self._pictures) > PICTURES or self._bytes > PICTURE_BYTES:
            _, gone = self._pictures.popitem(last=False)
            self._bytes -= len(gone)

    def picture(self, number: int) -> bytes | None:
        """Return the picture of an event, while it is kept."""
        return self._pictures.get(number)

    def page(
        self, before: int | None, limit: int, kinds: frozenset[str], text: str
    ) -> tuple[list[Row], int | None]:
        """Return events older than `before`, newest first, and where the next page begins.

        kinds: () for all; text: what the event must contain somewhere.
        """
        found: list[Row] = []
        wanted = text.casefold()
        for row in reversed(self._rows):
            if before is not None and row["n"] >= before:
                continue
            if kinds and row["kind"] not in kinds:
                continue
            if wanted and wanted not in _words(row):
                continue
            if len(found) == limit:
                return found, found[-1]["n"]
            found.append({**row, "picture": row["n"] in self._pictures})
        return found, None

    @property
    def kinds(self) -> list[str]:
        """The kinds that occur."""
        return sorted({row["kind"] for row in self._rows})

    def __len__(self) -> int:
        return len(self._rows)


class Figures:
    """Measured values over time: the newest as they came, a day in minutes."""

    def __init__(self) -> None:
        self._fine: deque[Row] = deque(maxlen=FINE)
        self._coarse: deque[Row] = deque(maxlen=COARSE)
        self._minute: list[Row] = []

    def add(self, row: Row) -> None:
        """Keep a point; `t` is its time in Unix seconds."""
        self._fine.append(row)
        if self._minute and row["t"] - self._minute[0]["t"] >= MINUTE:
            self._coarse.append(_mean(self._minute))
            self._minute = []
        self._minute.append(row)

    def rows(self, whole_day: bool) -> list[Row]:
        """Return the points, oldest first."""
        return [*self._coarse, *self._minute[-1:]] if whole_day else list(self._fine)


def _mean(rows: list[Row]) -> Row:
    found: Row = {}
    for name in rows[-1]:
        values = [row[name] for row in rows if isinstance(row.get(name), (int, float))]
        found[name] = round(sum(values) / len(values), 3) if values else None
    return found


def _words(row: Row) -> str:
    return " ".join(str(value) for value in (row["kind"], row.get("details"))).casefold()
