"""What `k230 hub --check` tries of hub.yaml: its files and folders. Nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

from board_hub.configuration.reader import Configuration
from board_hub.mqtt import service
from host_client.base.exceptions import ConfigurationError

# Files whose folder must be there, and folders that the hub makes.
_FILES = ("files.json_lines", "files.csv")
_FOLDERS = ("recordings.folder",)


def try_files(configuration: Configuration) -> None:
    """Raise ConfigurationError, with a sentence for each file or folder that the hub can't use."""
    faults: list[str] = []
    for step in (service.certificates, service.password):
        try:
            step(configuration)
        except ConfigurationError as error:
            faults += error.messages
    for name in (*_FILES, *_FOLDERS):
        path = configuration.path(name)
        if path is not None:
            problem = _problem(path, name in _FOLDERS)
            if problem:
                faults.append(f"{name}: {path}: {problem}")
    if faults:
        raise ConfigurationError(faults)


def _problem(path: Path, made: bool) -> str:
    """Return why a file can't be written, or a folder can't be made, "" if it can."""
    if path.exists():
        if path.is_dir() != made:
            return "expected a folder, found a file" if made else "expected a file, found a folder"
        return "" if os.access(path, os.W_OK) else "not writable: change its owner or permissions"
    folder = path.parent
    while made and not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        return f"expected the folder {folder}, found {found}"
    return "" if os.access(folder, os.W_OK) else f"the folder {folder} is not writable"
