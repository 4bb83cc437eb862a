"""Says to Home Assistant which boards there are, and takes back what is gone."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from board_hub.base.lines import dumps
from board_hub.base.names import part_of
from board_hub.configuration.reader import Configuration
from board_hub.homeassistant.components import Options, device
from board_hub.memory import Announced
from board_hub.mqtt.packets import Incoming
from board_hub.mqtt.publisher import Publisher, Speaker

BIRTH_SPREAD_S = 3.0  # so that many hubs don't answer Home Assistant's start at once


class Announcer:
    """Listens to the publisher; keeps one retained message a board."""

    def __init__(self, publisher: Publisher, configuration: Configuration) -> None:
        self._publisher = publisher
        self._prefix: str = configuration["homeassistant.prefix"]
        self._options = Options(
            publisher.bridge.decode(),
            commands=configuration["mqtt.commands"],
            counts=configuration["mqtt.counts"],
            expire_s=configuration["homeassistant.expire_after_s"],
        )
        self._memory = publisher.sessions.memory
        self._born: asyncio.Task[None] | None = None
        self.births = 0
        self._gone: dict[str, dict[str, str]] = {}  # components that were, by board

    @property
    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """What the client subscribes to."""
        return ((f"{self._prefix}/status", 1),)

    def topic(self, board: str) -> bytes:
        """Return the topic of a board's configuration."""
        return f"{self._prefix}/device/k230_{board}/config".encode()

    def board_changed(self, speaker: Speaker) -> None:
        """Say a board's configuration, where it is another than before."""
        if not speaker.session.connected and not speaker.session.status:
            return  # known from an earlier run, and not met yet: what is retained stands
        payload = device(speaker, self._options)
        made: dict[str, Any] = payload["components"]
        known = self._memory.announced.get(speaker.board)
        platforms = {key: str(row["platform"]) for key, row in made.items()}
        gone = self._gone.setdefault(speaker.board, {})
        gone.update(known["components"] if known is not None else {})
        for key in [key for key, platform in gone.items() if platforms.get(key) == platform]:
            del gone[key]
        for key, platform in gone.items():  # a platform alone removes a component
            made[key if key not in platforms else f"{key}_{platform}"] = {"platform": platform}
        if self._publisher.outbox.put_state(self.topic(speaker.board), dumps(payload)):
            self._publisher.wake()
        self._memory.announce(
            speaker.board, Announced(labels=list(speaker.seen), components=platforms)
        )

    def labels_changed(self, speaker: Speaker) -> None:
        """Say which labels there are now."""
        self.board_changed(speaker)

    def remove(self, board: str) -> None:
        """Take a board back: an empty retained message removes its device."""
        self._publisher.outbox.put_state(self.topic(board), b"")
        self._memory.announce(board, None)

    def on_message(self, message: Incoming) -> None:
        """Answer Home Assistant's start."""
        if message.topic != f"{self._prefix}/status" or message.payload != b"online":
            return
        if message.retain or (self._born is not None and not self._born.done()):
            return
        self._born = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        await asyncio.sleep(random.uniform(0.0, BIRTH_SPREAD_S))
        self.births += 1
        outbox = self._publisher.outbox
        for board in self._publisher.speakers:
            outbox.repeat(self.topic(board))
        self._publisher.wake()

    async def keep_fresh(self) -> None:
        """Say counts again before Home Assistant takes them for expired."""
        while self._options.expire_s:
            await asyncio.sleep(self._options.expire_s / 2)
            for speaker in self._publisher.speakers.values():
                if not speaker.session.connected:
                    continue
                for label, _ in speaker.counts:
                    self._publisher.outbox.repeat(speaker.topics.count(label))
                    self._publisher.outbox.repeat(speaker.topics.present(label))
                for (zone, label), _ in speaker.zones:
                    self._publisher.outbox.repeat(speaker.topics.zone(zone, label))
            self._publisher.wake()


def removed(publisher: Publisher, configuration: Configuration) -> list[str]:
    """Return the boards that were announced and that hub.yaml does not name any more.

    A board of another shard is named too; where boards are searched for, none is gone for good.
    """
    if configuration["discover.enabled"]:
        return []
    memory = publisher.sessions.memory
    named = {memory.boards[e.url][0] for e in configuration.boards if e.url in memory.boards}
    return [board for board in memory.announced if board not in {part_of(name) for name in named}]
