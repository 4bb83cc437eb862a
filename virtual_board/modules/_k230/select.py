"""select for streams written in Python: a PC's poll() takes a millisecond for them even when ready.

Each pass asks every registered stream once, in order, as the board's does; between passes it
sleeps a millisecond in which others run.
"""

import select as _real
import time
from select import POLLERR, POLLHUP, POLLIN, POLLOUT

_POLL = 3  # MP_STREAM_POLL
_STEP_MS = 1


class _Poll:
    def __init__(self) -> None:
        self._entries = {}  # id -> [stream, events]
        self._files = _real.poll()  # what the interpreter itself can wait for
        self._has_files = False

    def register(self, stream, events: int = POLLIN | POLLOUT) -> None:
        if hasattr(stream, "ioctl"):
            self._entries[id(stream)] = [stream, events]
        else:
            self._files.register(stream, events)
            self._has_files = True

    def modify(self, stream, events: int) -> None:
        entry = self._entries.get(id(stream))
        if entry is not None:
            entry[1] = events
        elif hasattr(stream, "ioctl"):
            raise OSError(2)
        else:
            self._files.modify(stream, events)

    def unregister(self, stream) -> None:
        if self._entries.pop(id(stream), None) is None and self._has_files:
            self._files.unregister(stream)

    def _look(self, oneshot: bool):
        found = []
        for entry in list(self._entries.values()):
            stream, events = entry
            if events:
                ready = stream.ioctl(_POLL, events)
                if ready:
                    found.append((stream, ready & (events | POLLERR | POLLHUP)))
                    if oneshot:
                        entry[1] = 0
        if self._has_files:
            found.extend(self._files.poll(0))
        return found

    def poll(self, timeout: int = -1, flags: int = 0):
        """Return [(stream, events)] of what is ready within timeout ms (-1: however long)."""
        start = time.ticks_ms()
        while True:
            found = self._look(bool(flags))
            if found or timeout == 0:
                return found
            if timeout > 0 and time.ticks_diff(time.ticks_ms(), start) >= timeout:
                return found
            time.sleep_ms(_STEP_MS)

    def ipoll(self, timeout: int = -1, flags: int = 0):
        return iter(self.poll(timeout, flags))


def poll():
    """Return a poll object."""
    return _Poll()


def select(readers, writers, errors, timeout=None):
    """Return the ready ones of three lists."""
    waiting = poll()
    for stream in readers:
        waiting.register(stream, POLLIN)
    for stream in writers:
        waiting.register(stream, POLLOUT | (POLLIN if stream in readers else 0))
    found = waiting.poll(-1 if timeout is None else int(timeout * 1000))
    return (
        [s for s, events in found if events & POLLIN and s in readers],
        [s for s, events in found if events & POLLOUT and s in writers],
        [],
    )
