"""What the silicon raises: errors a script can catch, and faults that end its process."""

from __future__ import annotations

KINDS = frozenset({"EOFError", "MemoryError", "OSError", "RuntimeError", "TypeError", "ValueError"})
"""Exception names a `SiliconError` may carry; MicroPython has every one of them."""


class SiliconError(Exception):
    """An error the board reports as the Python exception named `kind`."""

    def __init__(self, kind: str, message: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {sorted(KINDS)}, found {kind!r}")
        super().__init__(message)
        self.kind = kind
        self.message = message


class NativeFault(Exception):  # noqa: N818 - not an error: it ends the process
    """Something the board answers by ending the process: an uncaught C++ exception or a signal."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
