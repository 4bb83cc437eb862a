"""The load of benchmarks.hub: many scripted boards in one process, sealed and encrypted.

    python -m benchmarks.hub_boards BOARDS RATE KEY_HEX

Prints the boards' ports as JSON, then, for each line on stdin, how many results it has sent since
the line before. `stop` and `go` on a line stop it and let it go on.
`time_ms` of a result is Unix milliseconds less BASE_MS, taken when it is sent.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import secrets
import socket
import struct
import sys
import time
from typing import Any

from firmware_app.wire import messages, packets, seal
from host_client.link.encryption import cipher

BASE_MS = 1_700_000_000_000
BOXES = 5
LABELS = [f"label_{number}" for number in range(80)]
_TURNS = 8  # a frame's time is cut into these, each with its share of the boards


def now_ms() -> int:
    """Return the boards' clock."""
    return int(time.time() * 1000) - BASE_MS


def boxes(number: int) -> bytes:
    """Return five packed boxes that differ from frame to frame."""
    rows = []
    for index in range(BOXES):
        x, y = (number * 7 + index * 90) % 560, (number * 3 + index * 60) % 400
        score, kind = 500 + (number + index) % 500, index % 3
        rows.append(struct.pack("<II", x | score << 11 | y << 21, 60 | kind << 11 | 60 << 21))
    return b"".join(rows)


class ScriptedBoard:
    """One board: its sessions and its answers."""

    def __init__(self, number: int, key: bytes) -> None:
        self.board_id = f"{number:016x}"
        self.name = f"board-{number}"
        self.key = key
        self.seq = 0
        self.sessions: set[Session] = set()
        self.skipped = 0  # results that a client had no room for
        self.model = [
            *(messages.MODEL, 1, "detection", "model", bytes(32), LABELS, 640, 480, "objects"),
        ]
        self.answers: dict[str, Any] = {
            "status": {"board_name": self.name, "task": "objects", "problems": []},
            "tasks": [],
            "config": {"service": {}, "task": {"confidence_threshold": 0.5}},
        }

    def publish(self) -> int:
        """Send a result to each subscriber; return how many."""
        self.seq += 1
        sent = 0
        for session in self.sessions:
            # As a board: who takes too little gets new results, not all of them.
            if session.results and session.full:
                self.skipped += 1
            elif session.results:
                session.send([messages.DETECTION, self.seq, now_ms(), 1, boxes(self.seq)])
                sent += 1
        return sent


class Session(asyncio.Protocol):
    """One client."""

    def __init__(self, board: ScriptedBoard) -> None:
        self.board = board
        self.results = False
        self._decoder: Any = packets.Decoder()
        self._sealer: seal.Sealer | None = None
        self._handshake: seal.Handshake | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # A board keeps little for who does not take it.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        self.board.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.board.sessions.discard(self)

    @property
    def full(self) -> bool:
        """Whether the client takes less than it is sent."""
        return self._transport is None or self._transport.get_write_buffer_size() > 4096

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._take(message)

    def send(self, message: list[Any]) -> None:
        payload = packets.payload_of(message)
        if self._sealer is not None:
            payload = self._sealer.seal(payload)
        assert self._transport is not None
        self._transport.write(packets.packet_of(payload))

    def _take(self, message: list[Any]) -> None:
        kind = message[0]
        if kind == messages.HELLO:
            flags = messages.FLAG_KEY_REQUIRED | messages.FLAG_SEALED | messages.FLAG_ENCRYPTED
            welcome = packets.payload_of(
                [
                    *(messages.WELCOME, messages.PROTOCOL_VERSION, "1.0", self.board.name),
                    *(self.board.board_id, 1, flags, secrets.token_bytes(16)),
                    messages.MAX_PAYLOAD,
                ]
            )
            self._handshake = seal.Handshake(self.board.key, packets.payload_of(message), welcome)
            assert self._transport is not None
            self._transport.write(packets.packet_of(welcome))
        elif kind == messages.AUTH and self._handshake is not None:
            proved = self._handshake
            self.send([messages.READY, proved.board_proof()])
            self._sealer = seal.Sealer(proved.board_seal(), cipher(proved.board_cipher()))
            opener = seal.Opener(proved.client_seal(), cipher(proved.client_cipher()))
            self._decoder.opener = opener.open
        elif kind == messages.PING:
            self.send([messages.PONG, message[1], now_ms() * 1000])
        elif kind == messages.REQUEST:
            number, command, arguments = message[1:4]
            if command == "subscribe":
                self.results = bool(arguments.get("results"))
                self.send([messages.REPLY, number, {"generation": 1}])
                self.send(self.board.model)
            elif command in self.board.answers:
                self.send([messages.REPLY, number, self.board.answers[command]])
            else:
                self.send([messages.FAILURE, number, "unknown_command", "no such command"])


async def _main(count: int, rate: float, key: bytes) -> None:
    loop = asyncio.get_running_loop()
    boards = [ScriptedBoard(number, key) for number in range(count)]
    ports = []
    for board in boards:
        server = await loop.create_server(functools.partial(Session, board), "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
    sent = late = 0
    stopped = False
    print(json.dumps(ports), flush=True)

    def asked() -> None:
        nonlocal sent, late
        nonlocal stopped
        words = os.read(0, 4096)
        if not words:
            loop.stop()
            return
        stopped = words.strip() == b"stop"
        skipped = sum(board.skipped for board in boards)
        row = {"sent": sent, "skipped": skipped, "late": late, "cpu_s": time.process_time()}
        print(json.dumps(row), flush=True)
        sent = late = 0
        for board in boards:
            board.skipped = 0

    loop.add_reader(0, asked)
    period = 1.0 / rate / _TURNS
    due = time.monotonic()
    turn = 0
    while True:
        for board in boards[turn % _TURNS :: _TURNS]:
            if not stopped:
                sent += board.publish()
        turn += 1
        due += period
        delay = due - time.monotonic()
        if delay < -1.0:  # this process can't keep up: what it has not sent need not be delivered
            late += 1
            due = time.monotonic()
        await asyncio.sleep(max(0.0, delay))


if __name__ == "__main__":
    try:
        asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2]), bytes.fromhex(sys.argv[3])))
    except (RuntimeError, KeyboardInterrupt):
        sys.exit(0)
