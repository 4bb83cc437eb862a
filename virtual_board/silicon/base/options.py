"""What a virtual board is made of: the options that `k230 sim` and tests pass to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from board_types import VIRTUAL, BoardType, find


@dataclass(frozen=True, kw_only=True)
class BoardOptions:
    """The wiring of one virtual board.

    Attributes:
        sdcard: folder that stands for the SD card, mounted at /sdcard.
        data: folder that stands for /data (what the service writes), kept between runs; None:
            `.data` on the card.
        camera: picture folder, picture, video file, "webcam" or "synthetic" (see silicon.camera).
        scripts: what runs at power-on, in order (paths as the board sees them); empty: the card's
            main.py, else the product's own.
        tcp: HOST:PORT where the firmware's port appears on this PC; port 0 takes a free one; None:
            nowhere but at the firmware's own number on 127.0.0.1.
        uart: path at which a pty stands for the UART's wires, or None.
        console: path at which a pty stands for the USB console with its REPL, or None: then the board
            is switched off where it would wait in the REPL.
        board: name of the board type to play (board_types); None: the virtual board's own.
        sizes: other values of fields of the type, like {"mmz_kb": 8192}: boards that do not exist.
        bare: a board with the vendor's firmware alone: only what lies on the card runs, and without
            a main.py nothing does.
        air: JSON file with what radio and wires are like, read again at every look: {"networks": {name:
            password, null for an open one}, "rssi": dBm, "join_ms", "dhcp_ms": how long joining and the
            address take, "ap": whether an access point can be offered, "lan": {"adapter": "rtl8152",
            "ecm" or "", "cable": true}, "camera": false: no camera is plugged in}; None: every network can
            be joined, and the camera is there.
        storage: JSON file that says what is wrong with the card and with /data, read again at every
            access: {"sdcard": {"free": bytes}, "data": {"state": "full_folder", "write_protected",
            "pulled" or "unmounted"}}; None: nothing.
        key: the board's key, 64 hexadecimal digits; None: the one in the data folder, or a new one.
        timing: name or path of a timing profile; None runs as fast as it goes.
        micropython: interpreter to use instead of the packaged one.
        frames: switch off once this many frames were taken and processed.
        seconds: switch off after this time.
        rubbish: what lies in memory behind the name that the firmware gives to a main.py after a CPU
            fault, and does not end (misc.c, check_delete_file_mark).
        replay: folder with recorded KPU outputs (timed runs), or None.
        restart: whether the board starts again after a reset or a fault, as a board does.
        kpu: what runs the models: auto (the simulator where it can run), simulator, onnx (the ONNX
            model beside the kmodel) or stub (none: silicon/kpu/stub.py).
        faults: folder in which tools/faults says which call of the vendor's fails next, and how
            (modules/_k230/faults.py); None: none does.
        crash_after: power goes off once the card was changed (a file opened, written or flushed, a
            name made, moved or removed) so many times since the first start; None: it stays on. With
            `restart` it then comes back for good.
        crash_before: power goes off in front of the first such change that has this text in its words,
            like "rename /main.py to /bad_main.py" (a path from the root of its file system).
        ports: port the firmware binds -> (host, port) on this PC. VirtualBoard fills it from `tcp`.
    """

    sdcard: Path
    data: Path | None = None
    camera: str = "synthetic"
    scripts: Sequence[str] = ()
    tcp: str | None = "127.0.0.1:0"
    uart: Path | None = None
    console: Path | None = None
    board: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    bare: bool = False
    air: Path | None = None
    storage: Path | None = None
    key: str | None = field(default=None, repr=False)
    timing: str | None = None
    micropython: str | None = None
    frames: int | None = None
    seconds: float | None = None
    rubbish: str = ""
    replay: Path | None = None
    restart: bool = True
    kpu: str = "auto"
    crash_after: int | None = None
    crash_before: str | None = None
    faults: Path | None = None
    ports: dict[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def kind(self) -> BoardType:
        """The type of board to play; BoardTypeError for a name that no type has."""
        return replace(find(self.board or VIRTUAL), **self.sizes)  # type: ignore[arg-type]

    @property
    def data_folder(self) -> Path:
        """Folder that stands for /data."""
        return self.data if self.data is not None else self.sdcard / ".data"

    def to_json(self) -> str:
        """Return the options as one JSON object: paths absolute, without the key."""
        values = asdict(self) | {"key": None}
        return json.dumps(values, default=lambda path: str(path.absolute()))

    @staticmethod
    def from_json(text: str) -> BoardOptions:
        """Return the options of to_json()'s text."""
        values: dict[str, Any] = json.loads(text)
        for name in ("sdcard", "data", "uart", "console", "air", "storage", "replay", "faults"):
            if values[name] is not None:
                values[name] = Path(values[name])
        values["scripts"] = tuple(values["scripts"])
        values["ports"] = {int(k): (v[0], int(v[1])) for k, v in values["ports"].items()}
        return BoardOptions(**values)
