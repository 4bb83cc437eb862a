"""Material that tests of the silicon share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded data and golden vectors; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (recorded data and golden vectors)")
    return SHARED
