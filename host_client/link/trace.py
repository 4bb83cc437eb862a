"""Describe messages for the log: type, size and reference, never their content.

Keys, passwords, pictures and embeddings are in fields that are not logged.
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
_CODED = {messages.REFUSED: 1, messages.FAILURE: 2, messages.EVENT: 2}  # position of a code


def type_name(kind: int) -> str:
    """Return the name of a message type."""
    return _NAMES.get(kind, f"type {kind}")


def details(message: list[Any]) -> str:
    """Return a message's distinguishing code or numbers, if any."""
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
    """Return foreign text without line ends and control characters."""
    return "".join(c if c.isprintable() else "?" for c in str(value)[:200])
