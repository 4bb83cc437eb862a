"""Kinds of board as data: one file a type in `data/`, with the source of each number.

The client, the virtual board and the tables of the docs read the same files. Nothing here needs more
than the standard library and the firmware's own YAML reader.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_app.settings import yaml_subset

VIRTUAL = "virtual"
"""The type of a virtual board where none is named."""

# Not public: measured on no board. What kernel and interpreter take of RT-Smart's memory.
ASSUMED_KERNEL_KB = 6144
ASSUMED_INTERPRETER_KB = 16384

_FOLDER = Path(__file__).resolve().parent / "data"


class BoardTypeError(ValueError):
    """No type has the name; str() names the closest and lists all."""


@dataclass(frozen=True, kw_only=True)
class BoardType:
    """What one kind of board has.

    Attributes:
        name: for `--board`.
        title: for people.
        uname: last field of os.uname(), which `status` shows as board_type.
        chip: K230 or K230D.
        total_kb: all of its memory.
        rtsmart_kb: kernel, its heap, and the pages of which programs live.
        kernel_heap_kb: the kernel's heap, of the memory above.
        mmz_kb: media memory: frames, tensors, kmodels.
        gc_first_kb: the interpreter's heap at the start.
        jpeg_kb: most that the image module takes for one operation.
        absent: what the firmware's build leaves out, like `network.WLAN`.
        dual_cdc: whether it has a second serial port over USB.
        csi_ids: camera connectors.
        default_csi: the one that a script gets which names none.
        sensors: sensors that the build can drive.
        buffers: frames in memory of each camera channel.
        console: number of the UART with the system's console.
        wired: (UART, TX, RX) with pins at power-on, as far as that is public.
        link: (UART, TX, RX) for the service's own link.
        data_partition: whether /data is a partition of the card.
        images: how the names of its firmware's releases begin, before `_micropython_`.
        sources: field or group -> where it is said.
        unknown: what is not public.
    """

    name: str
    title: str
    uname: str
    chip: str
    total_kb: int
    rtsmart_kb: int
    kernel_heap_kb: int
    mmz_kb: int
    gc_first_kb: int
    jpeg_kb: int
    absent: tuple[str, ...]
    dual_cdc: bool
    csi_ids: tuple[int, ...]
    default_csi: int
    sensors: tuple[str, ...]
    buffers: int
    console: int
    wired: tuple[tuple[int, int, int], ...]
    link: tuple[int, int, int]
    data_partition: bool
    images: tuple[str, ...]
    sources: dict[str, str]
    unknown: tuple[str, ...]

    @property
    def pages_kb(self) -> int:
        """Memory for programs: an assumption, as the kernel's own size is not public."""
        return self.rtsmart_kb - self.kernel_heap_kb - ASSUMED_KERNEL_KB

    @property
    def wlan(self) -> bool:
        """Whether the build can use Wi-Fi."""
        return "network.WLAN" not in self.absent

    @property
    def lan(self) -> bool:
        """Whether the build can use USB Ethernet."""
        return "network.LAN" not in self.absent

    @property
    def small(self) -> bool:
        """Whether memory is short: 128 MB."""
        return self.total_kb <= 128 * 1024


@functools.cache
def all_types() -> tuple[BoardType, ...]:
    """Return every type, the virtual board's own last, the others by name."""
    found = [_read(path) for path in _FOLDER.glob("*.yaml")]
    return tuple(sorted(found, key=lambda each: (each.name == VIRTUAL, each.name)))


def names() -> list[str]:
    """Return the names for `--board`."""
    return [each.name for each in all_types()]


def find(name: str) -> BoardType:
    """Return the type with this name, or with this os.uname() name; upper and lower case are one.

    Raises:
        BoardTypeError: there is none.
    """
    wanted = name.strip().lower().replace("_", "-")
    for each in all_types():
        if wanted in (each.name, each.uname.replace("_", "-")):
            return each
    near = difflib.get_close_matches(wanted, names(), 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise BoardTypeError(
        f"board {name!r}: expected one of {', '.join(names())}, found no such type{hint}"
    )


def recognise(uname: str) -> BoardType | None:
    """Return the type of a board by its os.uname() name; None where no file describes it."""
    return next((each for each in all_types() if each.uname == uname), None)


def _read(path: Path) -> BoardType:
    root: Any = yaml_subset.load(path.read_text("utf-8"), path.name)
    memory, camera, uart = root["memory"], root["camera"], root["uart"]
    modules, storage, firmware = root["modules"], root["storage"], root["firmware"]
    sources = {"uname": root["uname_source"]}
    for group, values in (
        ("memory", memory),
        ("modules", modules),
        ("camera", camera),
        ("uart", uart),
        ("storage", storage),
        ("firmware", firmware),
    ):
        for key, value in values.items():
            if key == "source":
                sources[group] = value
            elif key.endswith("_source"):
                sources[f"{group}.{key.removesuffix('_source')}"] = value
    return BoardType(
        name=root["name"],
        title=root["title"],
        uname=root["uname"],
        chip=root["chip"],
        total_kb=memory["total_kb"],
        rtsmart_kb=memory["rtsmart_kb"],
        kernel_heap_kb=memory["kernel_heap_kb"],
        mmz_kb=memory["mmz_kb"],
        gc_first_kb=memory["gc_first_kb"],
        jpeg_kb=memory["jpeg_kb"],
        absent=tuple(modules["absent"]),
        dual_cdc=modules["dual_cdc"],
        csi_ids=tuple(camera["csi_ids"]),
        default_csi=camera["default_csi"],
        sensors=tuple(camera["sensors"]),
        buffers=camera["buffers"],
        console=uart["console"],
        wired=tuple((row[0], row[1], row[2]) for row in uart["wired"]),
        link=(uart["link"][0], uart["link"][1], uart["link"][2]),
        data_partition=storage["data_partition"],
        images=tuple(firmware["images"]),
        sources=sources,
        unknown=tuple(root["unknown"]),
    )
