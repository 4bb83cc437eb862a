"""The board's media memory (MMZ): finite, and its end is the process's.

from_numpy(), the KPU's loader and its runs throw C++ exceptions where it runs out, which nothing
catches (Stars1233/canmv_k230 port/kpu/nncase_wrap.cpp: `.expect(...)`; the firmware's handler ends the
process). A camera that finds no buffers is refused with a code.
"""

from __future__ import annotations

from collections.abc import Callable

from virtual_board.silicon.base.errors import NativeFault

PAGE = 4096


def rounded(size: int) -> int:
    """Return what so many bytes take."""
    return -(-size // PAGE) * PAGE


class Media:
    """What the media memory holds: parts that tell their bytes, and the interpreter's tensors."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.blocks = 0
        """Bytes of the interpreter's own tensors, as it told last."""
        self._parts: list[Callable[[], int]] = []

    def add(self, part: Callable[[], int]) -> None:
        """Count what part() says from now on."""
        self._parts.append(part)

    def used(self) -> int:
        """Return how many bytes are taken."""
        return self.blocks + sum(part() for part in self._parts)

    def holds(self, size: int) -> bool:
        """Return whether so many bytes more are there."""
        return self.used() + size <= self.total

    def need(self, size: int, what: str) -> None:
        """End the process where so many bytes more are not there."""
        if not self.holds(size):
            free = max(0, self.total - self.used())
            raise NativeFault(
                f"{what}: out of media memory: {size} bytes are needed, {free} of {self.total} are "
                "free; the C++ exception ends the process (SIGABRT)"
            )
