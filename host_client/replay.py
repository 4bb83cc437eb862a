"""Replay a recording as if it were a board: the board's half of the protocol, without I/O.

Implements docs/protocol.md sections 2 and 3, without key. Commands that need hardware answer `failed`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_app.version import VERSION
from firmware_app.wire import messages, packets
from host_client.recording import RecordingError, Row, label_names, read, wire_message

MEDIUM = "replay"


class Player:
    """The messages of a recording's first board, with milliseconds since the beginning."""

    def __init__(self, path: str | Path) -> None:
        """Read a recording; RecordingError."""
        rows = [row for row in read(path) if row.kind != "picture"]
        if not rows:
            raise RecordingError(f"{path}: expected results or events in it, found none")
        self.board_id = rows[0].board_id
        self.rows = [row for row in rows if row.board_id == self.board_id]
        results = [row.data for row in self.rows if row.kind == "result"]
        self.board_name = str(self.rows[0].data.get("board_name") or MEDIUM)
        self._names = label_names(results)
        begin = self.rows[0].seconds
        number = 0  # renumber events: a recording may begin late, or span a restart
        self.messages: list[tuple[int, str, list[Any]]] = []
        generation = None
        self.model: list[Any] | None = None
        try:
            for row in self.rows:
                at = max(0, round((row.seconds - begin) * 1000))
                if row.kind == "result" and row.data["generation"] != generation:
                    generation = row.data["generation"]
                    model = self._model(row)
                    self.model = self.model or model
                    self.messages.append((at, "results", model))
                wanted, message = _message(row)
                if wanted == "events" and message[4]:
                    number += 1
                    message[4] = number
                self.messages.append((at, wanted, message))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordingError(
                f"{path}: a message is not valid: {type(error).__name__}: {str(error)[:80]}"
            ) from None

    def _model(self, row: Row) -> list[Any]:
        data = row.data
        size = [data.get("width") or 0, data.get("height") or 0]
        fields = [data["generation"], data["task"], data["model"], bytes(32), self._names, *size]
        more: dict[str, Any] = {}
        if data["task"] == "pose":
            points = [item["keypoints"] for item in data["objects"]]
            more["keypoints"] = [point["name"] for point in points[0]] if points else []
            more["skeleton"] = data.get("skeleton") or []
        return [messages.MODEL, *fields, MEDIUM, more]


def _message(row: Row) -> tuple[str, list[Any]]:
    data = row.data
    if row.kind == "result":
        return "results", wire_message(data)
    if row.kind == "event":
        details = data["details"]
        if data["number"]:
            details = _wire_details(details)
        return "events", [messages.EVENT, data["time_ms"], data["kind"], details, data["number"]]
    return "statistics", [messages.STATISTICS, data["time_ms"], data["values"]]


def _wire_details(details: dict[str, Any]) -> dict[str, Any]:
    row = dict(details)
    if isinstance(row.get("score"), (int, float)):
        row["score"] = round(row["score"] * 1000)
    for name in ("box", "first_box"):
        if isinstance(row.get(name), dict):
            row[name] = [row[name][key] for key in "xywh"]
    return row


class Peer:
    """One session with a client. feed() takes bytes, `send` gets bytes, due() plays due messages."""

    def __init__(self, player: Player, send: Callable[[bytes], None]) -> None:
        self._player = player
        self._send = send
        self._decoder: Any = packets.Decoder()
        self._wants: dict[str, Any] = {}
        self._at = 0
        self._begun: float | None = None
        self._boot_id = int.from_bytes(os.urandom(4), "little")
        self._now = 0.0

    def feed(self, data: bytes, now: float) -> None:
        """Take the client's bytes. now: seconds of any clock."""
        self._now = now
        for message in self._decoder.feed(data):
            kind = message[0]
            if kind == messages.HELLO:
                self._hello()
            elif kind == messages.PING and len(message) > 1:
                self._say([messages.PONG, message[1], int(self._board_ms() * 1000)])
            elif kind == messages.REQUEST and len(message) > 3:
                self._request(message[1], message[2], message[3])

    def due(self, now: float) -> float | None:
        """Send due messages; return the seconds until the next, or None for the end or no reader."""
        self._now = now
        if self._begun is None:
            return None
        passed = (now - self._begun) * 1000
        rows = self._player.messages
        while self._at < len(rows) and rows[self._at][0] <= passed:
            _, wanted, message = rows[self._at]
            if self._wants.get(wanted, False):
                self._say(message)
            self._at += 1
        if self._at >= len(rows):
            return None
        return max(0.0, (rows[self._at][0] - passed) / 1000)

    @property
    def over(self) -> bool:
        """Whether everything was played."""
        return self._at >= len(self._player.messages)

    def _board_ms(self) -> float:
        """Return the board's clock: the recording's, advanced with this computer's."""
        first = self._player.rows[0].data.get("time_ms", 0)
        passed = 0.0 if self._begun is None else (self._now - self._begun) * 1000
        return float(first) + passed

    def _hello(self) -> None:
        self._wants = {}
        welcome = [
            *(messages.WELCOME, messages.PROTOCOL_VERSION, VERSION, self._player.board_name),
            *(self._player.board_id, self._boot_id, 0, bytes(16), messages.MAX_PAYLOAD),
        ]
        self._say(welcome)
        self._say([messages.READY, b""])

    def _request(self, number: Any, command: Any, arguments: Any) -> None:
        if command == "subscribe" and isinstance(arguments, dict):
            self._wants = {
                name: arguments.get(name, True) for name in ("results", "events", "statistics")
            }
            if self._begun is None and any(self._wants.values()):
                self._begun = self._now
            past = self._past()
            answer = {"generation": 1, "oldest": 1, "newest": len(past), "lost": 0}
            self._say([messages.REPLY, number, answer])
            self._again(past, arguments.get("after"))
        elif command == "describe" and self._player.model is not None:
            self._say([messages.REPLY, number, self._player.model[1:]])
        elif command == "status":
            status = {
                "board_id": self._player.board_id,
                "board_name": self._player.board_name,
                "problems": [],
            }
            self._say([messages.REPLY, number, status])
        else:
            text = f"{command}: not possible with a recording"
            self._say([messages.FAILURE, number, "failed", text])

    def _past(self) -> list[list[Any]]:
        """Return the numbered events that were due so far."""
        rows = self._player.messages[: self._at]
        return [row[2] for row in rows if row[1] == "events" and row[2][4]]

    def _again(self, past: list[list[Any]], after: Any) -> None:
        """Send the past events after this position of the client, as a board does."""
        if self._wants["events"] and isinstance(after, list) and len(after) == 2:
            boot_id, number = after
            first = number if boot_id == self._boot_id and isinstance(number, int) else 0
            for message in past[max(0, first) :]:
                self._say(message)

    def _say(self, message: list[Any]) -> None:
        self._send(packets.encode(message))
