"""The settings that suit a type of board, for a card that has none yet."""

from __future__ import annotations

import json
import re

from board_types import BoardType


def settings_for(kind: BoardType) -> dict[str, object]:
    """Return the settings by dotted name in which the type differs from the defaults."""
    number, tx, rx = kind.link
    found: dict[str, object] = {"uart.id": number, "uart.tx": tx, "uart.rx": rx}
    if not kind.wlan and kind.lan:
        found["network.interface"] = "ethernet"
    if not kind.wlan and not kind.lan:
        found |= {"network.enabled": False, "uart.enabled": True}
    return found


def unknown(uname: str) -> str:
    """Return the sentence for a board of no known type, or of none that a card tells ("")."""
    if uname:
        return f"{uname} is no known type of board: service.yaml has the default settings"
    return (
        "a card does not tell its board's type: service.yaml has the default settings; "
        "name the type with --board"
    )


def suited(text: str, kind: BoardType) -> str:
    """Return the text of the default service.yaml with the values that suit the type."""
    for path, value in settings_for(kind).items():
        text = with_setting(text, path, value)
    return text


def with_setting(text: str, path: str, value: object) -> str:
    """Return the text of a service.yaml with another value of group.name; comments stay.

    Raises:
        ValueError: the text has no line for it.
    """
    group, _, name = path.partition(".")
    lines = text.splitlines(keepends=True)
    inside = False
    for index, line in enumerate(lines):
        if line[:1] not in (" ", "#", "\n"):
            inside = line.startswith(f"{group}:")
        found = re.match(rf"( +{name}: )(\S+)( *)(.*\n?)", line) if inside else None
        if found is not None:
            # Where there is room, the comment beside it stays in its column.
            width = len(found[2]) + len(found[3])
            shown = json.dumps(value).ljust(width - 1) + " " if found[3] else json.dumps(value)
            lines[index] = found[1] + shown + found[4]
            return "".join(lines)
    raise ValueError(f"{path}: expected a line for it in service.yaml, found none")
