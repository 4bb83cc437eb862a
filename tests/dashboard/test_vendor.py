"""What is shipped of others is what its table says."""

from __future__ import annotations

import hashlib
import re

from board_hub.dashboard import assets
from tests.integration.boards import ROOT

_ROW = re.compile(r"^\| `(web/[^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_each_file_has_its_digest() -> None:
    """No file without a row, no row without its file, and each is what the registry has."""
    rows = dict(_ROW.findall((ROOT / "vendor" / "README.md").read_text(encoding="utf-8")))
    files = {f"web/{path.name}": path for path in (ROOT / "vendor" / "web").iterdir()}
    assert rows.keys() == files.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == rows[name], name


def test_pages_ask_for_nothing_from_elsewhere() -> None:
    """No address of another computer, no inline script, every import is served."""
    files = assets.load()
    for name, asset in files.items():
        text = asset.data.decode()
        if name.startswith("vendor/"):
            assert b'from"preact"' not in asset.data
            continue
        found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[/\w]*", re.sub(r"//\s.*", "", text))
        assert all("www.w3.org" in address for address in found), (name, found)
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|\son\w+=\"|javascript:|innerHTML|eval\(", text
        ), name
        for target in re.findall(r'from "\./([^"]+)"', text):
            assert target in files, (name, target)
