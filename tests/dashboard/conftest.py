"""What all tests of the dashboard share."""

from __future__ import annotations

import pytest

from board_hub.dashboard import accounts


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make digests of passwords cheap: their cost is not the subject."""
    monkeypatch.setattr(accounts, "_N", 16)
