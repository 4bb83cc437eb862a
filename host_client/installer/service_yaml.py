"""The service.yaml of a new board: its type's settings, its name, its network."""

from __future__ import annotations

from board_types import BoardType
from host_client.installer import content, suited


def service_yaml(
    kind: BoardType | None, name: str | None, ssid: str | None, password: str | None
) -> str:
    """Return the text of a service.yaml; None keeps a default."""
    text = content.DEFAULT_SERVICE.read_text("utf-8")
    if kind is not None:
        text = suited.suited(text, kind)
    if name:
        text = suited.with_setting(text, "board.name", name)
    if ssid:
        text = suited.with_setting(text, "network.interface", "station")
        text = suited.with_setting(text, "network.ssid", ssid)
        if password:
            text = suited.with_setting(text, "network.password", password)
    return text
