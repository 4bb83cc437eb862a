"""The network link under strangers: floods, altered packets, replayed sessions, readers that stall."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from firmware_app.wire import messages, packets
from host_client import Board, K230Error, discover
from tests.integration.boards import card, running
from tests.integration.middle import Middle, port_of, unchanged


@pytest.mark.timeout(300)
async def test_a_flood_of_connections_stops_nothing(tmp_path: Path) -> None:
    async with (
        running(card(tmp_path / "card")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        stream = board.results()
        await anext(stream)
        opened = 0

        async def flood() -> None:
            nonlocal opened
            for _ in range(1000):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.wait_for(
                        asyncio.open_connection("127.0.0.1", port_of(vb.url)), 30
                    )
                    writer.transport.abort()
                    opened += 1

        task = asyncio.create_task(flood())
        seqs = []
        while not task.done():
            seqs.append((await asyncio.wait_for(anext(stream), 30)).seq)
        assert opened == 1000
        assert len(seqs) >= 2
        status = await board.status()
        assert status["problems"] == []
        async with Board.connect(str(vb.url), key=vb.key, wait=10) as another:
            await asyncio.wait_for(anext(another.results()), 30)


async def test_strangers_who_greet_and_never_prove_keep_nobody_out(tmp_path: Path) -> None:
    async def stranger(port: int, number: int) -> None:
        hello = packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, f"x{number}", bytes(16)])
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(hello)
                    while await reader.read(4096):
                        pass
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    async with running(card(tmp_path / "card")) as vb:
        port = port_of(vb.url)
        strangers = [asyncio.create_task(stranger(port, i)) for i in range(30)]
        for _ in range(2):
            async with Board.connect(str(vb.url), key=vb.key, wait=60) as board:
                names = [client["client"] for client in (await board.status())["clients"]]
                assert names == ["host_client"]
        for task in strangers:
            task.cancel()
        await asyncio.gather(*strangers, return_exceptions=True)


async def test_a_board_is_found_by_asking(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card")) as vb:
        (found,) = await discover(3, [f"127.0.0.1:{port_of(vb.url)}"])
        assert found.url == vb.url
        assert found.key_required
        async with Board.connect(found.url, key=vb.key) as board:
            assert board.info.board_id == found.board_id


async def test_altered_packets_are_dropped_both_ways(tmp_path: Path) -> None:
    """What a third party changes, with a CRC put right, still has the wrong tag."""

    def forge(part: bytes) -> bytes:
        body = packets.unstuff(part) if part else b""
        if len(body) <= 20 or body[0] != messages.SEALED_MARK:
            return part
        payload = bytearray(body[:-4])
        payload[5] ^= 1
        return packets.packet_of(bytes(payload))[:-1]

    async with running(card(tmp_path / "card")) as vb, Middle(port_of(vb.url)) as middle:
        url = middle.url
        async with Board.connect(url, key=vb.key) as board:
            assert (await board.status())["problems"] == []
            middle.up = forge
            with pytest.raises(K230Error):
                await board.switch("classification", timeout=4)
        async with Board.connect(str(vb.url), key=vb.key) as board:
            status = await board.status()
            assert status["generation"] == 1, "a forged command was executed"
            assert status["rejected"] > 0
        middle.up = unchanged
        async with Board.connect(url, key=vb.key) as board:
            stream = board.results()
            await asyncio.wait_for(anext(stream), 30)
            middle.down = forge
            delivered = 0
            with contextlib.suppress(asyncio.TimeoutError):
                for _ in range(100):  # what was on its way may still come
                    await asyncio.wait_for(anext(stream), 3)
                    delivered += 1
            assert delivered < 100


async def test_a_recorded_session_cannot_be_played_again(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card")) as vb, Middle(port_of(vb.url)) as middle:
        async with Board.connect(middle.url, key=vb.key) as board:
            await board.status()
            await board.switch("classification")
        recorded = bytes(middle.heard[0][0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(vb.url))
        writer.write(recorded)
        decoder = packets.Decoder()
        arrived: list[list[object]] = []
        with contextlib.suppress(asyncio.TimeoutError, OSError):
            while data := await asyncio.wait_for(reader.read(4096), 3):
                arrived += decoder.feed(data)
        writer.close()
        kinds = [message[0] for message in arrived]
        assert messages.READY not in kinds
        assert [m[1] for m in arrived if m[0] == messages.REFUSED] == ["key"]
        async with Board.connect(str(vb.url), key=vb.key) as board:
            assert (await board.status())["generation"] == 2


async def test_guessing_the_key_gets_slower(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card")) as vb:
        codes: list[str] = []
        while len(codes) < 12 and "wait" not in codes:
            # Each wait is twice as long: on a slow computer the first are over too soon.
            try:
                async with Board.connect(str(vb.url), key=f"{len(codes):064x}"):
                    pass
            except K230Error as error:
                codes.append(error.code)
        assert codes[:5] == ["authentication"] * 5
        assert codes[-1] == "wait"
