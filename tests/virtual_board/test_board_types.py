"""The stand-ins play a board type: what its firmware lacks, its memory, its camera, its pins.

Sources: board_types/data, and for the form of the figures Stars1233/canmv_k230
port/mp_modules/overlay_modgc.c, port/mpconfigport.h lines 100 to 124,
port/builtin_py/media/sensor.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import board_types
from tests.virtual_board.scripts import run_script
from virtual_board.board import BoardError, VirtualBoard

_SCRIPT = """
import gc, machine, network, os
from media.sensor import Sensor
print(os.uname()[-1], [hasattr(network, name) for name in ("WLAN", "LAN", "LAN_ECM")])
print(gc.sys_total(), gc.sys_heap()[0], gc.sys_page()[0], gc.sys_mmz()[0])
print([sum(part()[1:]) == part()[0] for part in (gc.sys_heap, gc.sys_page, gc.sys_mmz)])
print(Sensor.list_mode()[0])
for id in range(3):
    try:
        sensor = Sensor(id=id)
        sensor.reset()
        sensor.stop()
    except RuntimeError as error:
        print(error)
wired = []
for id in range(1, 5):
    try:
        machine.UART(id, 115200)
        wired.append(id)
    except AssertionError:
        pass
print(wired)
"""


@pytest.mark.parametrize("name", ["01studio", "k230d-evb", "mini"])
def test_a_type_is_played(tmp_path: Path, name: str) -> None:
    kind = board_types.find(name)
    run = run_script(tmp_path, _SCRIPT, board=name)
    sizes = (kind.total_kb, kind.kernel_heap_kb, kind.pages_kb, kind.mmz_kb)
    missing = [f"Can not found sensor on {id}" for id in range(3) if id not in kind.csi_ids]
    quiet = [line for line in run.lines if not line.startswith(("find sensor", "warning:"))]
    assert quiet == [
        f"{kind.uname} {[kind.wlan, kind.lan, kind.wlan or kind.lan]}",
        " ".join(str(size * 1024) for size in sizes),
        "[True, True, True]",
        f"gc2093_csi{kind.default_csi}",
        *missing,
        str(sorted({number for number, _, _ in kind.wired})),
    ], run.events


def test_a_wrong_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="did you mean bpi-zero"):
        VirtualBoard(sdcard=tmp_path, board="bpi-nero")
