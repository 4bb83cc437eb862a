"""/BOARD/stream.mjpg and /BOARD/snapshot.jpg: pictures for other tools, by login or token."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from board_hub.dashboard import preview
from board_hub.dashboard.answers import GUARD, NotFound, answered, view_of
from board_hub.dashboard.guard import refusal
from board_hub.dashboard.preview import Picture
from board_hub.dashboard.view import View
from host_client.base.exceptions import CommandFailed, K230Error
from host_client.base.waiting import within

MAX_STREAMS = 64
FRESH_MS = 500
_EDGE = "k230picture"
_WAIT_S = 10.0


def add_routes(app: web.Application) -> None:
    """Add both addresses."""
    streams = _Streams()
    app.router.add_get("/{board}/stream.mjpg", streams.stream)
    app.router.add_get("/{board}/snapshot.jpg", streams.snapshot)


class _Streams:
    def __init__(self) -> None:
        self._open = 0

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send pictures until the reader leaves; one that is slow misses some."""
        if not _allowed(request):
            return _no_entry()
        try:
            view = view_of(request)
        except NotFound as error:
            return refusal(404, error.code, str(error))
        if self._open >= MAX_STREAMS:
            return refusal(503, "full", f"{MAX_STREAMS} streams are open already")
        self._open += 1
        pictures: asyncio.Queue[Picture] = asyncio.Queue(1)

        def show(picture: Picture) -> None:
            with contextlib.suppress(asyncio.QueueEmpty):
                pictures.get_nowait()
            pictures.put_nowait(picture)

        key = object()
        view.preview.look(key, show)
        try:
            return await _send(request, pictures)
        finally:
            view.preview.leave(key)
            self._open -= 1

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """Send one picture."""
        if not _allowed(request):
            return _no_entry()
        return await answered(_snapshot(request))


async def _send(request: web.Request, pictures: asyncio.Queue[Picture]) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "multipart/x-mixed-replace"
    response.headers["Content-Type"] = f"multipart/x-mixed-replace; boundary={_EDGE}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    await response.prepare(request)
    with contextlib.suppress(ConnectionResetError):
        while True:
            picture = await pictures.get()
            head = f"--{_EDGE}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}"
            await response.write(head.encode() + b"\r\n\r\n" + picture.jpeg + b"\r\n")
    return response


async def _snapshot(request: web.Request) -> web.StreamResponse:
    view = view_of(request)
    jpeg = await _newest(view)
    response = web.Response(body=jpeg, content_type="image/jpeg")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


async def _newest(view: View) -> bytes:
    """Return a picture: the stream's where one runs, else one that is taken for this."""
    if view.preview.viewers and view.preview.latest is not None and not view.preview.problem:
        return view.preview.latest.jpeg
    try:
        return (await within(preview.take(view.session.board), _WAIT_S)).jpeg
    except asyncio.TimeoutError:
        raise CommandFailed("timeout", "the board sent no picture") from None
    except K230Error:
        raise


def _allowed(request: web.Request) -> bool:
    guard = request.app[GUARD]
    if guard.who(request) is not None:
        return True
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        secret = request.query.get("token", "")
    return bool(secret) and guard.accounts is not None and guard.accounts.token_fits(secret)


def _no_entry() -> web.Response:
    return refusal(401, "login", "log in, or give a token: ?token=TOKEN")
