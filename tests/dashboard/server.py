"""A dashboard for tests: the hub's web application on a free port, with known users."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.dashboard.accounts import Accounts
from board_hub.dashboard.answers import VIEWS
from board_hub.dashboard.attach import attach
from board_hub.dashboard.views import Views
from board_hub.sessions import Sessions
from board_hub.web.application import make_application, serving
from board_hub.web.metrics import add_metrics
from virtual_board.board import VirtualBoard

PASSWORD = "correct horse"


class Server:
    """A running dashboard."""

    def __init__(self, url: str, accounts: Accounts | None, views: Views) -> None:
        self.url = url
        self.accounts = accounts
        self.views = views

    @property
    def link(self) -> str:
        """An address that logs in as admin, once."""
        assert self.accounts is not None
        return f"{self.url}/#ticket={self.accounts.ticket()}"

    @contextlib.asynccontextmanager
    async def client(self, name: str | None = "admin") -> AsyncIterator[aiohttp.ClientSession]:
        """Yield an HTTP client, logged in unless name is None."""
        jar = aiohttp.CookieJar(unsafe=True)
        headers = {"X-K230": "1"}
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, headers=headers) as client:
            if name is not None:
                row = {"name": name, "password": PASSWORD}
                async with client.post("/api/v1/login", json=row) as answer:
                    assert answer.status == 200, await answer.text()
            yield client


@contextlib.asynccontextmanager
async def serve(folder: Path, *boards: VirtualBoard, **settings: Any) -> AsyncIterator[Server]:
    """Serve boards; settings: of hub.yaml, with _ for the dot behind web."""
    configuration = Configuration()
    configuration.values |= {
        "web.listen": "127.0.0.1:0",
        "web.users_file": str(folder / "users.json"),
        **{name.replace("web_", "web."): value for name, value in settings.items()},
    }
    for board in boards:
        assert board.url is not None
        configuration.boards.append(BoardEntry(board.url, key=board.key))
    sessions = Sessions(configuration)
    app = make_application(configuration, sessions)
    add_metrics(app, [])
    if configuration["web.login"]:
        accounts = Accounts(folder / "users.json")
        accounts.add("admin", PASSWORD, "admin")
        accounts.add("eve", PASSWORD, "viewer")
    made = attach(app)
    async with serving(app, configuration) as url:
        await sessions.start()
        try:
            yield Server(url, made, app[VIEWS])
        finally:
            await sessions.stop()
