"""Checks of what a board answers, so that a strange answer is an error and no crash."""

from __future__ import annotations

from typing import Any

from host_client.base.exceptions import ProtocolError


def expect(answer: Any, kind: type, command: str) -> Any:
    """Return the answer if it is of kind; raises ProtocolError otherwise."""
    if not isinstance(answer, kind):
        found = type(answer).__name__
        raise ProtocolError(f"{command}: expected a {kind.__name__} as answer, found {found}")
    return answer


def transfer_place(command: str, answer: Any) -> tuple[int, int, int]:
    """Return transfer id, offset and window of the answer to `put` or `push`."""
    place = expect(answer, dict, command)
    try:
        return int(place["transfer"]), int(place["offset"]), int(place["window"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"{command}: the answer lacks {error}") from error
