"""/ws: one WebSocket a browser, with everything that changes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from board_hub.dashboard.accounts import Who, public
from board_hub.dashboard.answers import GUARD, VIEWS
from board_hub.dashboard.guard import refusal
from board_hub.dashboard.outbox import Outbox
from board_hub.dashboard.views import Views

MAX_BROWSERS = 128
MAX_MESSAGE = 4096
MAX_WATCHED = 16  # boards that one browser watches at a time
HEARTBEAT_S = 15.0
LOGGED_OUT = 4401


class Sockets:
    """All open WebSockets."""

    def __init__(self) -> None:
        """None yet."""
        self._open: dict[web.WebSocketResponse, str] = {}
        self._closing: set[asyncio.Task[Any]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one browser until it leaves."""
        guard, views = request.app[GUARD], request.app[VIEWS]
        who = guard.who(request)
        if who is None:
            return refusal(401, "login", "log in first")
        if len(self._open) >= MAX_BROWSERS:
            return refusal(503, "full", f"{MAX_BROWSERS} browsers are connected already")
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE, compress=False
        )
        await socket.prepare(request)
        self._open[socket] = who.name
        browser = Outbox()
        browser.state("me", {"op": "me", **public(who)})
        views.tell_all(browser)
        views.browsers.add(browser)
        sender = asyncio.create_task(_send(socket, browser))
        still_in: Callable[[], Who | None] = lambda: guard.who(request)  # noqa: E731
        try:
            await _hear(socket, browser, views, still_in)
        finally:
            views.browsers.discard(browser)
            for view in views.all():
                view.leave(browser)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            del self._open[socket]
        return socket

    def end(self, name: str) -> None:
        """Close the sockets of a user after a change of the account."""
        for socket, owner in list(self._open.items()):
            if owner == name:
                self._close(socket, LOGGED_OUT, b"log in again")

    async def close(self) -> None:
        """Close all: the server stops."""
        sockets = list(self._open)
        await asyncio.gather(
            *(socket.close(code=1001, message=b"the server stops") for socket in sockets),
            return_exceptions=True,
        )

    def _close(self, socket: web.WebSocketResponse, code: int, message: bytes) -> None:
        task = asyncio.ensure_future(socket.close(code=code, message=message))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _send(socket: web.WebSocketResponse, browser: Outbox) -> None:
    with contextlib.suppress(ConnectionResetError, RuntimeError):
        while True:
            for message in await browser.take():
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_str(message)


async def _hear(
    socket: web.WebSocketResponse,
    browser: Outbox,
    views: Views,
    still_in: Callable[[], Who | None],
) -> None:
    watched: set[str] = set()
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            continue
        if still_in() is None:
            await socket.close(code=LOGGED_OUT, message=b"log in again")
            return
        try:
            row = json.loads(message.data)
            op, key = row["op"], row.get("board")
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        view = views.find(key) if isinstance(key, str) else None
        if view is None:
            continue
        if op == "painted":
            browser.painted(view.key)
        elif op == "leave":
            watched.discard(view.key)
            view.leave(browser)
        elif op in ("watch", "listen") and (view.key in watched or len(watched) < MAX_WATCHED):
            watched.add(view.key)
            if op == "watch":
                view.watch(browser, pictures=row.get("pictures") is True)
            else:
                view.listen(browser)
