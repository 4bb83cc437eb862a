"""MQTT put together: client, outbox, publisher, and their figures for /metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from board_hub.base.names import part_of
from board_hub.configuration.reader import PASSWORD_VARIABLE, Configuration
from board_hub.mqtt import tls, topics
from board_hub.mqtt.client import Client, Settings
from board_hub.mqtt.outbox import Outbox
from board_hub.mqtt.packets import Incoming, Will
from board_hub.mqtt.publisher import Publisher
from board_hub.sessions import Sessions
from host_client.base.exceptions import ConfigurationError

_log = logging.getLogger(__name__)

_SHOWN = 600  # bytes of a payload on the status page
_HEARING_S = 10  # seconds in which the broker gives our own state back

OnMessage = Callable[[Incoming], None]


class Mqtt:
    """What hub.yaml's `mqtt` makes."""

    def __init__(self, sessions: Sessions, configuration: Configuration) -> None:
        self.outbox = Outbox(configuration["mqtt.queue"])
        self.publisher = Publisher(sessions, self.outbox, configuration)
        self.client: Client | None = None
        self.listeners: list[OnMessage] = [self.publisher.on_message]
        self.subscriptions: list[tuple[str, int]] = []
        self.permitted: bool | None = None  # None: not known yet
        self._heard = 0  # the connection over which our own state came back
        self._configuration = configuration

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run while the block runs; at its end say goodbye. Raises ConfigurationError."""
        self.client = Client(self._settings(), self.outbox, on_message=self._take)
        self.publisher.wake = self.client.wake
        self.publisher.flush = self.client.flush
        publishing = asyncio.create_task(self.publisher.run(), name="hub-publisher")
        connecting = asyncio.create_task(self.client.run(), name="hub-mqtt")
        checking = asyncio.create_task(self._check_permission(self.client), name="hub-permission")
        try:
            yield
        finally:
            for task in (publishing, checking):
                task.cancel()
            await asyncio.gather(publishing, checking, return_exceptions=True)
            self.publisher.goodbye()
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)

    async def _check_permission(self, client: Client) -> None:
        """Warn where the broker takes our messages and delivers none: MQTT 3.1.1 has no answer for that."""
        told = False
        while True:
            while client.state != "connected":
                await asyncio.sleep(0.2)
            seen = client.connections
            for _ in range(_HEARING_S):
                await asyncio.sleep(1.0)
                if self._heard == seen or client.connections != seen:
                    break
            if client.state == "connected" and client.connections == seen and self._heard != seen:
                self.permitted = False
                if not told:
                    told = True
                    bridge = self.publisher.bridge.decode()
                    _log.warning(
                        "MQTT: the hub does not hear its own %s: the broker's access list may not let "
                        "user %r write and read %s/#",
                        *(bridge, client.settings.username, self._configuration["mqtt.prefix"]),
                    )
            while client.state == "connected" and client.connections == seen:
                await asyncio.sleep(1.0)

    def _take(self, message: Incoming) -> None:
        if message.topic == self.publisher.bridge.decode() and not message.retain:
            self.permitted = True
            self._heard = self.client.connections if self.client is not None else 0
        for listener in self.listeners:
            listener(message)

    def _settings(self) -> Settings:
        configuration = self._configuration
        broker = configuration.broker
        assert broker is not None
        bridge = topics.bridge(configuration["mqtt.prefix"], configuration.shard)
        return Settings(
            broker.host,
            broker.port,
            client_id(configuration),
            keepalive=configuration["mqtt.keepalive_s"],
            username=configuration["mqtt.username"],
            password=password(configuration),
            tls=certificates(configuration),
            will=Will(bridge, topics.OFFLINE),
            subscriptions=((bridge, 0), *self.publisher.subscriptions, *self.subscriptions),
        )

    def metrics(self) -> Iterator[Metric]:
        """Yield what /metrics says of the broker."""
        client, outbox = self.client, self.outbox
        yield GaugeMetricFamily(
            "k230_mqtt_connected",
            "1 while the broker is connected.",
            value=float(client is not None and client.state == "connected"),
        )
        yield GaugeMetricFamily(
            "k230_mqtt_permitted",
            "0 where the hub does not hear its own state: the broker's access list.",
            value=float(self.permitted is not False),
        )
        for name, text, value in (
            ("connections", "Connections to the broker.", client.connections if client else 0),
            ("messages_sent", "Messages given to the broker.", outbox.sent),
            (
                "messages_acknowledged",
                "Messages with QoS 1 that the broker has.",
                outbox.acknowledged,
            ),
            ("commands", "Commands that arrived.", self.publisher.commands.taken),
            ("commands_failed", "Commands that failed.", self.publisher.commands.failed),
            (
                "messages_unconfirmed",
                "Messages with QoS 0 that were on their way when the connection was lost.",
                outbox.unconfirmed,
            ),
        ):
            yield CounterMetricFamily(f"k230_mqtt_{name}", text, value=float(value))
        dropped = CounterMetricFamily(
            "k230_mqtt_messages_dropped", "Messages that no queue had room for.", labels=["kind"]
        )
        dropped.add_metric(["important"], float(outbox.dropped_important))
        dropped.add_metric(["news"], float(outbox.dropped_news))
        dropped.add_metric(["feed"], float(self.publisher.dropped))
        yield dropped
        yield GaugeMetricFamily(
            "k230_mqtt_messages_waiting",
            "Messages that wait for the broker.",
            value=float(len(outbox)),
        )


class Preview:
    """Stands in for the broker in the demo: keeps each topic's latest message for the status page."""

    def __init__(self, mqtt: Mqtt, keep: int = 200) -> None:
        self._mqtt = mqtt
        self._keep = keep
        self._counts: dict[str, int] = {}
        self._rows: dict[str, list[str]] = {}  # by topic, the newest last

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run while the block runs."""
        publishing = asyncio.create_task(self._mqtt.publisher.run(), name="hub-publisher")
        taking = asyncio.create_task(self._take())
        try:
            yield
        finally:
            for task in (publishing, taking):
                task.cancel()
            await asyncio.gather(publishing, taking, return_exceptions=True)

    async def _take(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            for topic, payload, retained, qos in self._mqtt.outbox.messages():
                text = payload[:_SHOWN].decode("utf-8", "replace")
                if payload[:2] == b"\xff\xd8":
                    text = f"JPEG, {len(payload)} bytes"
                elif len(payload) > _SHOWN:
                    text += " …"
                name = topic.decode("utf-8", "replace")
                count = self._counts.pop(name, 0) + 1
                self._rows.pop(name, None)
                self._counts[name] = count
                self._rows[name] = [
                    *(name, "retained" if retained else f"QoS {qos}", str(count), text)
                ]
                if len(self._rows) > self._keep:
                    oldest = next(iter(self._rows))
                    del self._rows[oldest], self._counts[oldest]

    def rows(self) -> list[list[str]]:
        """Return each topic with its latest message, the newest first, as rows of a table."""
        return [["topic", "kind", "times", "latest payload"], *reversed(self._rows.values())]


def client_id(configuration: Configuration) -> str:
    """Return this hub's name at the broker: the same one at each start, another in each shard."""
    given = configuration["mqtt.client_id"]
    if given is not None:
        return str(given)
    number, count = configuration.shard
    return f"k230-hub-{part_of(platform.node() or 'host')}" + (f"-{number}" if count > 1 else "")


def certificates(configuration: Configuration) -> ssl.SSLContext | None:
    """Return what a mqtts:// broker is checked with, or None; raises ConfigurationError."""
    if configuration.broker is None or not configuration.broker.tls:
        return None
    names = ("mqtt.ca_file", "mqtt.cert_file", "mqtt.key_file")
    return tls.context(*(configuration.path(name) for name in names))


def password(configuration: Configuration) -> str | None:
    """Return the broker's password, or None; raises ConfigurationError."""
    path: Path | None = configuration.path("mqtt.password_file")
    if path is not None:
        try:
            return path.read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "expected UTF-8 text"
            raise ConfigurationError([f"mqtt.password_file: {path}: {why}"]) from None
    given = configuration["mqtt.password"]
    return str(given) if given is not None else os.environ.get(PASSWORD_VARIABLE)
