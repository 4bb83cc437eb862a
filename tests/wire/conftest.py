"""Fixtures of the link's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from .support import BoardSide

# Of the board's UART link only the wire is another one here: nothing calls the vendor's module.
sys.modules.setdefault("machine", ModuleType("machine"))


@pytest.fixture(scope="module")
def board() -> Iterator[BoardSide]:
    """MicroPython, one process for a module's tests."""
    side = BoardSide()
    yield side
    side.close()
