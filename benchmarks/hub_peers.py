"""What publishing alone costs with other MQTT clients, for benchmarks.hub.

    python -m benchmarks.hub_peers CLIENT PORT RATE SECONDS

Publishes results as the hub does, QoS 0, and prints JSON: messages, cpu_us (of one), cores.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

CLIENTS = ("hub", "gmqtt", "paho", "aiomqtt")
PAYLOAD = b'{"schema":1,"type":"result"' + b" " * 600 + b"}"
_TICK = 1 / 240

Publish = Callable[[str, bytes], Any]


async def _drive(publish: Publish, rate: float, seconds: float, waits: bool) -> dict[str, float]:
    begun = due = time.monotonic()
    cpu = time.process_time()
    count = 0
    owed = 0.0
    while due - begun < seconds:
        owed += rate * _TICK
        while owed >= 1:
            owed -= 1
            done = publish(f"peers/{count % 256}/result", PAYLOAD)
            if waits:
                await done
            count += 1
        due += _TICK
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    wall, used = time.monotonic() - begun, time.process_time() - cpu
    return {
        "messages": count,
        "messages_per_s": round(count / wall, 1),
        "cpu_us": round(1e6 * used / count, 1),
        "cores": round(used / wall, 3),
    }


async def _hub(port: int, rate: float, seconds: float) -> dict[str, float]:
    from board_hub.mqtt.client import Client, Settings
    from board_hub.mqtt.outbox import Outbox

    outbox = Outbox(10_000)
    client = Client(
        Settings("127.0.0.1", port, "peer-hub"), outbox, on_message=lambda message: None
    )
    task = asyncio.create_task(client.run())
    await _until(lambda: client.state == "connected")

    def publish(topic: str, payload: bytes) -> None:
        outbox.put_news(topic.encode(), payload)
        client.wake()

    found = await _drive(publish, rate, seconds, False)
    task.cancel()
    return found | {"dropped": outbox.dropped_news}


async def _gmqtt(port: int, rate: float, seconds: float) -> dict[str, float]:
    import gmqtt

    client = gmqtt.Client("peer-gmqtt")
    await client.connect("127.0.0.1", port)
    found = await _drive(lambda t, p: client.publish(t, p, qos=0), rate, seconds, False)
    await client.disconnect()
    return found


async def _paho(port: int, rate: float, seconds: float) -> dict[str, float]:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="peer-paho")
    client.connect("127.0.0.1", port)
    client.loop_start()
    await _until(client.is_connected)
    found = await _drive(lambda t, p: client.publish(t, p, qos=0), rate, seconds, False)
    client.disconnect()
    client.loop_stop()
    return found


async def _aiomqtt(port: int, rate: float, seconds: float) -> dict[str, float]:
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port) as client:
        return await _drive(lambda t, p: client.publish(t, p, qos=0), rate, seconds, True)


async def _until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


_RUN: dict[str, Callable[[int, float, float], Awaitable[dict[str, float]]]] = {
    "hub": _hub,
    "gmqtt": _gmqtt,
    "paho": _paho,
    "aiomqtt": _aiomqtt,
}

if __name__ == "__main__":
    name, port, rate, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(_RUN[name](int(port), float(rate), float(seconds)))))  # type: ignore[arg-type]
