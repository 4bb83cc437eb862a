"""All boards as the dashboard knows them, and the browsers that look."""

from __future__ import annotations

import asyncio

from board_hub.dashboard.outbox import Outbox
from board_hub.dashboard.view import View
from board_hub.session import BoardSession
from board_hub.sessions import Sessions

_LOOK_S = 0.5  # between two looks at which sessions there are


class Views:
    """A View for each session of the hub, also for those that come later."""

    def __init__(self, sessions: Sessions) -> None:
        """Follow nothing yet: see start()."""
        self._sessions = sessions
        self._views: dict[BoardSession, View] = {}
        self.browsers: set[Outbox] = set()
        self._keys: list[str] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the sessions until stop()."""
        self._look()
        self._task = asyncio.create_task(self._run(), name="dashboard-views")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for view in self._views.values():
            await view.stop()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        for session in self._sessions:
            if session not in self._views:
                view = self._views[session] = View(session, self.browsers)
                view.start()
        keys = [view.key for view in self._views.values()]
        if keys != self._keys:
            self._keys = keys
            for browser in self.browsers:
                self.tell_all(browser)

    def all(self) -> list[View]:
        """Return every view, those of duplicates left out."""
        found: dict[str, View] = {}
        for view in self._views.values():
            other = found.get(view.key)
            if other is None or (view.session.connected and not other.session.connected):
                found[view.key] = view
        return list(found.values())

    def find(self, key: str) -> View | None:
        """Return the view of a board's id."""
        return next((view for view in self.all() if view.key == key), None)

    def tell_all(self, browser: Outbox) -> None:
        """Hand a browser the state of every board."""
        browser.state("boards", {"op": "boards", "boards": [v.describe() for v in self.all()]})
