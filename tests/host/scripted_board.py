"""A board that does what a test tells it, over TCP or a pty, spoken with firmware_app.wire.packets.

It is no model of the service: just enough of the protocol for the client to be tried against
everything that a link and a board can do to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import struct
import tempfile
import time
import tty
from collections.abc import AsyncIterator, Callable
from typing import Any

from firmware_app.wire import messages, packets, seal
from host_client.link.encryption import cipher
from tests.servers import Server

LABELS = ["cat", "dog", "菠菜"]
KEY = bytes(range(32))

Send = Callable[[bytes], None]


class ScriptedBoard:
    """What all its sessions share; tests change the attributes while it runs."""

    def __init__(self) -> None:
        self.key: bytes | None = None
        self.sealed = True
        self.encrypted = True
        self.version = messages.PROTOCOL_VERSION
        self.refusal: tuple[Any, ...] | None = None  # said to every HELLO
        self.bad_proof = False
        self.mute = False  # takes everything, says nothing
        self.boot_id = 1
        self.board_id = "board-1"
        self.generation = 1
        self.task = "classification"
        self.announce = True  # MODEL before results
        self.clock_offset = 100.0  # the board's clock is ahead of this computer's by this
        self.commands: list[tuple[int, str, dict[str, Any]]] = []
        self.executed: list[str] = []  # each command once, however often it arrived
        self.files: dict[str, bytes] = {}  # that `get` sends, by name, or by kind without one
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.lose: Callable[[bytes], bool] = lambda frame: False  # of what the board sends
        self.hellos = 0
        self.sessions: list[Session] = []
        self.window = 8192
        self.received = b""  # the last complete picture
        self._server = Server(self._serve)

    @property
    def url(self) -> str:
        return self._server.url

    async def listen(self) -> None:
        """Listen, on the same port as before where there was one."""
        await self._server.listen()

    async def stop(self) -> None:
        """Close the listener and all connections, as a board that restarts."""
        await self._server.close()

    async def restart(self, pause: float = 0.0) -> None:
        """Power off and on: another boot id, nothing remembered."""
        await self.stop()
        self.boot_id += 1
        await asyncio.sleep(pause)
        await self.listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, writer.write, writer.close)
        self.sessions.append(session)
        try:
            while data := await reader.read(65536):
                session.feed(data)
        finally:
            self.sessions.remove(session)

    def publish(self, seq: int, *fields: Any, kind: int = messages.CLASSIFICATION) -> None:
        """Send one result to whoever subscribed."""
        message = [kind, seq, self.now_ms(), self.generation, *fields]
        for session in self.sessions:
            if session.wants.get("results"):
                session.send(message)

    def publish_label(self, seq: int, index: int = 0) -> None:
        """Send one classification."""
        self.publish(seq, 1, [index, 65535])

    def broadcast(self, message: list[Any], wanted: str) -> None:
        """Send any message to who subscribed to its kind."""
        for session in self.sessions:
            if session.wants.get(wanted):
                session.send(message)

    def now_ms(self) -> int:
        return int((time.monotonic() + self.clock_offset) * 1000)

    def model(self) -> list[Any]:
        """MODEL of the running configuration."""
        digest = bytes([self.generation]) * 32
        return [
            messages.MODEL,
            self.generation,
            self.task,
            "model",
            digest,
            LABELS,
            640,
            480,
            "fruits",
        ]

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait for something to have happened."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            await asyncio.sleep(0.005)


class Session:
    """One client's session."""

    def __init__(self, board: ScriptedBoard, send: Send, close: Callable[[], None]) -> None:
        self.board = board
        self.close = close
        self._send = send
        self.decoder: Any = packets.Decoder()
        self.wants: dict[str, Any] = {}
        self.recorded: list[bytes] = []  # what the client sent, as it came
        self._hello = self._welcome = b""
        self._handshake: seal.Handshake | None = None
        self._sealer: seal.Sealer | None = None
        self.ready = False
        self._replies: dict[int, list[Any]] = {}
        self._size = 0
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self.recorded.append(data)
        for message in self.decoder.feed(data):
            if not self.board.mute:
                self._take(message)

    def send(self, message: list[Any]) -> None:
        """Send a message, sealed where the session is."""
        payload = packets.payload_of(message)
        if self._sealer is not None:
            payload = self._sealer.seal(payload)
        self.send_raw(packets.packet_of(payload))

    def send_raw(self, data: bytes) -> None:
        """Send bytes, unless the test loses them."""
        if not self.board.lose(data):
            self._send(data)

    def _take(self, message: list[Any]) -> None:
        board = self.board
        kind = message[0]
        if kind == messages.HELLO:
            self._take_hello(packets.payload_of(message))
        elif kind == messages.AUTH and self._handshake is not None:
            if message[1] != self._handshake.client_proof():
                self._refuse("key", "the key is not this board's")
                return
            proof = bytes(32) if board.bad_proof else self._handshake.board_proof()
            self.send([messages.READY, proof])
            if board.sealed:
                ours = theirs = None
                if board.encrypted:
                    ours = cipher(self._handshake.board_cipher())
                    theirs = cipher(self._handshake.client_cipher())
                self._sealer = seal.Sealer(self._handshake.board_seal(), ours)
                self.decoder.opener = seal.Opener(self._handshake.client_seal(), theirs).open
                self.decoder.plain = (messages.HELLO,)
            self.ready = True
        elif not self.ready:
            return
        elif kind == messages.PING:
            self.send(
                [messages.PONG, message[1], int((time.monotonic() + board.clock_offset) * 1e6)]
            )
        elif kind == messages.REQUEST:
            self._take_request(message[1], message[2], message[3])
        elif kind == messages.CHUNK:
            if message[2] == len(self._data):
                self._data += message[3]
            self.send([messages.TAKEN, message[1], len(self._data)])

    def _take_hello(self, payload: bytes) -> None:
        board = self.board
        board.hellos += 1
        if board.refusal is not None:
            self._refuse(*board.refusal)
            return
        if payload == self._hello:
            self.send_raw(packets.packet_of(self._welcome))
            if self.ready and board.key is None:
                self.send_raw(packets.encode([messages.READY, b""]))
            return
        self._sealer = None
        self.decoder.opener = self.decoder.plain = None
        self._replies.clear()
        self.wants = {}
        self._hello = payload
        flags = 0
        if board.key is not None:
            flags = messages.FLAG_KEY_REQUIRED
            if board.sealed:
                flags |= messages.FLAG_SEALED | messages.FLAG_ENCRYPTED * board.encrypted
        welcome = [messages.WELCOME, board.version, "1.0", "kitchen", board.board_id, board.boot_id]
        # The float is of a later version: what is hashed must be the bytes, not their meaning.
        welcome += [flags, secrets.token_bytes(16), messages.MAX_PAYLOAD, 1.5]
        self._welcome = packets.payload_of(welcome)
        self.send_raw(packets.packet_of(self._welcome))
        if board.key is None:
            self.ready = True
            self.send([messages.READY, b""])
        else:
            self.ready = False
            self._handshake = seal.Handshake(board.key, payload, self._welcome)

    def _refuse(self, code: str, text: str, *more: object) -> None:
        self.send_raw(packets.encode([messages.REFUSED, code, text, *more]))
        self.close()

    def _take_request(self, number: int, command: str, arguments: dict[str, Any]) -> None:
        board = self.board
        board.commands.append((number, command, arguments))
        if number not in self._replies:
            board.executed.append(command)
            self._replies[number] = self._execute(number, command, arguments)
        answer = self._replies[number]
        if answer:
            self.send(answer)
        if command == "subscribe" and board.announce:
            self.send(board.model())
        if command == "get" and answer[0] == messages.REPLY:
            data = board.files.get(_asked_for(arguments), b"")
            for at in range(answer[2]["offset"], len(data), messages.CHUNK_SIZE):
                piece = data[at : at + messages.CHUNK_SIZE]
                self.send([messages.CHUNK, number, at, piece])

    def _execute(self, number: int, command: str, arguments: dict[str, Any]) -> list[Any]:
        board = self.board
        if command in board.answers:
            answer = board.answers[command](arguments)
            if isinstance(answer, tuple):
                return [messages.FAILURE, number, *answer]
            return [] if answer is None else [messages.REPLY, number, answer]
        if command == "subscribe":
            self.wants = arguments
            return [messages.REPLY, number, {"generation": board.generation}]
        if command == "describe":
            return [messages.REPLY, number, board.model()[1:]]
        if command == "get" and _asked_for(arguments) in board.files:
            data = board.files[_asked_for(arguments)]
            digest = hashlib.sha256(data).digest()
            offset = arguments.get("offset", 0) if arguments.get("sha256") == digest else 0
            place = {"transfer": number, "size": len(data), "sha256": digest, "offset": offset}
            return [messages.REPLY, number, place]
        if command == "put":
            self._size, self._data = arguments["size"], bytearray()
            place = {"transfer": number, "offset": 0, "window": board.window}
            return [messages.REPLY, number, place]
        if command == "infer":
            board.received = bytes(self._data)
            row = [messages.CLASSIFICATION, 7, board.now_ms(), board.generation, 1, [2, 65535]]
            return [messages.REPLY, number, row]
        return [messages.FAILURE, number, "unknown_command", f"there is no command {command}"]


