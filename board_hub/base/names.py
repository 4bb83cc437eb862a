"""Names of boards, labels and zones as parts of topics and URLs."""

from __future__ import annotations

import functools
import hashlib
import re

LONGEST = 64  # characters of a part, the digits of a changed name included
_ALLOWED = re.compile(r"[a-z0-9_-]+")
_DIGITS = 6


@functools.lru_cache(maxsize=4096)
def part_of(name: str) -> str:
    """Return name as a part of a topic or URL: `[a-z0-9_-]`, 64 characters at most.

    A name that had to be changed gets `-` and six hexadecimal digits of its SHA-256, so that two
    names never meet in one topic.
    """
    if _ALLOWED.fullmatch(name) and len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    kept = re.sub(r"[^a-z0-9_-]+", "_", name.lower())[: LONGEST - _DIGITS - 1].strip("_-")
    return f"{kept}-{digest}" if kept else digest
