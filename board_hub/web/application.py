"""Makes the application and serves it.

app = make_application(configuration, sessions)
attach(app)                         # the dashboard's routes and middlewares
async with serving(app, configuration) as url:
    ...
"""

from __future__ import annotations

import contextlib
import html
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from board_hub.base.lines import dumps
from board_hub.configuration.reader import Configuration
from board_hub.sessions import Sessions
from host_client.base.exceptions import ConfigurationError

_log = logging.getLogger(__name__)

CONFIGURATION: web.AppKey[Configuration] = web.AppKey("configuration", Configuration)
SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions", Sessions)
# Sections of the status page: a title and a function that returns rows, the first one the heads.
Section = Callable[[], list[list[str]]]
SECTIONS: web.AppKey[dict[str, Section]] = web.AppKey("sections", dict)
# Paths that are served without a login where the dashboard asks for one.
OPEN_PATHS: web.AppKey[set[str]] = web.AppKey("open_paths", set)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MAX_BODY = 1 << 20
_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em}div{overflow-x:auto}"
    "table{border-collapse:collapse}td:last-child{overflow-wrap:anywhere}"
    "td,th{border:1px solid #8888;padding:.3em .6em;text-align:left;vertical-align:top}"
)


def make_application(configuration: Configuration, sessions: Sessions) -> web.Application:
    """Return the application with status page and health check."""
    app = web.Application(client_max_size=_MAX_BODY)
    app[CONFIGURATION] = configuration
    app[SESSIONS] = sessions
    app[SECTIONS] = {"Boards": lambda: _boards(sessions)}
    app[OPEN_PATHS] = {"/healthz"}
    app.router.add_get("/status", _status)
    app.router.add_get("/healthz", _health)
    return app


@contextlib.asynccontextmanager
async def serving(app: web.Application, configuration: Configuration) -> AsyncIterator[str]:
    """Serve while the block runs; yields the URL. Raises ConfigurationError where that can't be."""
    host, port = configuration.listen
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(
                [f"web.listen: can't listen on {host}:{port}: {reason}; choose another port"]
            ) from None
        # port 0: which one was free
        server: Any = site._server
        bound = server.sockets[0].getsockname()
        shown = f"[{bound[0]}]" if server.sockets[0].family == socket.AF_INET6 else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()


async def _health(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    row = {"boards": len(sessions), "connected": sum(s.connected for s in sessions)}
    return web.Response(body=dumps(row), content_type="application/json")


async def _status(request: web.Request) -> web.Response:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>K230 hub</title>"
        "<meta http-equiv=refresh content=2>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        "<meta name=color-scheme content='light dark'>"
        f"<style>{_STYLE}</style><h1>K230 hub</h1><p><a href='./'>Live pages</a></p>"
    ]
    for title, section in request.app[SECTIONS].items():
        rows = section()
        parts.append(f"<h2>{html.escape(title)}</h2><div><table>")
        for number, row in enumerate(rows):
            cell = "td" if number else "th"
            cells = "".join(f"<{cell}>{html.escape(text)}</{cell}>" for text in row)
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</table></div>")
        if len(rows) < 2:
            parts.append("<p>Nothing yet.</p>")
    return web.Response(text="".join(parts), content_type="text/html", headers=_HEADERS)


def _boards(sessions: Sessions) -> list[list[str]]:
    rows = [["board", "id", "group", "url", "state", "task", "results", "events", "reason"]]
    for session in sessions:
        counts = session.counts
        rows.append(
            [
                session.name,
                session.id,
                session.group or "",
                session.url,
                session.state,
                str(session.status.get("task") or ""),
                str(counts.results),
                str(counts.events),
                session.reason,
            ]
        )
    return rows
