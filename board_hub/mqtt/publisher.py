"""From what boards say to messages, and from messages to commands."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

from board_hub.base.lines import dumps
from board_hub.configuration.reader import Configuration
from board_hub.feed import Feed, Item
from board_hub.mqtt import topics
from board_hub.mqtt.commands import LIVE, Commands
from board_hub.mqtt.counts import Counts, labels_of
from board_hub.mqtt.outbox import Outbox
from board_hub.mqtt.packets import Incoming
from board_hub.mqtt.topics import BoardTopics
from board_hub.session import CONNECTED, BoardSession
from board_hub.sessions import Sessions
from host_client.base.exceptions import K230Error
from host_client.results.messages import Event

_TICK_S = 0.25
_COUNT_RATE = 5  # results a second and board, where counts alone are published
_SETTINGS_EVERY_S = 30.0
_AT_ONCE = 256
_FEED = 20_000  # items of all boards that wait for this room


class Listener(Protocol):
    """A room above that wants to know of boards (Home Assistant)."""

    def board_changed(self, speaker: Speaker) -> None:
        """A board came, went, or is another than before."""

    def labels_changed(self, speaker: Speaker) -> None:
        """A board named a label or zone for the first time, or others than before."""


class Speaker:
    """What is published of one board."""

    def __init__(self, session: BoardSession, board: str, prefix: str, off_delay: float) -> None:
        self.session = session
        self.board = board
        self.topics = BoardTopics(prefix, board)
        self.counts = Counts(off_delay)
        self.zones = Counts(0.0)
        self.labels: tuple[str, ...] = ()  # of the running model
        self.seen: dict[str, None] = {}  # labels that were there, in that order
        self.settings: dict[str, Any] = {}  # live ones, in force
        self.generation: int | None = None
        self.next_result = 0.0
        self.next_statistics = 0.0
        self.next_picture = 0.0
        self.picture: asyncio.Task[None] | None = None
        self.reading: asyncio.Task[None] | None = None
        self.settings_read = 0.0


class Publisher:
    """Runs beside the client; wake is called when the outbox got something, flush when it got much."""

    def __init__(self, sessions: Sessions, outbox: Outbox, configuration: Configuration) -> None:
        self.outbox = outbox
        self.sessions = sessions
        self.configuration = configuration
        self.prefix: str = configuration["mqtt.prefix"]
        self.bridge = topics.bridge(self.prefix, configuration.shard).encode()
        self.listener: Listener | None = None
        self.wake = _nothing
        self.flush = _nothing
        self.commands = Commands(risky=configuration["mqtt.risky_commands"], outcome=self._outcome)
        self.speakers: dict[str, Speaker] = {}
        get = configuration.values.__getitem__
        self._with_results: bool = get("mqtt.results")
        self._with_counts: bool = get("mqtt.counts")
        self._with_events: bool = get("mqtt.events")
        self._interval = 1.0 / get("mqtt.results_rate") if get("mqtt.results_rate") else 0.0
        self._statistics_s: float = get("mqtt.statistics_s")
        self._snapshot_s: float = get("mqtt.snapshot_s")
        self._forgotten: set[str] = set()
        sessions.confirms_events = self._with_events
        self._results: Feed | None = None
        self._others: Feed | None = None

    @property
    def dropped(self) -> int:
        """Items that this room was too slow for."""
        return sum(feed.dropped for feed in (self._results, self._others) if feed is not None)

    async def run(self) -> None:
        """Publish until cancelled."""
        self.outbox.put_state(self.bridge, topics.ONLINE)
        for session in self.sessions:
            if session.known:
                self.speaker(session)
        kinds = ["state"]
        kinds += ["event"] if self._with_events or self._with_counts else []
        kinds += ["log"] if self.configuration["mqtt.logs"] else []
        kinds += ["statistics"] if self._statistics_s else []
        with contextlib.ExitStack() as stack:
            self._others = stack.enter_context(self.sessions.feed(kinds, _FEED))
            readers = [self._read(self._others), self._tick()]
            if self._with_results or self._with_counts:
                rate = _COUNT_RATE
                if self._with_results:
                    rate = math.ceil(self.configuration["mqtt.results_rate"])
                self._results = stack.enter_context(
                    self.sessions.feed(("result",), _FEED, rate=rate)
                )
                readers.append(self._read(self._results))
            try:
                await asyncio.gather(*readers)
            finally:
                await self.commands.stop()

    def goodbye(self) -> None:
        """Say that the hub and its boards go."""
        for speaker in self.speakers.values():
            self.outbox.put_state(speaker.topics.availability, topics.OFFLINE)
        self.outbox.put_state(self.bridge, topics.OFFLINE)
        self.wake()

    def speaker(self, session: BoardSession) -> Speaker:
        """Return what is published of a board; the first time, say that it is there."""
        speaker = self.speakers.get(session.id)
        if speaker is None:
            off_delay = self.configuration["mqtt.off_delay_s"]
            speaker = Speaker(session, session.id, self.prefix, off_delay)
            known = self.sessions.memory.announced.get(session.id)
            speaker.seen = dict.fromkeys(known["labels"] if known is not None else ())
            self.speakers[session.id] = speaker
            self._say_state(speaker)
        elif speaker.session is not session and session.connected:
            speaker.session = session  # the board has another address now
        return speaker

    # From boards.

    async def _read(self, feed: Feed) -> None:
        while True:
            items = await feed.get()
            # All of it in one turn: in each turn boards may say as much again (a bounded piece of each
            # connection), and who takes less in a turn than comes in it never catches up.
            for start in range(0, len(items), _AT_ONCE):
                for item in items[start : start + _AT_ONCE]:
                    self._take(item)
                self.flush()
            await asyncio.sleep(0)  # an overloaded hub goes on serving broker and boards

    def _take(self, item: Item) -> None:
        session, kind = item.session, item.kind
        if not session.known:
            return
        speaker = self.speakers.get(session.id)
        if speaker is None or speaker.session is not session:
            speaker = self.speaker(session)
        if kind == "result":
            self._take_result(speaker, item)
        elif kind == "event":
            self._take_event(speaker, item)
        elif kind == "state":
            if speaker.session is session:
                self._say_state(speaker)
        elif kind == "statistics":
            now = time.monotonic()
            if now >= speaker.next_statistics:
                speaker.next_statistics = now + self._statistics_s * 0.9
                self.outbox.put_news(speaker.topics.statistics, item.json)
        else:
            self.outbox.put_news(speaker.topics.log, item.json)

    def _take_result(self, speaker: Speaker, item: Item) -> None:
        result = item.value
        if self._with_results:
            if not self._interval:
                self.outbox.put_news(speaker.topics.result, item.json)
            else:
                now = time.monotonic()
                if now >= speaker.next_result:
                    speaker.next_result = max(speaker.next_result, now - self._interval)
                    speaker.next_result += self._interval
                    self.outbox.put_news(speaker.topics.result, item.json)
        if self._with_counts:
            if result.generation != speaker.generation:
                self._new_generation(speaker, result.generation)
            changed = speaker.counts.see(labels_of(result), time.monotonic())
            if changed:
                self._say_counts(speaker, changed)

    def _new_generation(self, speaker: Speaker, generation: int) -> None:
        """Other labels, or none: what was counted before is no more."""
        speaker.generation = generation
        board = speaker.session.last_board
        model = board.model if board is not None else None
        labels = model.labels if model is not None else ()
        if labels == speaker.labels:
            return
        put = self.outbox.put_state
        for label in speaker.counts.clear():
            if label not in labels:
                put(speaker.topics.count(label), b"")
                put(speaker.topics.present(label), b"")
        speaker.labels = labels
        names = {topics.label_part(label): label for label in labels}
        put(speaker.topics.names, dumps({k: v for k, v in names.items() if k != v}))
        # Each label says 0 at once: who counts nothing must not look like who does not know.
        self._say_counts(
            speaker, [pair for label in labels[:64] for pair in speaker.counts.put(label, 0)]
        )
        if self.listener is not None:
            self.listener.labels_changed(speaker)

    def _say_counts(self, speaker: Speaker, changed: list[tuple[Any, int]]) -> None:
        put = self.outbox.put_state
        new = False
        for label, count in changed:
            put(speaker.topics.count(label), b"%d" % count)
            if count and label not in speaker.seen:
                speaker.seen[label] = None
                new = True
            put(speaker.topics.present(label), topics.ON if count else topics.OFF)
        if new and self.listener is not None:
            self.listener.labels_changed(speaker)

    def _take_event(self, speaker: Speaker, item: Item) -> None:
        event: Event = item.value
        if self._with_events:
            self.outbox.put_important(speaker.topics.event, item.json, self._arrival(event))
        if self._with_counts and event.kind in ("zone.enter", "zone.leave", "count"):
            self._take_zone(speaker, event)

    def _arrival(self, event: Event) -> Callable[[], None] | None:
        """Return what notes that the broker has an event, and all before it."""
        if not event.number or event.boot_id is None or not event.source.board_id:
            return None
        memory = self.sessions.memory
        return functools.partial(
            memory.handed_on, event.source.board_id, event.boot_id, event.number
        )

    def _take_zone(self, speaker: Speaker, event: Event) -> None:
        details = event.details
        zone = details.get("zone")
        count = details.get("inside")
        if event.kind == "count":
            if details.get("place") != "zone":
                return
            zone, count = details.get("name"), details.get("count")
        label = details.get("label")
        if not isinstance(zone, str) or not isinstance(label, str) or type(count) is not int:
            return
        known = dict(speaker.zones)
        for pair, number in speaker.zones.put((zone, label), max(0, count)):
            self.outbox.put_state(speaker.topics.zone(*pair), b"%d" % number)
            if pair not in known and self.listener is not None:
                self.listener.labels_changed(speaker)

    # What is retained of a board.

    def _say_state(self, speaker: Speaker) -> None:
        session, put = speaker.session, self.outbox.put_state
        connected = session.state == CONNECTED
        put(speaker.topics.availability, topics.ONLINE if connected else topics.OFFLINE)
        put(speaker.topics.state, dumps(session.account()))
        task = session.status.get("task")
        if isinstance(task, str):
            put(speaker.topics.task, task.encode("utf-8", "replace"))
        if connected and (speaker.reading is None or speaker.reading.done()):
            speaker.reading = asyncio.create_task(self._read_settings(speaker))
        if self.listener is not None:
            self.listener.board_changed(speaker)

    async def _read_settings(self, speaker: Speaker) -> None:
        """Publish the live settings that are in force."""
        try:
            found = await speaker.session.board.card.config_get()
        except K230Error:
            return
        flat = _flat(found.get("service")) | _flat(found.get("task"))
        settings = {name: value for name, value in flat.items() if name in LIVE}
        for name in speaker.settings.keys() - settings.keys():
            self.outbox.put_state(speaker.topics.setting(name), b"")
        for name, value in settings.items():
            self.outbox.put_state(speaker.topics.setting(name), _payload(value))
        fresh = settings.keys() != speaker.settings.keys()
        speaker.settings = settings
        if fresh and self.listener is not None:
            self.listener.board_changed(speaker)
        self.wake()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            for speaker in self.speakers.values():
                if speaker.counts.pending:
                    self._say_counts(speaker, speaker.counts.tick(now))
                if self._snapshot_s and speaker.session.connected and now >= speaker.next_picture:
                    speaker.next_picture = now + self._snapshot_s
                    self.take_picture(speaker)
            self.wake()

    def take_picture(self, speaker: Speaker) -> None:
        """Publish a picture, unless one is being taken."""
        if speaker.picture is None or speaker.picture.done():
            speaker.picture = asyncio.create_task(self._take_picture(speaker))

    async def _take_picture(self, speaker: Speaker) -> None:
        try:
            data = await speaker.session.picture(max_age=0.5)
        except K230Error:
            # No preview, or away: not again before long.
            speaker.next_picture = time.monotonic() + max(30.0, self._snapshot_s)
            return
        self.outbox.put_state(speaker.topics.snapshot, data)
        self.wake()

    # To boards.

    def forget(self, board: str) -> None:
        """Remove everything that is retained of a board that hub.yaml does not name any more."""
        self._forgotten.add(board)

    @property
    def subscriptions(self) -> tuple[tuple[str, int], ...]:
        """What the client subscribes to."""
        forgotten = tuple((f"{self.prefix}/{board}/#", 1) for board in sorted(self._forgotten))
        return forgotten + self._command_topics()

    def _command_topics(self) -> tuple[tuple[str, int], ...]:
        if not self.configuration["mqtt.commands"]:
            return ()
        root = f"{self.prefix}/+"
        found = [f"{root}/task/set", f"{root}/settings/+/set", f"{root}/snapshot/get"]
        if self.configuration["mqtt.risky_commands"]:
            found += [f"{root}/restart/set", f"{root}/enroll/set"]
        return tuple((topic, 1) for topic in found)

    def on_message(self, message: Incoming) -> None:
        """Take a message of the broker's."""
        start = f"{self.prefix}/"
        if not message.topic.startswith(start):
            return
        board, _, rest = message.topic[len(start) :].partition("/")
        if board in self._forgotten and message.retain and message.payload:
            self.outbox.put_state(message.topic.encode(), b"")
            self.wake()
        if message.retain:
            return  # a command that was retained would be carried out at each start
        speaker = self.speakers.get(board)
        if speaker is None:
            return  # of another hub
        self.commands.take(speaker.session, rest, message.payload)

    def _outcome(self, session: BoardSession, row: dict[str, Any]) -> None:
        speaker = self.speaker(session)
        self.outbox.put_important(speaker.topics.outcome, dumps(row))
        if row["ok"] and row["command"] == "snapshot/get":
            self.take_picture(speaker)
        self.wake()


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(values, dict):
        for name, value in values.items():
            if isinstance(value, dict):
                found |= _flat(value, f"{prefix}{name}.")
            else:
                found[f"{prefix}{name}"] = value
    return found


def _payload(value: Any) -> bytes:
    if isinstance(value, bool):
        return topics.ON if value else topics.OFF
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return dumps(value)


def _nothing() -> None:
    pass
