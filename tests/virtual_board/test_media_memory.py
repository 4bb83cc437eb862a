"""The media memory of the stand-ins: as large as the type's, and its end is the process's.

Sources: Stars1233/canmv_k230 port/kpu/nncase_wrap.cpp (from_numpy and the loader throw where there is
none), port/builtin_py/media/sensor.py lines 236 to 252 and 339 to 379 (the camera's buffers).
"""

from __future__ import annotations

from pathlib import Path

from tests.virtual_board.scripts import PACKAGES, run_script

_TENSORS = """
import gc
import nncase_runtime as nn
from ulab import numpy as np
from media.sensor import Sensor
sensor = Sensor()  # takes half of a small board's media memory: this PC holds the rest
sensor.reset()
for channel in (1, 2):
    sensor.set_framesize(width=1920, height=1080, chn=channel)
    sensor.set_pixformat(Sensor.RGBP888, chn=channel)
sensor.run()
array = np.zeros((1, 3, 512, 512), dtype=np.uint8)
kept = []
"""
MMZ = 71680 * 1024
TENSOR = 3 * 512 * 512
LEFT = MMZ - 2 * 3 * -(-1920 * 1080 * 3 // 4096) * 4096


def test_tensors_that_are_kept_end_the_process(tmp_path: Path) -> None:
    source = """
while True:
    kept.append(nn.from_numpy(array))
    print(len(kept), gc.sys_mmz()[2] // 1024)
"""
    run = run_script(tmp_path, _TENSORS + source, board="bpi-zero")
    assert "nn.from_numpy(): out of media memory: 786432 bytes are needed" in run.fault
    count, free = map(int, run.lines[-1].split())
    assert (count, free) == (LEFT // TENSOR, LEFT % TENSOR // 1024)


def test_tensors_that_were_collected_are_free(tmp_path: Path) -> None:
    source = """
before = gc.sys_mmz()[1]
for _ in range(120):
    tensor = nn.from_numpy(array)
    if _ % 30 == 29:
        gc.collect()
tensor = None
gc.collect()
print(gc.sys_mmz()[1] - before < 2 << 20)
"""
    run = run_script(tmp_path, _TENSORS + source, board="bpi-zero")
    assert run.lines[-1] == "True", run.events


def test_garbage_that_was_not_collected_takes_memory(tmp_path: Path) -> None:
    source = """
gc.disable()
for count in range(300):
    nn.from_numpy(array)
    print(count)
"""
    run = run_script(tmp_path, _TENSORS + source, board="bpi-zero")
    assert "out of media memory" in run.fault
    assert run.lines[-1] == str(LEFT // TENSOR - 1)


_CAMERA = """
import gc
from media.sensor import Sensor
def used(width, height, *channels):
    sensor = Sensor()
    sensor.reset()
    for channel in channels:
        sensor.set_framesize(width=width, height=height, chn=channel)
        sensor.set_pixformat(Sensor.RGBP888 if channel else Sensor.YUV420SP, chn=channel)
    before = gc.sys_mmz()[1]
    try:
        sensor.run()
        print(gc.sys_mmz()[1] - before)
    except RuntimeError as error:
        print(error)
    sensor.stop()
    print(gc.sys_mmz()[1] - before)
"""


def test_the_cameras_buffers(tmp_path: Path) -> None:
    source = _CAMERA + "used(1280, 720, 2)\nused(640, 480, 0, 2)\n"
    for name, count in (("bpi-zero", 3), ("01studio", 4)):
        run = run_script(tmp_path, source, board=name)
        lines = [line for line in run.lines if "sensor" not in line]
        planes = count * 1280 * 720 * 3
        small = count * (640 * 480 * 3 + -(-640 * 480 * 3 // 2 // 4096) * 4096)
        assert lines == [str(planes), "0", str(small), "0"], run.events


def test_a_camera_that_finds_no_buffers_is_refused(tmp_path: Path) -> None:
    source = (
        _CAMERA
        + """
import nncase_runtime as nn
from ulab import numpy as np
array = np.zeros((1, 3, 1024, 1024), dtype=np.uint8)
kept = [nn.from_numpy(array) for _ in range(12)]
used(1920, 1072, 1, 2)
print("alive")
"""
    )
    run = run_script(tmp_path, source, board="bpi-zero")
    said = [line for line in run.lines if not line.startswith(("find", "warning"))]
    assert said == ["sensor(2) run error, vicap init failed(-1)", "0", "alive"], run.events


def test_models_take_their_sections(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    path = PACKAGES / "shapes_cls" / "mp_deployment_source" / "shapes_cls.kmodel"
    (card / "m.kmodel").write_bytes(path.read_bytes())
    source = """
import gc
import nncase_runtime as nn
from ulab import numpy as np
before = gc.sys_mmz()[1]
kpu = nn.kpu()
kpu.load_kmodel("/sdcard/m.kmodel")
print(gc.sys_mmz()[1] - before)
kpu.__del__()
print(gc.sys_mmz()[1] - before)
kept += [nn.from_numpy(array) for _ in range(LEFT)]
kept.append(nn.from_numpy(np.zeros((1, 3, 416, 416), dtype=np.uint8)))
kpu = nn.kpu()
kpu.load_kmodel("/sdcard/m.kmodel")
print("never")
"""
    source = source.replace("LEFT", str(LEFT // TENSOR))
    run = run_script(tmp_path, _TENSORS + source, board="bpi-zero")
    lines = [line for line in run.lines if "sensor" not in line]
    assert lines == ["163840", "0"], run.events
    assert "kpu.load_kmodel(): out of media memory: 163840 bytes are needed" in run.fault
