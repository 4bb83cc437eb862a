"""What the silicon raises: errors a script can catch, and faults that end its process."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Something the board answers by ending the thread: an uncaught C++ exception or a CPU fault."""

    abort = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NativeAbort(NativeFault):
    """An uncaught C++ exception, which the firmware answers with less than a CPU fault."""

    abort = True


@dataclass(frozen=True)
class Death:
    """How a thread of the interpreter ended."""

    message: str
    abort: bool = False
    """An abort; else a CPU fault."""
    main: bool = True
    """It was the main thread."""

    @property
    def kind(self) -> str:
        """The name of the supervisor's event: one of DEATHS."""
        return ("abort" if self.abort else "fault") + ("" if self.main else " of a thread")


DEATHS = {
    Death("", abort, main).kind: (abort, main) for abort in (False, True) for main in (False, True)
}
