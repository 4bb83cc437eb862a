"""Fixtures of the link's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import BoardSide


@pytest.fixture(scope="module")
def board() -> Iterator[BoardSide]:
    """MicroPython, one process for a module's tests."""
    side = BoardSide()
    yield side
    side.close()
