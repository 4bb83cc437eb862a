"""Answers that hold for a while: N of the last M frames agree, or an area stays on one side of a limit."""

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class Vote:
    """The last answers, and the one that enough of them agree on."""

    def __init__(self, needed: int, of: int, value: "Any" = None) -> None:
        """value: the steady answer to begin with."""
        self._needed = needed
        self._of = max(needed, of)
        self._latest: list = []
        self.value = value

    def add(self, value: "Any") -> bool:
        """Take the answer of a frame; return whether the steady one has changed."""
        latest = self._latest
        latest.append(value)
        if len(latest) > self._of:
            latest.pop(0)
        if value == self.value or latest.count(value) < self._needed:
            return False
        self.value = value
        return True


class Area:
    """A limit of a class's area in a class map: over or under it for a time."""

    def __init__(self, name: str, kind: int, limit: int, above: bool, for_ms: int) -> None:
        """limit: per mille of the map; above: whether more than that is what is looked for."""
        self.name = name
        self._kind = kind
        self._limit = limit
        self._above = above
        self._for_ms = for_ms
        self.value = False
        self._since: "int | None" = None  # it has been the other way

    def see(self, areas: list, pixels: int, time_ms: int) -> bool:
        """Take the pixels of each class of a map; return whether the answer has changed."""
        share = 0
        if 0 <= self._kind < len(areas):
            share = 1000 * areas[self._kind] // max(1, pixels)
        now = share > self._limit if self._above else share < self._limit
        if now == self.value:
            self._since = None
            return False
        if self._since is None:
            self._since = time_ms
        if time_ms - self._since < self._for_ms:
            return False
        self.value = now
        self._since = None
        return True
