"""The peers' side of benchmarks.wire: their bytes, and their own client libraries decoding them.

Where a library is not installed (`pip install 'k230-vision[bench]'`), its bytes are computed
from its documented format and its decoder is left out.
"""

from __future__ import annotations

import base64
import importlib
import json
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Row = tuple[int, int, int, int, int, int]  # x, y, w, h, score (per mille), class
Decode = Callable[[], Any]

CLASS_NAME = "person"  # what HuskyLens sends with every box


def boxes(count: int) -> list[Row]:
    """The boxes of every figure: a 640 x 480 frame, scores falling from 0.99."""
    return [
        (
            37 * i % 600 + 20,
            53 * i % 430 + 20,
            60 + 7 * i % 200,
            80 + 11 * i % 200,
            990 - 31 * i,
            i % 20,
        )
        for i in range(count)
    ]


def _rows(found: list[Row]) -> list[list[int]]:
    """Boxes as the peers have them: scores in percent."""
    return [[x, y, w, h, score // 10, kind] for x, y, w, h, score, kind in found]


def sscma_bytes(found: list[Row]) -> bytes:
    """An INVOKE event of SSCMA-Micro's AT protocol (docs/protocol), with the fewest spaces."""
    data = {"count": 70000, "perf": [8, 365, 1], "boxes": _rows(found)}
    event = {"type": 1, "name": "INVOKE", "code": 0, "data": data}
    return b"\r" + json.dumps(event, separators=(",", ":")).encode() + b"\n"


def huskylens_size(found: list[Row]) -> int:
    """HuskyLens 2, protocol 0.2: request 6, info 16, and a frame for each box."""
    return 6 + 16 + sum(18 + len(CLASS_NAME) for _ in found)


def huskylens_get(found: list[Row]) -> dict[str, float] | None:
    """pyhuskylens asking for these boxes, every byte waiting already: bytes both ways, and ms.

    Most of the time are pauses of fixed length in the library. None where it is not installed.
    """
    try:
        library: Any = importlib.import_module("pyhuskylens.pyhuskylens")
    except ImportError:
        return None

    def packet(command: int, payload: bytes) -> bytes:
        head = bytes((0x55, 0xAA, command, 0, len(payload))) + payload
        return head + bytes((sum(head) & 255,))

    name = CLASS_NAME.encode()
    info = struct.pack("<bbhhhh", 0, 0, len(found), 0, 0, 0)
    waiting = bytearray(packet(library._CMD_RETURN_INFO_V2, info))
    for x, y, w, h, score, kind in found:
        row = struct.pack("<bbhhhh", kind, score // 10, x, y, w, h)
        text = bytes((len(name),)) + name + b"\0"
        waiting += packet(library._CMD_RETURN_BLOCK_V2, row + text)
    moved = [0]

    class Wire(library.HuskyLensBase):  # type: ignore[misc]
        def _transport_write(self, data: bytes) -> None:
            moved[0] += len(data)

        def _transport_read(self, size: int) -> bytes:
            data = bytes(waiting[:size])
            del waiting[:size]
            moved[0] += len(data)
            return data

        def _transport_flush(self) -> None:
            pass

    camera = Wire()
    camera.version = 2
    start = time.perf_counter()
    blocks = camera.get()["blocks"]
    elapsed = time.perf_counter() - start
    if [(b.x, b.y, b.width, b.height) for b in blocks] != [row[:4] for row in found]:
        raise RuntimeError("pyhuskylens decodes something else")
    return {"bytes": moved[0], "ms": round(1000 * elapsed, 1)}


def openmv_size(found: list[Row]) -> int:
    """OpenMV protocol 1, a channel read: two requests, two answers; 12 bytes a box assumed."""
    return 84 + 12 * len(found)


def maix_size(found: list[Row]) -> int:
    """Maix protocol: 12 bytes around, 14 a box as its example packs them."""
    return 12 + 14 * len(found)


def esphome_text(found: list[Row]) -> str:
    """What a text sensor says: ESPHome has no schema for boxes."""
    return json.dumps(_rows(found), separators=(",", ":"))


def _varint(number: int) -> int:
    return 1 if number < 128 else 2


def esphome_size(found: list[Row]) -> int:
    """TextSensorStateResponse (key fixed32, state) in a Noise frame: 3 + 4 inside + 16 of tag."""
    text = len(esphome_text(found))
    return 23 + 5 + 1 + _varint(text) + text


def sizes(found: list[Row]) -> dict[str, int]:
    """Bytes on the wire of one result, by peer."""
    return {
        "sscma": len(sscma_bytes(found)),
        "huskylens": huskylens_size(found),
        "openmv": openmv_size(found),
        "maix": maix_size(found),
        "esphome": esphome_size(found),
    }


def sscma_decoder(found: list[Row]) -> Decode | None:
    """python-sscma's client, from bytes to the dict it hands on; None where not installed."""
    try:
        client: Any = importlib.import_module("sscma.micro.client")
    except ImportError:
        return None
    events: list[Any] = []
    data = sscma_bytes(found)
    receive = client.Client(on_event=events.append).on_recieve

    def decode() -> Any:
        receive(data)
        return events.pop()

    if len(decode()["data"]["boxes"]) != len(found):
        raise RuntimeError("python-sscma decodes something else")
    return decode


def _esphome(found: list[Row]) -> tuple[Any, list[Any], int, bytes] | None:
    """aioesphomeapi's connection, the states that it hands on, and the message of one result."""
    try:
        pb: Any = importlib.import_module("aioesphomeapi.api_pb2")
        base: Any = importlib.import_module("aioesphomeapi.client_base")
        link: Any = importlib.import_module("aioesphomeapi.connection")
        core: Any = importlib.import_module("aioesphomeapi.core")
    except ImportError:
        return None
    kind = pb.TextSensorStateResponse
    parameters: dict[str, Any] = dict.fromkeys(
        ("password", "zeroconf_manager", "noise_psk", "expected_name", "expected_mac", "timezone")
    )
    connection = link.APIConnection(
        link.ConnectionParams(
            addresses=["127.0.0.1"],
            port=6053,
            client_info="benchmark",
            keepalive=20.0,
            **parameters,
        ),
        None,
        False,
        "benchmark",
    )
    states: list[Any] = []

    def on_state(state: Any) -> None:
        states.append(json.loads(state.state))

    connection.add_message_callback(partial(base.on_state_msg, on_state, {}), (kind,))
    number = next(k for k, v in core.MESSAGE_TYPE_TO_PROTO.items() if v is kind)
    return connection, states, number, kind(key=7, state=esphome_text(found)).SerializeToString()


def esphome_decoder(found: list[Row]) -> Decode | None:
    """aioesphomeapi's connection, unencrypted (its faster way), and json.loads of the state.

    Call it inside a running event loop; None where the library is not installed.
    """
    parts = _esphome(found)
    if parts is None:
        return None
    connection, states, number, state = parts
    packets: Any = importlib.import_module("aioesphomeapi._frame_helper.packets")
    plain: Any = importlib.import_module("aioesphomeapi._frame_helper.plain_text")
    helper = plain.APIPlaintextFrameHelper(
        connection=connection, client_info="benchmark", log_name="benchmark"
    )
    data = b"".join(packets.make_plain_text_packets([(number, state)]))
    receive = helper.data_received

    def decode() -> Any:
        receive(data)
        return states.pop()

    if len(decode()) != len(found):
        raise RuntimeError("aioesphomeapi decodes something else")
    return decode


class _Wire:
    """What the Noise helper writes to."""

    def __init__(self) -> None:
        self.sent = b""

    def writelines(self, parts: Any) -> None:
        """Keep what the client says."""
        self.sent += b"".join(parts)

    write = writelines

    def close(self) -> None:
        """Nothing to close."""

    def get_extra_info(self, name: str) -> None:
        """Tell nothing."""


def esphome_noise_decoder(found: list[Row], calls: int) -> Decode | None:
    """aioesphomeapi over Noise, as it talks to a device with a key: so many calls at most.

    The handshake is done with the library's own Noise; each call gets the next frame, made before.
    """
    parts = _esphome(found)
    if parts is None:
        return None
    connection, states, number, state = parts
    helpers: Any = importlib.import_module("aioesphomeapi._frame_helper.noise")
    inside: Any = importlib.import_module("aioesphomeapi._frame_helper.noise_encryption")
    noise: Any = importlib.import_module("noise.connection")
    helper = helpers.APINoiseFrameHelper(
        connection=connection,
        noise_psk=base64.b64encode(bytes(range(32))).decode(),
        expected_name=None,
        expected_mac=None,
        client_info="benchmark",
        log_name="benchmark",
    )
    wire = _Wire()
    helper.connection_made(wire)
    device = noise.NoiseConnection.from_name(
        inside.NOISE_PROTOCOL_NAME, backend=inside.ESPHOME_NOISE_BACKEND
    )
    device.set_as_responder()
    device.set_psks(bytes(range(32)))
    device.set_prologue(b"NoiseAPIInit\x00\x00")
    device.start_handshake()
    device.read_message(wire.sent[-48:])  # its last frame, after the byte 0
    answer = b"\0" + device.write_message()
    for frame in (b"\x01device\0", answer):
        helper.data_received(bytes((1, len(frame) >> 8, len(frame) & 255)) + frame)
    cipher = inside.EncryptCipher(device.noise_protocol.cipher_state_encrypt)
    frames = [b"".join(helpers.make_noise_packets([(number, state)], cipher)) for _ in range(calls)]
    frames.reverse()
    receive = helper.data_received

    def decode() -> Any:
        receive(frames.pop())
        return states.pop()

    if len(decode()) != len(found):
        raise RuntimeError("aioesphomeapi over Noise decodes something else")
    return decode
