"""What the dashboard adds to the hub's one web application."""

from __future__ import annotations

from aiohttp import web

from board_hub.web.application import CONFIGURATION, SESSIONS

__all__ = ["CONFIGURATION", "SESSIONS", "attach"]


def attach(app: web.Application) -> None:
    """Add routes, and middlewares for login; app[SESSIONS] has the boards."""
    app.router.add_get("/", _root)


async def _root(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/status")
