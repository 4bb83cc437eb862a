"""A real Mosquitto on a free port of this computer, and what mosquitto_sub says of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

LIMIT = 30.0  # seconds; a loaded computer takes its time
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def find(name: str) -> str:
    """Return a program of tools/system.sh (Mosquitto's, Prometheus); in CI it must be there."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        words = f"{name} is not installed: tools/system.sh"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """Mosquitto in a folder of its own; start() uses the same port again."""

    def __init__(self, folder: Path, *lines: str, persistent: bool = False) -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._program = find("mosquitto")
        self._process: subprocess.Popen[bytes] | None = None
        text = list(lines) or ["allow_anonymous true"]
        text.insert(0, f"listener {self.port} 127.0.0.1")
        if persistent:
            text += ["persistence true", f"persistence_location {folder}/"]
        text += ["max_queued_messages 100000", f"log_dest file {folder}/log"]
        if os.geteuid() == 0:
            text.insert(0, "user root")
        (folder / "mosquitto.conf").write_text("\n".join(text) + "\n")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert self._process is None
        self._process = subprocess.Popen(
            [self._program, "-c", str(self.folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + LIMIT
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            if self._process.poll() is not None:
                self._process = None
                log = self.folder / "log"
                raise AssertionError(log.read_text() if log.is_file() else "the broker ended")
            if time.monotonic() > end:
                self.kill()
                raise AssertionError("the broker does not listen")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as without power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def broker(folder: Path, *lines: str, persistent: bool = False) -> Iterator[Broker]:
    running = Broker(folder, *lines, persistent=persistent)
    try:
        running.start()  # in here: one that does not listen must not be left running
        yield running
    finally:
        with contextlib.suppress(AssertionError):
            running.thaw()
        running.kill()


class Listener:
    """Another client, of another library: what it hears by topic, and every message in order."""

    def __init__(self, port: int, *topics: str, username: str | None = None) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.latest: dict[str, bytes] = {}
        self._topics = topics or ("#",)
        self._ready = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        if username is not None:
            self.client.username_pw_set(username, "secret")
        self.client.on_connect = self._connected
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._heard
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _connected(self, *_: Any) -> None:
        self.client.subscribe([(topic, 1) for topic in self._topics])

    def _subscribed(self, *_: Any) -> None:
        self._ready = True

    def _heard(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        self.messages.append((message.topic, payload, message.retain))
        if payload:
            self.latest[message.topic] = payload
        else:
            self.latest.pop(message.topic, None)

    def count(self, topic: str) -> int:
        return sum(heard == topic for heard, _, _ in list(self.messages))

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(LIMIT)

    async def until(self, topic: str, payload: bytes | None, seconds: float = LIMIT) -> None:
        await until(
            lambda: self.latest.get(topic) == payload, seconds, lambda: (topic, self.latest)
        )

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.asynccontextmanager
async def listening(
    port: int, *topics: str, username: str | None = None
) -> AsyncIterator[Listener]:
    listener = Listener(port, *topics, username=username)
    try:
        await until(lambda: listener._ready)
        yield listener
    finally:
        await asyncio.to_thread(listener.close)


async def until(
    condition: Callable[[], Any], seconds: float = LIMIT, about: Callable[[], Any] = lambda: ""
) -> None:
    """Wait for something to have happened."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen: {about()}"
        await asyncio.sleep(0.01)
