"""The client's end of data from a board: which CHUNKs it answers, so that the board never waits."""

from __future__ import annotations

import pytest

from firmware_app.link.downloads import Download, Held
from firmware_app.wire import messages
from host_client.link.calls import Receiving


class Clock:
    """Stands still: whoever waits for it waits for ever."""

    def ms(self) -> int:
        return 0


@pytest.mark.parametrize("chunk", [512, messages.CHUNK_SIZE])
@pytest.mark.parametrize("size", [1, 511, 513, 8192, 100_000])
def test_no_chunk_waits_for_time_to_pass(chunk: int, size: int) -> None:
    """Both ends of the product: a UART's small CHUNKs and the network's."""
    data = bytes(range(250)) * (size // 250 + 1)
    board = Download(7, Held(data[:size]), 0, chunk, Clock())  # type: ignore[arg-type]
    came = bytearray()
    client = Receiving(7, size, came, 0.0)
    while not board.done:
        message = board.message()
        assert message is not None, f"the board waits at {len(came)} of {size} bytes"
        answer = client.chunk(message[2:], 0.0)
        if answer is not None:
            board.taken(answer[2])
    assert client.done and bytes(came) == data[:size]
