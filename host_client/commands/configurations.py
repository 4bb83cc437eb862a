"""Checks YAML files on this computer with the board's own code: the same verdict, the same words."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from firmware_app.settings import reader as settings
from host_client.base.exceptions import ConfigurationError, PackageError
from host_client.commands.files import read_file


def name_on_card(path: str | PathLike[str]) -> str:
    """Return the name that the board would give to a file: from `configs/` on, where it is in one."""
    parts = Path(path).absolute().parts
    for length in (3, 2):
        tail = parts[-length:]
        if tail[0] == "configs" and (length == 2 or tail[1] == "tasks"):
            return "/".join(tail)
    return str(path)


def validate(path: str | PathLike[str], kind: str | None = None) -> settings.Settings:
    """Return the checked settings of a YAML file: service.yaml, or else one of a task.

    kind: "service" or "task", where the file's name does not tell.

    Raises:
        ConfigurationError: messages has a sentence for each fault.
    """
    try:
        data = read_file(path)
    except PackageError as error:
        raise ConfigurationError([str(error)]) from None
    name = name_on_card(path)
    service = kind == "service" if kind is not None else Path(path).name == "service.yaml"
    try:
        text = settings.decode(data, name)
        return settings.read_service(text, name) if service else settings.read_task(text, name)
    except settings.SettingsError as error:
        raise ConfigurationError(error.messages) from None


def rounded(value: Any) -> Any:
    """Return a value with the floats of a board in the digits that single precision has."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
