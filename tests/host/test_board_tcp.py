"""Board over TCP: results, reconnecting, keys, versions, and peers that misbehave."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from firmware_app.wire import messages, packets
from host_client import (
    AuthenticationError,
    Board,
    BoardFull,
    ClassificationResult,
    Closed,
    CommandFailed,
    ConnectionFailed,
    KeyFormatError,
    KeyStore,
    LinkLost,
    RequestTimeout,
    State,
    StateChange,
    TooManyAttempts,
    VersionError,
)
from tests.host.scripted_board import KEY, ScriptedBoard, tcp_board
from tests.servers import Server


async def subscribed(scripted: ScriptedBoard, kind: str = "results") -> None:
    await scripted.until(lambda: any(s.wants.get(kind) for s in scripted.sessions))


async def test_results_come_typed_and_in_order() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        results = board.results()
        await subscribed(scripted)
        for seq in range(5):
            scripted.publish_label(seq, seq % 3)
        got = [await results.__anext__() for _ in range(5)]
        assert [result.seq for result in got] == [0, 1, 2, 3, 4]
        assert isinstance(got[2], ClassificationResult)
        assert (got[2].label, got[2].score, got[2].model) == ("菠菜", 1.0, "model")
        assert board.info.board_name == "kitchen"
        assert board.model is not None
        assert board.model.width == 640


async def test_a_damaged_key_store_ends_the_greeting_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("K230_KEY", raising=False)
    store = KeyStore(tmp_path / "keys")
    store.path.write_text("board-1 abc\n")
    begun = time.monotonic()
    async with tcp_board(key=KEY) as scripted:
        with pytest.raises(KeyFormatError, match=r"keys, line 1: a key has 64"):
            await Board.connect(scripted.url, key_store=store)
    assert time.monotonic() - begun < 8  # the greeting gives up after 10 s


async def test_only_what_is_read_is_subscribed() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        assert (await board.describe()).task == "classification"
        assert "subscribe" not in scripted.executed
        events = board.events()
        await subscribed(scripted, "events")
        assert scripted.sessions[0].wants["results"] is False
        scripted.broadcast([messages.EVENT, 5, "camera", {"state": "lost"}, 7, "later"], "events")
        event = await events.__anext__()
        assert (event.kind, event.details) == ("camera", {"state": "lost"})
        await events.aclose()
        await scripted.until(lambda: not scripted.sessions[0].wants["events"])


async def test_statistics_and_logs() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        statistics, logs = board.statistics(), board.logs()
        await subscribed(scripted, "logs")
        scripted.broadcast([messages.STATISTICS, 9, {"results": 3}], "statistics")
        scripted.broadcast([messages.LOG, 9, 30, "hot"], "logs")
        assert (await statistics.__anext__()).values == {"results": 3}
        assert board.latest_statistics is not None
        line = await logs.__anext__()
        assert (line.time_ms, line.level, line.text) == (9, 30, "hot")


async def test_subscription_survives_a_restart_of_the_board() -> None:
    seen: list[StateChange] = []
    async with (
        tcp_board(key=KEY) as scripted,
        Board.connect(scripted.url, KEY, on_state=seen.append) as board,
    ):
        results = board.results()
        await subscribed(scripted)
        scripted.publish_label(500)
        assert (await results.__anext__()).seq == 500
        scripted.generation = 1
        await scripted.restart(pause=0.4)
        await subscribed(scripted)
        scripted.publish_label(0, 1)
        again = await results.__anext__()
        assert isinstance(again, ClassificationResult)
        assert (again.seq, again.label) == (0, "dog")
    states = [change.state for change in seen]
    assert states[:2] == [State.CONNECTING, State.CONNECTED]
    assert State.RECONNECTING in states
    assert states[-2:] == [State.CONNECTED, State.CLOSED]
    assert seen[-2].restarted
    lost = next(change for change in seen if change.state is State.RECONNECTING)
    assert isinstance(lost.error, LinkLost)
    assert lost.reason
    delays = [change.delay for change in seen if change.state is State.RECONNECTING]
    assert all(0 < delay < 11 for delay in delays)


async def test_a_lost_link_without_restart_is_no_restart() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        states = board.states()
        scripted.sessions[0].close()
        assert (await states.__anext__()).state is State.RECONNECTING
        change = await states.__anext__()
        assert (change.state, change.restarted) == (State.CONNECTED, False)


async def test_requests_wait_for_the_link_and_lost_ones_say_so() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        scripted.answers["switch"] = lambda arguments: None
        scripted.answers["status"] = lambda arguments: {"boot_id": scripted.boot_id}
        switching = asyncio.ensure_future(board.switch("other"))
        await scripted.until(lambda: "switch" in scripted.executed)
        await scripted.restart()
        with pytest.raises(LinkLost):
            await switching
        assert await board.status() == {"boot_id": 2}
        assert scripted.executed.count("switch") == 1


async def test_harmless_requests_are_repeated_on_the_next_link() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        scripted.answers["status"] = lambda _: None if scripted.boot_id == 1 else {"up": 1}
        asking = asyncio.ensure_future(board.status())
        await scripted.until(lambda: "status" in scripted.executed)
        await scripted.restart()
        assert await asking == {"up": 1}


async def test_failures_carry_the_boards_code_and_sentence() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        with pytest.raises(CommandFailed, match="no command fly") as caught:
            await board.request("fly")
        assert caught.value.code == "unknown_command"
        scripted.answers["tasks"] = lambda _: {"not": "a list"}
        with pytest.raises(Exception, match="tasks: expected an array in the answer, found dict"):
            await board.tasks()
        scripted.answers["tasks"] = lambda _: [{"name": "a", "active": True, "later": 1}]
        assert (await board.tasks())[0].active


async def test_a_command_without_answer_times_out() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        scripted.answers["status"] = lambda _: None
        with pytest.raises(RequestTimeout, match=r"status: no answer within 0\.2 s"):
            await board.status(timeout=0.2)
        assert scripted.executed == ["status"]  # TCP loses nothing: said once


@pytest.mark.parametrize(("sealed", "encrypted"), [(True, True), (True, False), (False, False)])
async def test_key(sealed: bool, encrypted: bool, tmp_path: Path) -> None:
    async with (
        tcp_board(key=KEY, sealed=sealed, encrypted=encrypted) as scripted,
        Board.connect(scripted.url, KEY.hex(), key_store=KeyStore(tmp_path / "keys")) as board,
    ):
        assert (board.info.sealed, board.info.encrypted) == (sealed, encrypted)
        results = board.results()
        await subscribed(scripted)
        scripted.publish_label(1)
        assert (await results.__anext__()).seq == 1
        heard = b"".join(scripted.sessions[0].recorded)
        assert KEY not in heard


async def test_a_board_that_encrypted_before_must_go_on(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "new" / "keys")
    async with tcp_board(key=KEY, encrypted=False) as scripted:
        async with Board.connect(scripted.url, KEY, key_store=store):
            pass  # never seen encrypted: taken as it is
        with pytest.raises(AuthenticationError, match=r"does not encrypt: set network\.encryption"):
            async with Board.connect(scripted.url, KEY, key_store=store, encryption="required"):
                pass
        scripted.encrypted = True
        for _ in range(2):
            async with Board.connect(scripted.url, KEY, key_store=store) as board:
                assert board.info.encrypted
        assert (tmp_path / "new" / "encrypted").read_text() == f"{scripted.board_id}\n"
        scripted.encrypted = False
        with pytest.raises(AuthenticationError, match="encrypted before and does not any more"):
            async with Board.connect(scripted.url, KEY, key_store=store):
                pass
        async with Board.connect(
            scripted.url, KEY, key_store=store, encryption="optional"
        ) as board:
            assert not board.info.encrypted
        scripted.board_id = "board-2"
        async with Board.connect(scripted.url, KEY, key_store=store):
            pass  # another board


async def test_an_encrypted_session_shows_nothing(tmp_path: Path) -> None:
    async with (
        tcp_board(key=KEY) as scripted,
        Board.connect(scripted.url, KEY, key_store=KeyStore(tmp_path / "keys")) as board,
    ):
        results = board.results()
        await subscribed(scripted)
        session = scripted.sessions[0]
        sent: list[bytes] = []
        send = session._send

        def recorded(data: bytes) -> None:
            sent.append(data)
            send(data)

        session._send = recorded
        session.send([messages.LOG, 1, 20, "what the log says in clear"])
        scripted.publish_label(1)
        assert (await results.__anext__()).seq == 1
        heard = b"".join([*session.recorded, *sent])
        assert b"in clear" not in heard
        assert b"subscribe" not in heard


async def test_sealed_sessions_take_nothing_unsealed_altered_or_twice() -> None:
    async with (
        tcp_board(key=KEY) as scripted,
        Board.connect(scripted.url, KEY) as board,
    ):
        results = board.results()
        await subscribed(scripted)
        session = scripted.sessions[0]
        sent: list[bytes] = []

        def keep(frame: bytes) -> bool:
            sent.append(frame)
            return True

        scripted.lose = keep
        scripted.publish_label(1)
        scripted.publish_label(2)
        scripted.lose = lambda frame: False
        session.send_raw(packets.encode([messages.CLASSIFICATION, 66, 1, 1, 1, [0, 9]]))
        payload = bytearray(packets.unstuff(sent[0][:-1])[:-4])
        payload[8] ^= 1
        session.send_raw(packets.packet_of(bytes(payload)))
        session.send_raw(sent[0] + sent[1] + sent[1] + sent[0])
        scripted.publish_label(3)
        assert [(await results.__anext__()).seq for _ in range(3)] == [1, 2, 3]
        assert board.counts.rejected == 4


@pytest.mark.parametrize(
    ("attributes", "key", "error", "text"),
    [
        ({"key": KEY}, bytes(32), AuthenticationError, "key"),
        ({"key": KEY}, False, AuthenticationError, "needs its key"),
        ({"key": KEY, "bad_proof": True}, KEY, AuthenticationError, "could not prove"),
        ({}, KEY, AuthenticationError, "does not use one"),
        ({"version": 9}, False, VersionError, "version 9, .*`pip install --upgrade k230-vision"),
        ({"version": 1}, False, VersionError, "version 1, .* `k230 install --port TTY`"),
        ({"refusal": ("version", "no", 3)}, False, VersionError, "upgrade k230-vision"),
        # Version 1 did not say its number here.
        ({"refusal": ("version", "board 1, client 2")}, False, VersionError, "k230 install"),
        ({"refusal": ("full", "8 of 8 taken")}, False, BoardFull, "8 of 8 taken"),
        ({"refusal": ("wait", "again in 5 s")}, False, TooManyAttempts, "5 s"),
        ({"refusal": ("later", "because")}, False, ConnectionFailed, "because"),
    ],
)
async def test_refusals(attributes: dict[str, Any], key: Any, error: type, text: str) -> None:
    async with tcp_board(**attributes) as scripted:
        with pytest.raises(error, match=text) as caught:
            await Board.connect(scripted.url, key)
        assert scripted.url in str(caught.value)
        assert scripted.hellos == 1


async def test_wrong_key_after_a_restart_is_final_and_no_link_error() -> None:
    async with tcp_board(key=KEY) as scripted, Board.connect(scripted.url, KEY) as board:
        results = board.results()
        scripted.key = bytes(32)
        await scripted.restart()
        with pytest.raises(AuthenticationError):
            await results.__anext__()
        assert board.state is State.FAILED
        hellos = scripted.hellos
        with pytest.raises(AuthenticationError):
            await board.status()
        await asyncio.sleep(0.6)
        assert scripted.hellos == hellos


async def test_full_after_a_restart_is_tried_again() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        states = board.states()
        scripted.refusal = ("full", "8 of 8 taken")
        await scripted.restart()
        async for change in states:
            if isinstance(change.error, BoardFull):
                scripted.refusal = None
            if change.state is State.CONNECTED:
                break


async def test_a_replayed_client_is_not_admitted() -> None:
    async with tcp_board(key=KEY) as scripted:
        async with Board.connect(scripted.url, KEY):
            recording = b"".join(scripted.sessions[0].recorded)
        port = int(scripted.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(recording)
        arrived = packets.Decoder().feed(await reader.read(-1))
        assert [m[0] for m in arrived] == [messages.WELCOME, messages.REFUSED]
        writer.close()
        await writer.wait_closed()


async def test_nobody_listens() -> None:
    async with tcp_board() as scripted:
        url = scripted.url
    with pytest.raises(ConnectionFailed, match="no service listens"):
        await Board.connect(url)
    with pytest.raises(ConnectionFailed, match="unknown host"):
        await Board.connect("tcp://no-such-host.invalid")


async def test_wait_tries_again_until_the_board_is_up() -> None:
    async def _info(board: Board) -> str:
        async with board:
            return board.info.board_name

    async with tcp_board() as scripted:
        await scripted.stop()
        connecting = asyncio.ensure_future(_info(Board.connect(scripted.url, wait=10)))
        await asyncio.sleep(0.3)
        await scripted.listen()
        assert await connecting == "kitchen"


@pytest.mark.parametrize(
    ("speech", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a web server"),
        (bytes(range(256)) * 300, "bytes of another protocol arrive"),
        (b"", "no greeting"),
    ],
)
async def test_who_is_no_board(speech: bytes, text: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(speech)
        await reader.read(-1)

    async with Server(serve) as server:
        with pytest.raises(ConnectionFailed, match=text):
            await Board.connect(server.url, greeting_timeout=0.3)


async def test_who_hangs_up_at_once() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")

    async with Server(serve) as server:
        with pytest.raises(ConnectionFailed, match="closed the connection during the greeting"):
            await Board.connect(server.url)


async def test_a_stalled_board_is_given_up_and_found_again() -> None:
    async with (
        tcp_board() as scripted,
        Board.connect(scripted.url, silence_timeout=0.5) as board,
    ):
        states = board.states()
        scripted.mute = True
        change = await states.__anext__()
        assert change.state is State.RECONNECTING
        assert "said nothing" in change.reason
        scripted.mute = False
        async for change in states:
            if change.state is State.CONNECTED:
                break


async def test_garbage_between_frames_is_dropped_and_counted() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        results = board.results()
        await subscribed(scripted)
        session = scripted.sessions[0]
        scripted.publish_label(1)
        session.send_raw(bytes(range(1, 200)) + b"\0" + b"\x01\x01\x01\x01\x01\0")
        session.send_raw(packets.encode([messages.EVENT]) + packets.encode([messages.REPLY]))
        session.send_raw(packets.encode([99, "of a later version"]))
        session.send_raw(packets.encode([126, 1, 2, 1, "a task of a later version"]))
        session.send_raw(packets.encode([messages.CLASSIFICATION, 2, 3, 1, "no", "sense"]))
        scripted.publish_label(2)
        assert [(await results.__anext__()).seq for _ in range(2)] == [1, 2]
        assert board.counts.rejected == 3  # noise, nothing with its CRC, a REPLY to nothing
        assert board.counts.malformed == 2


async def test_unknown_generations_are_asked_for_once() -> None:
    async with (
        tcp_board(announce=False) as scripted,
        Board.connect(scripted.url) as board,
    ):
        results = board.results()
        await subscribed(scripted)
        for seq in range(4):
            scripted.publish_label(seq)
        assert [(await results.__anext__()).seq for _ in range(4)] == [0, 1, 2, 3]
        assert scripted.executed.count("describe") == 1
        scripted.generation = 2
        scripted.answers["describe"] = lambda _: None
        for seq in range(40):
            scripted.publish_label(seq)
        await scripted.until(lambda: board.counts.undescribed == 8)
        scripted.sessions[0].send(scripted.model())
        assert (await results.__anext__()).seq == 8
        assert scripted.executed.count("describe") == 2


async def test_slow_readers_get_the_newest_and_their_own_count_of_drops() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        slow, fast = board.results(queue=3), board.results(queue=100)
        await subscribed(scripted)
        for seq in range(10):
            scripted.publish_label(seq)
        assert [(await fast.__anext__()).seq for _ in range(10)] == list(range(10))
        assert [(await slow.__anext__()).seq for _ in range(3)] == [7, 8, 9]
        assert (slow.dropped, fast.dropped) == (7, 0)


async def test_rate_is_passed_on() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        one = board.results(rate=5)
        await subscribed(scripted)
        assert scripted.sessions[0].wants["rate"] == 5
        two = board.results()
        await scripted.until(lambda: scripted.sessions[0].wants["rate"] == 0)
        await two.aclose()
        await scripted.until(lambda: scripted.sessions[0].wants["rate"] == 5)
        await one.aclose()


async def test_capture_time_in_host_time() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        results = board.results()
        await scripted.until(lambda: board.clock.known)
        await subscribed(scripted)
        before = time.time()
        scripted.publish_label(1)
        result = await results.__anext__()
        assert result.host_time is not None
        assert result.uncertainty is not None
        assert 0 < result.uncertainty < 0.5
        assert abs(result.host_time - before) <= result.uncertainty + 0.05


async def test_closing_ends_streams_and_answers() -> None:
    async def _drain(board: Board) -> int:
        return len([result async for result in board.results()])

    async with tcp_board() as scripted:
        scripted.answers["status"] = lambda _: None
        async with Board.connect(scripted.url) as board:
            reading = asyncio.ensure_future(_drain(board))
            asking = asyncio.ensure_future(board.status())
            await scripted.until(lambda: "status" in scripted.executed)
        assert await reading == 0
        with pytest.raises(Closed):
            await asking
        with pytest.raises(Closed):
            await board.status()
        await board.close()


async def test_closing_while_reconnecting_does_not_hang() -> None:
    async with tcp_board() as scripted:
        async with Board.connect(scripted.url) as board:
            await scripted.stop()
            await scripted.until(lambda: board.state is State.RECONNECTING)
            with pytest.raises(RequestTimeout, match="not reconnected before the timeout"):
                await board.status(timeout=0.1)
        assert board.state is State.CLOSED


async def test_a_callback_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def bad(change: StateChange) -> None:
        raise RuntimeError("a fault of the user's")

    async with tcp_board() as scripted, Board.connect(scripted.url, on_state=bad) as board:
        assert (await board.describe()).task == "classification"
    assert "on_state" in caplog.text
