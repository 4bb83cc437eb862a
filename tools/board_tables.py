"""Write the tables of board types in docs/ from board_types/data.

Run it as `python -m tools.board_tables`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import board_types
from board_types import BoardType
from firmware_app.board import memory
from firmware_app.package.footprint import rounded

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


def which_table() -> str:
    """Return what tells boards apart by looking at them."""
    return _which("| board | chip | memory | `--board` |")


def which_table_zh() -> str:
    """Return the same in Chinese."""
    return _which("| 开发板 | 芯片 | 内存 | `--board` |")


def _which(head: str) -> str:
    rows = [head, "|---|---|---|---|"]
    for each in _types():
        size = f"{each.total_kb // 1024} MB"
        rows.append(f"| {each.title} | {each.chip} | {size} | `{each.name}` |")
    return "\n".join(rows)


class Example(NamedTuple):
    """A task with real models: kB of each .kmodel, loaded and while it runs, from their headers."""

    title: str
    models: tuple[tuple[int, int, int], ...]
    input_kb: int
    channels: int = 1


EXAMPLES = (
    Example("classification, 224 x 224", ((2874, 3032, 148),), 147),
    Example("metric learning, 224 x 224", ((3230, 3388, 148),), 147),
    Example("YOLOv5n detection, 320 x 320", ((2095, 2584, 2948),), 300),
    Example("YOLOv8n detection, 320 x 320", ((3564, 5712, 11800),), 300),
    Example("AICube detection, 640 x 640", ((2235, 4516, 23660),), 1200),
    Example("OCR, 512 x 512 and 32 x 608", ((2889, 5700, 28136), (2535, 6528, 5268)), 825, 2),
)
FRAME = (1280, 720)  # the camera's default


def _classes() -> list[tuple[str, BoardType]]:
    """Return one type of each size of media memory, the smallest first."""
    found: dict[int, BoardType] = {}
    for each in _types():
        found.setdefault(each.mmz_kb, each)
    sizes = sorted(found)
    return [(f"{found[size].total_kb // 1024} MB boards", found[size]) for size in sizes]


def camera_kb(kind: BoardType, channels: int) -> int:
    """Return what the default camera takes of the media memory."""
    return channels * kind.buffers * rounded(3 * FRAME[0] * FRAME[1]) // 1024


def fits(kind: BoardType, example: Example) -> str:
    """Return how a board of this type holds the task, from what its camera leaves."""
    both = kind.mmz_kb * 1024 >= memory.SMALL or example.channels > 1
    left = kind.mmz_kb - memory.RESERVE // 1024 - camera_kb(kind, 2 if both else 1)
    loaded = sum(model[1] for model in example.models)
    work = max(model[2] for model in example.models)
    if 2 * loaded + 2 * example.input_kb + work <= left:
        return "yes, switched beside"
    return "yes" if loaded + example.input_kb + work <= left else "no"


def memory_table() -> str:
    """Return which tasks fit which boards."""
    classes = _classes()
    rows = [
        f"| task, camera {FRAME[0]} x {FRAME[1]} | kmodels | media memory while it runs | "
        + " | ".join(title for title, _ in classes)
        + " |",
        "|---|" + "---|" * (2 + len(classes)),
    ]
    for each in EXAMPLES:
        size = sum(model[0] for model in each.models)
        taken = sum(model[1] for model in each.models) + max(model[2] for model in each.models)
        cells = [fits(kind, each) for _, kind in classes]
        rows.append(
            f"| {each.title} | {size / 1024:.1f} MB | {(taken + each.input_kb) / 1024:.1f} MB | "
            + " | ".join(cells)
            + " |"
        )
    largest = []
    for _, kind in classes:
        both = kind.mmz_kb * 1024 >= memory.SMALL
        left = kind.mmz_kb - memory.RESERVE // 1024 - camera_kb(kind, 2 if both else 1)
        largest.append(f"{left / 1024:.0f} MB")
    rows.append("| left for models | | | " + " | ".join(largest) + " |")
    return "\n".join(rows)


TABLES = {
    "wiring.md": {"boards": wiring_table},
    "quickstart.md": {"which": which_table},
    "quickstart.zh-CN.md": {"which": which_table_zh},
    "boards.md": {"types": types_table, "memory": memory_table, "firmware": firmware_table},
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
