"""Check YAML files on this computer with the board's own code, so that both agree."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

from firmware_app.settings import reader as settings
from firmware_app.settings import service_fields
from host_client.base.exceptions import ConfigurationError, PackageError
from host_client.commands.files import read_file


def name_on_card(path: str | PathLike[str]) -> str:
    """Return a file's name on the board: its path from `configs/` on, if it lies in one."""
    parts = Path(path).absolute().parts
    for length in (3, 2):
        tail = parts[-length:]
        if tail[0] == "configs" and (length == 2 or tail[1] == "tasks"):
            return "/".join(tail)
    return str(path)


def place_on_card(path: str | PathLike[str]) -> str:
    """Return where a file belongs on the card, unless its name leaves that open."""
    place = name_on_card(path)
    name = Path(path).name
    if place == str(path) and name.endswith(".yaml"):
        return f"configs/{name}" if name == "service.yaml" else f"configs/tasks/{name}"
    return place


def validate(path: str | PathLike[str], kind: str | None = None) -> settings.Settings:
    """Return the checked settings of a YAML file of the service or of a task.

    kind: "service" or "task"; default: from the file's name and content.

    Raises:
        ConfigurationError: messages has one sentence per fault.
    """
    try:
        data = read_file(path)
    except PackageError as error:
        raise ConfigurationError([str(error)]) from None
    name = name_on_card(path)
    try:
        text = settings.decode(data, name)
        service = kind == "service" if kind is not None else _for_service(Path(path), text)
        return settings.read_service(text, name) if service else settings.read_task(text, name)
    except settings.SettingsError as error:
        raise ConfigurationError(error.messages) from None


_COPY = re.compile(
    r"service\b.*|.*\bservice", re.IGNORECASE
)  # service (1), service-lab, my service
_GROUP = re.compile(r"^([a-z_]+):", re.MULTILINE)


def _for_service(path: Path, text: str) -> bool:
    """Return whether a file holds the service's settings: by its name, else by its fields."""
    if path.parent.name == "tasks":
        return False
    if _COPY.fullmatch(path.name.split(".")[0].replace("_", " ")):
        return True
    return any(group in service_fields.GROUPS for group in _GROUP.findall(text))


def rounded(value: Any) -> Any:
    """Return a value with its floats rounded to the digits of single precision."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
