"""How messages look in the log: type, size, and what they belong to; never what they carry.

Keys, passwords, pictures and embeddings travel in fields that are not named here.
"""

from __future__ import annotations

from typing import Any

from firmware_app.wire import messages

_TYPES = (
    *("HELLO", "WELCOME", "AUTH", "READY", "REFUSED", "REQUEST", "REPLY", "FAILURE", "PROGRESS"),
    *("CHUNK", "TAKEN", "PING", "PONG", "EVENT", "MODEL", "STATISTICS", "LOG", "BYE", "ALIVE"),
)
_NAMES: dict[int, str] = {getattr(messages, name): name for name in _TYPES}
_NAMES.update({kind: f"RESULT {task}" for kind, task in messages.RESULT_TASKS.items()})
_CODED = {messages.REFUSED: 1, messages.FAILURE: 2, messages.EVENT: 2}  # where a code stands


def type_name(kind: int) -> str:
    """Return the name of a message type."""
    return _NAMES.get(kind, f"type {kind}")


def details(message: list[Any]) -> str:
    """Return what tells a message from others of its type: a code, or numbers; else nothing."""
    kind = message[0]
    at = _CODED.get(kind)
    if at is not None and len(message) > at:
        return f", {printable(message[at])}"
    if kind in messages.RESULT_TASKS and all(type(number) is int for number in message[1:4]):
        return ", seq {}, time {} ms, generation {}".format(*message[1:4])
    if kind in (messages.CHUNK, messages.TAKEN) and all(type(n) is int for n in message[1:3]):
        return ", transfer {} at {}".format(*message[1:3])
    return ""


def printable(value: object) -> str:
    """Return what a stranger says of itself without what ends a line or steers a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(value)[:200])
