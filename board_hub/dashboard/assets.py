"""The pages' files, read once: what a browser may ask for is a name in this table, never a path."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).resolve().parent / "static"
_INSTALLED = Path(__file__).resolve().parent / "vendor"
VENDOR = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[2] / "vendor/web"
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file as it is sent."""

    data: bytes
    content_type: str
    etag: str


def load() -> dict[str, Asset]:
    """Return every file by its name below static/."""
    found = {}
    for folder, prefix in ((STATIC, ""), (VENDOR, "vendor/")):
        for path in sorted(folder.rglob("*")):
            kind = TYPES.get(path.suffix)
            if kind is None or not path.is_file():
                continue
            data = path.read_bytes()
            if prefix and path.suffix == ".mjs":
                # Browsers know no package names, and a map of them would be an inline script.
                data = data.replace(b'from"preact"', b'from"./preact.mjs"')
            name = prefix + path.relative_to(folder).as_posix()
            found[name] = Asset(data, kind, f'"{hashlib.sha256(data).hexdigest()[:24]}"')
    return found
