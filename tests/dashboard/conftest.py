"""What all tests of the dashboard share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from board_hub.dashboard import accounts


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Make digests of passwords cheap: their cost is not the subject."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_N", 16)
        yield
