"""A card in memory on which power can go off at any step of any write, for tests on both interpreters.

What was written and not flushed may be there, in part or not at all, when power comes back.
"""


class PowerCutError(Exception):
    """Power went off."""


LOST = "lost"  # what was not flushed is gone
HALF = "half"  # half of it is there
KEPT = "kept"  # all of it is there


class PowerCard:
    """Stands for `os` and `open` of the module under test; steps counts what could be cut."""

    def __init__(self, unflushed: str = LOST) -> None:
        self.contents = {}  # path -> bytes that are on the card
        self.steps = 0
        self.cut_at = -1
        self.writes = 0  # bytes
        self._unflushed = unflushed

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise PowerCutError

    def open(self, path: str, mode: str = "r"):
        if "r" in mode:
            if path not in self.contents:
                raise OSError(2)
            return _Reading(self.contents[path])
        self.step()
        if "w" in mode or path not in self.contents:
            self.contents[path] = b""
        return _Writing(self, path)

    def stat(self, path: str):
        if path not in self.contents:
            start = path.rstrip("/") + "/"
            if any([each.startswith(start) for each in self.contents]):
                return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            raise OSError(2)
        return (0x8000, 0, 0, 0, 0, 0, len(self.contents[path]), 0, 0, 0)

    def rename(self, old: str, new: str) -> None:
        if old not in self.contents:
            raise OSError(2)
        if new in self.contents:
            raise OSError(17)
        self.step()
        self.contents[new] = self.contents.pop(old)

    def remove(self, path: str) -> None:
        if path not in self.contents:
            raise OSError(2)
        self.step()
        self.contents.pop(path)

    def mkdir(self, path: str) -> None:
        self.step()


class _Reading:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        return data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class _Writing:
    def __init__(self, card: PowerCard, path: str) -> None:
        self._card = card
        self._path = path
        self._pending = b""

    def write(self, data: bytes) -> int:
        self._pending += bytes(data)
        self._card.writes += len(data)
        self._cut_or_go_on()
        return len(data)

    def flush(self) -> None:
        self._cut_or_go_on()
        self._card.contents[self._path] += self._pending
        self._pending = b""

    def _cut_or_go_on(self) -> None:
        try:
            self._card.step()
        except PowerCutError:
            share = {LOST: 0, HALF: len(self._pending) // 2, KEPT: len(self._pending)}
            kept = share[self._card._unflushed]
            self._card.contents[self._path] += self._pending[:kept]
            self._pending = b""
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._pending:
            self.flush()