def _asked_for(arguments: dict[str, Any]) -> str:
    return str(arguments.get("name") or arguments.get("kind"))


@contextlib.asynccontextmanager
async def tcp_board(**attributes: Any) -> AsyncIterator[ScriptedBoard]:
    """A board that listens on this computer."""
    board = ScriptedBoard()
    for name, value in attributes.items():
        setattr(board, name, value)
    await board.listen()
    try:
        yield board
    finally:
        await board.stop()


class PtyBoard(ScriptedBoard):
    """A board behind a tty; restart() makes it forget its session, as power does."""

    def __init__(self) -> None:
        super().__init__()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        # A name of its own: the system gives the number of a pty that is gone to the next one that is
        # opened, and a client that waits would talk to a stranger.
        self._folder = tempfile.TemporaryDirectory(prefix="k230-tty-")
        self.path = os.path.join(self._folder.name, "tty")
        os.symlink(os.ttyname(slave), self.path)
        self._slave = slave  # kept open: else the master sees an end whenever a client leaves
        os.set_blocking(self._master, False)
        self.garble: Callable[[bytes], bytes] = lambda data: data  # of what the client sends

    @property
    def url(self) -> str:
        return f"serial://{self.path}?baudrate=921600"

    async def listen(self) -> None:
        self.sessions = [Session(self, self._write, lambda: None)]
        asyncio.get_running_loop().add_reader(self._master, self._read)

    async def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.sessions[0].feed(self.garble(os.read(self._master, 65536)))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads
            os.write(self._master, data)

    def unplug(self) -> None:
        self._folder.cleanup()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def dispose(self) -> None:
        if self._master >= 0:
            self.unplug()


@contextlib.asynccontextmanager
async def pty_board(**attributes: Any) -> AsyncIterator[PtyBoard]:
    """A board behind a pty."""
    board = PtyBoard()
    for name, value in attributes.items():
        setattr(board, name, value)
    await board.listen()
    try:
        yield board
    finally:
        if board._master >= 0:
            await board.stop()
        board.dispose()


def pack_box(x: int, y: int, w: int, h: int, *, score1000: int, kind: int) -> bytes:
    """One packed box, written from docs/protocol.md and not from the firmware."""
    return struct.pack("<II", x | score1000 << 11 | y << 21, w | kind << 11 | h << 21)
