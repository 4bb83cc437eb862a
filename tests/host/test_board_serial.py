"""Board over a tty: noise, lost frames, repeated commands, restarts without a word, locks."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable

import pytest
from PIL import Image

from firmware_app.wire import messages, packets
from host_client import Board, ConnectionFailed, PortLocked, State
from host_client.link import calls, session
from tests.host.scripted_board import KEY, PtyBoard, pty_board

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no ptys here")


async def subscribed(scripted: PtyBoard) -> None:
    await scripted.until(lambda: bool(scripted.sessions[0].wants.get("results")))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits: the rules are the same, the test need not take a minute."""
    monkeypatch.setattr(calls, "_FIRST_RETRY", 0.05)
    monkeypatch.setattr(session, "PING_INTERVAL", 0.1)
    monkeypatch.setattr(session, "_FIRST_PING_INTERVAL", 0.05)
    monkeypatch.setattr(session, "_DEAF_SECONDS", 0.3)


@pytest.mark.parametrize("key", [None, KEY])
async def test_results_and_requests(key: bytes | None) -> None:
    async with pty_board(key=key) as scripted, Board.connect(scripted.url, key) as board:
        results = board.results()
        await subscribed(scripted)
        for seq in range(3):
            scripted.publish_label(seq)
        assert [(await results.__anext__()).seq for _ in range(3)] == [0, 1, 2]
        assert (await board.describe()).labels == ("cat", "dog", "菠菜")


async def test_a_key_is_no_fault_where_a_wire_needs_none() -> None:
    async with pty_board() as scripted, Board.connect(scripted.url, KEY) as board:
        assert (await board.describe()).task == "classification"


async def test_noise_before_and_between_is_survived() -> None:
    async with pty_board() as scripted:
        scripted._write(bytes(range(1, 256)))  # the end of something that began before us
        scripted._write(packets.encode([messages.CLASSIFICATION, 1, 2, 3, 0, []]))
        async with Board.connect(scripted.url) as board:
            results = board.results()
            await subscribed(scripted)
            for seq in range(20):
                scripted._write(b"\x07noise" * seq + b"\0")
                scripted.publish_label(seq)
            assert [(await results.__anext__()).seq for _ in range(20)] == list(range(20))
            assert board.counts.rejected >= 19


def lossy(share: float, seed: int) -> Callable[[bytes], bool]:
    """Lose whole frames at random."""
    numbers = random.Random(seed)
    return lambda frame: numbers.random() < share


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("seed", range(4))
async def test_commands_get_through_a_lossy_line_and_run_once(key: bytes | None, seed: int) -> None:
    numbers = random.Random(1000 + seed)

    def flip(data: bytes) -> bytes:
        if numbers.random() > 0.3:
            return data
        at = numbers.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << numbers.randrange(8)]) + data[at + 1 :]

    lost = 0

    def lose(frame: bytes) -> bool:
        nonlocal lost
        gone = bad_luck(frame)
        lost += gone
        return gone

    bad_luck = lossy(0.3, seed)
    async with pty_board(key=key, lose=lose, garble=flip) as scripted:
        scripted.answers["step"] = lambda arguments: arguments["n"]
        async with Board.connect(scripted.url, key) as board:
            assert [await board.request("step", {"n": n}) for n in range(10)] == list(range(10))
        assert scripted.executed.count("step") == 10
        assert lost > 0


@pytest.mark.usefixtures("quick")
async def test_pictures_get_through_a_lossy_line_whole() -> None:
    picture = Image.effect_noise((60, 40), 90).convert("RGB")
    planes = b"".join(band.tobytes() for band in picture.split())
    async with pty_board(lose=lossy(0.2, 5), window=4096) as scripted:
        async with Board.connect(scripted.url) as board:
            result = await board.infer(picture)
        assert scripted.received == planes
        assert (result.seq, result.image) == (7, None)


@pytest.mark.usefixtures("quick")
async def test_a_board_that_restarts_without_a_word_is_noticed() -> None:
    async with pty_board() as scripted, Board.connect(scripted.url) as board:
        results, states = board.results(), board.states()
        await subscribed(scripted)
        await scripted.restart()
        change = await states.__anext__()
        assert (change.state, change.reason) == (State.RECONNECTING, "the board restarted")
        change = await states.__anext__()
        assert (change.state, change.restarted) == (State.CONNECTED, True)
        await subscribed(scripted)
        scripted.publish_label(3)
        assert (await results.__anext__()).seq == 3


@pytest.mark.usefixtures("quick")
async def test_a_busy_board_keeps_its_session() -> None:
    async with pty_board() as scripted, Board.connect(scripted.url) as board:
        states = board.states()
        scripted.mute = True
        await asyncio.sleep(0.8)  # longer than it takes to ask whether anybody knows us
        scripted.mute = False
        assert (await board.describe()).generation == 1
        hellos = scripted.hellos
        await asyncio.sleep(0.4)
        assert scripted.hellos == hellos
        assert board.state is State.CONNECTED
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(states.__anext__(), 0.05)


async def test_one_tty_carries_one_client() -> None:
    async with pty_board() as scripted, Board.connect(scripted.url) as board:
        with pytest.raises(PortLocked, match="one client at a time"):
            await Board.connect(scripted.url)
        await board.close()
        async with Board.connect(scripted.url):
            pass


async def test_what_is_no_tty_or_not_there(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(ConnectionFailed, match="no such tty"):
        await Board.connect(f"serial://{tmp_path}/none")
    file = os.path.join(tmp_path, "file")
    with open(file, "w"):
        pass
    with pytest.raises(ConnectionFailed, match="expected a tty"):
        await Board.connect(f"serial://{file}")


async def test_a_board_that_is_unplugged_is_waited_for() -> None:
    async with pty_board() as scripted, Board.connect(scripted.url) as board:
        states = board.states()
        await scripted.stop()
        scripted.unplug()
        change = await states.__anext__()
        assert change.state is State.RECONNECTING
        assert "tty is gone" in change.reason
        while (change := await states.__anext__()).state is State.GREETING:
            pass  # a last attempt that began while the tty was there
        assert "no such tty" in change.reason
