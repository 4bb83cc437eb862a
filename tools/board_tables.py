"""Write the tables of board types in docs/wiring.md and docs/boards.md from board_types/data.

Run it as `python -m tools.board_tables`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import board_types
from board_types import BoardType

ROOT = Path(__file__).resolve().parent.parent
_BEGIN = "<!-- {name}: written by python -m tools.board_tables -->"
_END = "<!-- end of {name} -->"


def _types() -> list[BoardType]:
    return [each for each in board_types.all_types() if each.name != board_types.VIRTUAL]


def wiring_table() -> str:
    """Return which UARTs each board has wired, and which one the installation takes."""
    rows = ["| board | wired at power-on | `k230 install` writes |", "|---|---|---|"]
    for each in _types():
        wired = " · ".join(f"UART {number} on {tx}, {rx}" for number, tx, rx in each.wired)
        number, tx, rx = each.link
        rows.append(
            f"| {each.title} | {wired or 'not public: name the pins'} "
            f"| `id: {number}`, `tx: {tx}`, `rx: {rx}` |"
        )
    return "\n".join(rows)


def types_table() -> str:
    """Return what each type has."""
    rows = [
        "| `--board` | board | `board_type` | memory | for programs | media | Wi-Fi "
        "| USB Ethernet | camera (default) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in _types():
        csis = ", ".join(str(number) for number in each.csi_ids)
        cells = [
            f"`{each.name}`",
            each.title,
            f"`{each.uname}`",
            f"{each.total_kb // 1024} MB",
            f"{each.rtsmart_kb // 1024} MB",
            f"{each.mmz_kb // 1024} MB",
            "yes" if each.wlan else "no",
            "yes" if each.lan else "no",
            f"CSI {csis} ({each.default_csi})",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def firmware_table() -> str:
    """Return how the names of each type's firmware releases begin."""
    rows = ["| board | firmware file begins with |", "|---|---|"]
    for each in _types():
        images = ", ".join(f"`{image}_micropython_`" for image in each.images)
        rows.append(f"| {each.title} | {images} |")
    return "\n".join(rows)


TABLES = {
    "wiring.md": {"boards": wiring_table},
    "boards.md": {"types": types_table, "firmware": firmware_table},
}


def _filled(text: str, name: str, table: str) -> str:
    begin, end = _BEGIN.format(name=name), _END.format(name=name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"expected the lines {begin} and {end}")
    return f"{before}{begin}\n{table}\n{end}{after}"


def files() -> dict[Path, str]:
    """Return each page and its text with the tables as the data have them."""
    found = {}
    for page, tables in TABLES.items():
        path = ROOT / "docs" / page
        text = path.read_text("utf-8")
        for name, table in tables.items():
            text = _filled(text, name, table())
        found[path] = text
    return found


def main() -> int:
    """Write the pages."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
