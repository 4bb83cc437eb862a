"""Everything put together: sessions, web, and what else hub.yaml switches on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from board_hub import memory
from board_hub.configuration.reader import Configuration
from board_hub.dashboard.attach import attach
from board_hub.sessions import Sessions
from board_hub.web.application import make_application, serving
from board_hub.web.metrics import More, add_metrics


class Hub:
    """A running hub: its sessions, and the URL of its pages (None where `web` is off)."""

    def __init__(self, configuration: Configuration, sessions: Sessions) -> None:
        self.configuration = configuration
        self.sessions = sessions
        self.url: str | None = None


@contextlib.asynccontextmanager
async def running(configuration: Configuration, *, remember: bool = True) -> AsyncIterator[Hub]:
    """Run a hub while the block runs. Raises ConfigurationError where it can't start.

    remember: keep what is known of the boards in a file (state_file).
    """
    path: Path | None = configuration.path("state_file") or memory.default_path()
    sessions = Sessions(configuration, memory.Memory(path if remember else None))
    hub = Hub(configuration, sessions)
    more: list[More] = []
    async with contextlib.AsyncExitStack() as stack:
        if configuration["web.enabled"]:
            app = make_application(configuration, sessions)
            if configuration["web.metrics"]:
                add_metrics(app, more)
            attach(app)
            hub.url = await stack.enter_async_context(serving(app, configuration))
        stack.push_async_callback(sessions.stop)
        await sessions.start()
        yield hub
