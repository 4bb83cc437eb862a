"""Replay a recording in place of a board: the client talks to a Peer in this process."""

from __future__ import annotations

import asyncio

from host_client.base.exceptions import ConnectionFailed, K230Error
from host_client.link.transport import OnData
from host_client.replay import Peer, Player


class ReplayTransport:
    """Plays a recording in real time; after its end the transport stays open and silent."""

    def __init__(self, player: Player, on_data: OnData) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_data = on_data
        self._peer = Peer(player, self._send)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def write(self, data: bytes) -> None:
        """Take the client's bytes; never waits."""
        self._loop.call_soon(self._feed, data)

    def close(self) -> None:
        """Stop playing."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self, data: bytes) -> None:
        if not self._closed:
            self._peer.feed(data, self._loop.time())
            self._play()

    def _play(self) -> None:
        if self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._peer.due(self._loop.time())
        if wait is not None:
            self._timer = self._loop.call_later(wait, self._play)

    def _send(self, data: bytes) -> None:
        if not self._closed:
            self._on_data(data)


async def open_replay(path: str, on_data: OnData) -> ReplayTransport:
    """Open a recording; ConnectionFailed."""
    try:
        player = await asyncio.get_running_loop().run_in_executor(None, Player, path)
    except K230Error as error:
        raise ConnectionFailed(str(error)) from error
    return ReplayTransport(player, on_data)
