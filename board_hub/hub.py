"""Everything put together: sessions, web, and what else hub.yaml switches on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from board_hub import memory
from board_hub.configuration.reader import Configuration
from board_hub.dashboard.accounts import Accounts
from board_hub.dashboard.attach import attach
from board_hub.files.recordings import Recordings
from board_hub.files.writer import Files
from board_hub.homeassistant.announcer import Announcer, removed
from board_hub.mqtt.service import Mqtt, Preview
from board_hub.sessions import Sessions
from board_hub.web.application import SECTIONS, make_application, serving
from board_hub.web.metrics import More, add_metrics


class Hub:
    """A running hub: its sessions, and the URL of its pages (None where `web` is off)."""

    def __init__(self, configuration: Configuration, sessions: Sessions) -> None:
        self.configuration = configuration
        self.sessions = sessions
        self.url: str | None = None
        self.mqtt: Mqtt | None = None
        self.accounts: Accounts | None = None  # who may log in; None without login


@contextlib.asynccontextmanager
async def running(
    configuration: Configuration, *, remember: bool = True, preview: bool = False
) -> AsyncIterator[Hub]:
    """Run a hub while the block runs. Raises ConfigurationError where it can't start.

    remember: keep what is known of the boards in a file (state_file). preview: without a broker,
    the status page shows the messages that would be published.
    """
    path: Path | None = configuration.path("state_file") or memory.default_path()
    sessions = Sessions(configuration, memory.Memory(path if remember else None))
    hub = Hub(configuration, sessions)
    more: list[More] = []
    async with contextlib.AsyncExitStack() as stack:
        shown: Preview | None = None
        if configuration.broker is not None:
            hub.mqtt = Mqtt(sessions, configuration)
            more.append(hub.mqtt.metrics)
        elif preview:
            hub.mqtt = Mqtt(sessions, configuration)
            shown = Preview(hub.mqtt)
        files = Files(sessions, configuration)
        if files.wanted:
            await stack.enter_async_context(files.running())
            more.append(files.metrics)
        recordings = Recordings(sessions, configuration)
        if recordings.wanted:
            await stack.enter_async_context(recordings.running())
            more.append(recordings.metrics)
        if configuration["web.enabled"]:
            app = make_application(configuration, sessions)
            if configuration["web.metrics"]:
                add_metrics(app, more)
            hub.accounts = attach(app)
            if shown is not None:
                app[SECTIONS]["Messages that MQTT would get"] = shown.rows
            hub.url = await stack.enter_async_context(serving(app, configuration))
        if hub.mqtt is not None:
            _add_home_assistant(hub.mqtt, configuration, stack)
            await stack.enter_async_context((shown or hub.mqtt).running())
        stack.push_async_callback(sessions.stop)
        await sessions.start()
        yield hub


def _add_home_assistant(
    mqtt: Mqtt, configuration: Configuration, stack: contextlib.AsyncExitStack
) -> None:
    announcer = Announcer(mqtt.publisher, configuration)
    for board in removed(mqtt.publisher, configuration):
        mqtt.publisher.forget(board)
        announcer.remove(board)
    if not configuration["homeassistant.enabled"]:
        return
    mqtt.publisher.listener = announcer
    mqtt.listeners.append(announcer.on_message)
    mqtt.subscriptions += announcer.subscriptions
    fresh = asyncio.create_task(announcer.keep_fresh())
    stack.callback(fresh.cancel)
