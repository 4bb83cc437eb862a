"""Default settings for a type of board, for a card without a service.yaml."""

from __future__ import annotations

import json
import re

from board_types import BoardType


def settings_for(kind: BoardType) -> dict[str, object]:
    """Return the settings, by dotted name, that differ from the defaults for this type."""
    number, tx, rx = kind.link
    found: dict[str, object] = {"uart.id": number, "uart.tx": tx, "uart.rx": rx}
    if not kind.wlan and kind.lan:
        found["network.interface"] = "ethernet"
    if not kind.wlan and not kind.lan:
        found |= {"network.enabled": False, "uart.enabled": True}
    return found


def unknown(uname: str) -> str:
    """Return the sentence for an unknown board type; uname "": a card, which does not tell its type."""
    if uname:
        return f"unknown board type {uname}: service.yaml gets the default settings"
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
    """Return the text of a service.yaml with a new value of group.name; comments stay.

    Raises:
        ValueError: the text has no line for this setting.
    """
    group, _, name = path.partition(".")
    lines = text.splitlines(keepends=True)
    inside = False
    for index, line in enumerate(lines):
        if line[:1] not in (" ", "#", "\n"):
            inside = line.startswith(f"{group}:")
        found = re.match(rf"( +{name}: )(\S+)( *)(.*\n?)", line) if inside else None
        if found is not None:
            # The comment beside it stays in its column if there is room.
            width = len(found[2]) + len(found[3])
            shown = json.dumps(value).ljust(width - 1) + " " if found[3] else json.dumps(value)
            lines[index] = found[1] + shown + found[4]
            return "".join(lines)
    raise ValueError(f"{path}: expected a line for it in service.yaml, found none")
