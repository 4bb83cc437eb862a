"""The client's end of data from a board: which CHUNKs it answers, and which verbs get their data so."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_app.link.downloads import Download, Held
from firmware_app.wire import messages, mpack, packets
from host_client.cli.app import run
from host_client.link.calls import Receiving
from tests.host.board_thread import BoardThread
from tests.host.test_odd_answers import FILE


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
        arrived = mpack.unpack(packets.payload_of(message))
        answer = client.chunk(arrived[2:], 0.0)
        if answer is not None:
            board.taken(answer[2])
    assert client.done and bytes(came) == data[:size]


def test_the_log_and_a_gallery_come_in_chunks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands with one answer a page are for boards without `get`."""
    lines = [f"{number:8} info line {number}" for number in range(2000)]
    log = "\n".join(["old", "--- start 2", *lines, ""]).encode()
    with BoardThread() as scripted:
        scripted.board.files = {"log": log, "gallery": FILE}
        url = scripted.board.url
        assert run(["logs", url]) == 0
        assert capsys.readouterr().out.splitlines() == ["--- start 2", *lines]
        assert run(["logs", url, "--all"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == "old"
        assert run(["gallery", "export", url, str(tmp_path / "a.gallery")]) == 0
        assert (tmp_path / "a.gallery").read_bytes() == FILE
        asked = {row[1] for row in scripted.board.commands}
    assert len(log) > 3 * messages.CHUNK_SIZE
    assert "get" in asked and not asked & {"logs", "gallery.export"}


def test_a_damaged_gallery_is_not_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        scripted.board.files = {"gallery": FILE[:-3]}
        assert run(["gallery", "export", scripted.board.url, str(tmp_path / "a")]) == 8
    assert "not a gallery file, or damaged" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
