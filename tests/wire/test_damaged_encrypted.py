"""An encrypted session under damage: whatever is done to its packets, only what was sent comes out.

`python -m benchmarks.wire_fuzz` does the same ten million times.
"""

from __future__ import annotations

import pytest

from benchmarks import wire_fuzz
from host_client.link import encryption

TRIALS = 70_000  # of each seed: the counter's 16 bits go round


@pytest.mark.parametrize("seed", range(4))
def test_nothing_damaged_is_opened(seed: int) -> None:
    found = wire_fuzz.fuzz(seed, TRIALS)
    assert found.rejected > 0.7 * TRIALS
    assert found.opened < 0.2 * TRIALS


def test_a_decoder_that_does_not_look_at_tags_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "compare_digest", lambda a, b: True)
    with pytest.raises(wire_fuzz.Wrong):
        wire_fuzz.fuzz(0, TRIALS)
