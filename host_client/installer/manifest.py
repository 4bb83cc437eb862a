"""The manifest of an installation on the card: its own files, and the files before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from firmware_app.version import VERSION
from host_client.installer.target import InstallError, Target

HOME = ".k230"
BEFORE = f"{HOME}/before"
PLACE = f"{HOME}/install.json"
ASIDE = "bad_main.py"
"""Name of main.py while it is replaced: the firmware uses it for a main.py that it puts aside."""
_REMEMBERED = 8  # versions of one file


@dataclass
class Manifest:
    """The record of an installation.

    files: path -> SHA-256 of each version that an installation wrote there, newest last. before:
    path -> SHA-256 of the earlier file, kept under .k230/before. packages: names of the packages
    sent. firmware: whether the service was installed. version: the service's version.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    firmware: bool = False
    version: str = VERSION

    def wrote(self, path: str, digest: str | None) -> bool:
        """Return whether an installation wrote this content of path."""
        return digest is not None and digest in self.files.get(path, ())

    def note(self, path: str, digest: str) -> None:
        """Record the version that will be written."""
        found = [each for each in self.files.get(path, []) if each != digest]
        self.files[path] = [*found, digest][-_REMEMBERED:]

    def leftover(self, digest: str | None) -> bool:
        """Return whether bad_main.py comes from an interrupted replacement of main.py."""
        if digest is None or digest == self.before.get(ASIDE):
            return False
        return self.wrote("main.py", digest) or digest == self.before.get("main.py")

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        return json.dumps(vars(self)).encode()


def read_manifest(target: Target) -> Manifest | None:
    """Return the manifest of a card, or None if nothing was installed.

    Raises:
        InstallError: the manifest is damaged.
    """
    found = None
    for place in (PLACE, f"{PLACE}.new"):  # between two renames only the new one exists
        data = target.read(place)
        if data is None:
            continue
        found = _parsed(data)
        if found is not None:
            return found
    if target.read(PLACE) is not None:
        raise InstallError(
            f"{PLACE} on the card is damaged, so what was there before the installation is not "
            f"known: copy {BEFORE} to a safe place, remove {HOME}, and start again"
        )
    return found


def write_manifest(target: Target, manifest: Manifest) -> None:
    """Write the manifest; a power cut leaves either the old or the new one.

    Raises:
        InstallError: the card did not store it; the old manifest stays.
    """
    data = manifest.to_bytes()
    target.write(f"{PLACE}.new", data, lambda _: None)
    if target.hashes([f"{PLACE}.new"]) != {f"{PLACE}.new": hashlib.sha256(data).hexdigest()}:
        raise InstallError(f"{PLACE}: damaged on the way: start it again")
    target.remove(PLACE)
    target.rename(f"{PLACE}.new", PLACE)


def _parsed(data: bytes) -> Manifest | None:
    try:
        values: Any = json.loads(data)
        return Manifest(
            {str(path): [str(one) for one in found] for path, found in values["files"].items()},
            {str(path): str(one) for path, one in values["before"].items()},
            [str(name) for name in values["packages"]],
            bool(values["firmware"]),
            str(values["version"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
