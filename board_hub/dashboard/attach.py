"""What the dashboard adds to the hub's one web application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from board_hub.base.lines import dumps
from board_hub.configuration.reader import Configuration, is_loopback, needs_login
from board_hub.dashboard import api, assets, people, streams
from board_hub.dashboard.accounts import Accounts
from board_hub.dashboard.answers import GUARD, VIEWS
from board_hub.dashboard.guard import Guard, networks, refusal
from board_hub.dashboard.sockets import Sockets
from board_hub.dashboard.views import Views
from board_hub.web.application import CONFIGURATION, OPEN_PATHS, SECTIONS, SESSIONS
from host_client.base.exceptions import ConfigurationError
from host_client.cli import output
from host_client.link.keys import KeyStore


def default_users() -> Path:
    """Return the file of users where hub.yaml names none."""
    return KeyStore().path.parent / "dashboard-users.json"


def attach(app: web.Application) -> Accounts | None:
    """Add pages, API and streams; every other path of the application then needs a login, too.

    Return who may log in, None without login. The first password is told on stderr.

    Raises ConfigurationError where it must not be served as it is set up.
    """
    configuration = app[CONFIGURATION]
    accounts = _accounts(configuration)
    guard = Guard(accounts, networks(configuration["web.trusted_proxies"] or []))
    app[GUARD] = guard
    app[VIEWS] = Views(app[SESSIONS])
    app[SECTIONS]["Events"] = lambda: _events(app[VIEWS])
    sockets = Sockets()
    if accounts is not None:
        accounts.on_end(sockets.end)
    files = assets.load()

    @web.middleware
    async def needs_login(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else ""
        own = path in _OWN or path.startswith("/api/v1/")
        if not own and path not in app[OPEN_PATHS] and guard.who(request) is None:
            if path == "/status" and "text/html" in request.headers.get("Accept", ""):
                raise web.HTTPSeeOther("./")  # a person: to the login
            return refusal(401, "login", "log in first")
        return await handler(request)  # type: ignore[operator,no-any-return]

    async def asset(request: web.Request) -> web.StreamResponse:
        found = files.get(request.match_info.get("name", "index.html"))
        if found is None:
            return refusal(404, "not_found", "there is no such file")
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == found.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=found.data, content_type=found.content_type, charset="utf-8", headers=headers
        )

    async def life(_: web.Application) -> AsyncIterator[None]:
        app[VIEWS].start()
        yield
        await app[VIEWS].stop()
        app[api.UPLOADS].close()

    async def stopping(_: web.Application) -> None:
        await sockets.close()

    app.middlewares.append(guard.middleware)
    app.middlewares.append(needs_login)  # type: ignore[arg-type]
    app.on_response_prepare.append(guard.on_prepare)
    app.on_shutdown.append(stopping)
    app.cleanup_ctx.append(life)
    app.router.add_get("/", asset)
    app.router.add_get("/static/{name:.+}", asset)
    app.router.add_get("/ws", sockets.handle)
    people.add_routes(app)
    api.add_routes(app)
    streams.add_routes(app)
    if accounts is not None:
        password = accounts.first_password()
        if password is not None:
            output.note(f"dashboard: user admin, password {password} (shown this once)")
    return accounts


_LONGEST = 200  # characters of its details
_SHOWN = 15  # events on the status page


def _events(views: Views) -> list[list[str]]:
    """Return the newest events of all boards as rows of a table."""
    found = []
    for view in views.all():
        rows, _ = view.events.page(None, _SHOWN, frozenset(), "")
        found += [(row, view.session.name) for row in rows]
    found.sort(key=lambda each: float(each[0]["t"]), reverse=True)
    table = [["time", "board", "event", "details"]]
    for row, name in found[:_SHOWN]:
        at = time.strftime("%H:%M:%S", time.localtime(row["t"]))
        text = dumps(row["details"]).decode("utf-8", "replace")
        table.append([at, name, str(row["kind"]), text[:_LONGEST]])
    return table


# Paths that check the user by themselves.
_OWN = (
    "/",
    "/static/{name}",
    "/ws",
    "/{board}/stream.mjpg",
    "/{board}/snapshot.jpg",
)


def _accounts(configuration: Configuration) -> Accounts | None:
    if configuration["web.login"]:
        return Accounts(configuration.path("web.users_file") or default_users())
    host, _ = configuration.listen
    if not is_loopback(host):
        raise ConfigurationError([f"web.login: {needs_login(host)}"])
    return None
