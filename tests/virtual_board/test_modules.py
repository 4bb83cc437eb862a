"""Modules of the board that a PC's interpreter has otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from .scripts import run_script


def test_os_time_and_gc(tmp_path: Path) -> None:
    source = """
import gc, os, time, utime, uos, ujson, uctypes, _thread, random, math
print([name for name in ("getenv", "system", "sync", "path") if hasattr(os, name)], uos is os)
print(os.uname()[0], os.uname()[-1])
print(type(time.time()) is int, time.time_ns() < 10**15 and time.time_ns() != 0, utime is time)
print(time.gmtime(0), time.gmtime(1704067199), time.mktime(time.gmtime(951782400)))
print([len(part()) for part in (gc.sys_heap, gc.sys_page, gc.sys_mmz)], type(gc.sys_total()) is int)
open("/data/a", "w").close()
open("/data/b", "w").close()
try:
    os.rename("/data/a", "/data/b")
except OSError as error:
    print(error.errno)
print(len(os.urandom(4)), os.exitpoint(os.EXITPOINT_ENABLE_SLEEP))
"""
    run = run_script(tmp_path, source)
    assert run.lines == [
        "[] True",
        "rt-smart k230_canmv_virtual",
        "True True True",
        "(1970, 1, 1, 0, 0, 0, 4, 0) (2023, 12, 31, 23, 59, 59, 0, 364) 951782400",
        "[3, 3, 3] True",
        "17",
        "4 2",
    ], run.events


def test_images(tmp_path: Path) -> None:
    source = """
import image
from ulab import numpy as np
made = image.Image(32, 24, image.ARGB8888)
made.draw_rectangle(4, 4, 8, 8, color=(255, 10, 20, 30), fill=True)
view = made.to_numpy_ref()
print(view.shape, [int(v) for v in view[5][5]], [int(v) for v in view[0][0]])
made.clear()
print([int(v) for v in view[5][5]])
pixels = np.full((16, 16, 3), 200, dtype=np.uint8)
grey = image.Image(16, 16, image.RGB888, alloc=image.ALLOC_REF, data=pixels)
grey.save("/data/grey.png")
read = image.Image("/data/grey.png")
exact = read.to_rgb888().to_numpy_ref()
print(read.format() == image.RGB565, read.width(), read.size(), exact[3, 3, 1])
print(read.copy(roi=(2, 2, 8, 4)).height(), read.to_grayscale().size())
try:
    image.Image("/data/none.jpg")
except OSError as error:
    print(error.errno)
"""
    run = run_script(tmp_path, source)
    assert run.lines == [
        "(24, 32, 4) [255, 10, 20, 30] [0, 0, 0, 0]",
        "[0, 0, 0, 0]",
        "True 16 512 203",
        "4 256",
        "2",
    ], run.events


@pytest.mark.quick
def test_a_loop_as_the_vendors_examples_have_it(tmp_path: Path) -> None:
    source = """
import gc, os, image
from media.sensor import *
from media.display import *
from media.media import *
import nncase_runtime as nn
import ulab.numpy as np
sensor = Sensor(fps=60)
sensor.reset()
Display.init(Display.ST7701, osd_num=1, to_ide=True)
size = [Display.width(), Display.height()]
sensor.set_framesize(w=size[0], h=size[1], chn=CAM_CHN_ID_0)
sensor.set_pixformat(Sensor.YUV420SP, chn=CAM_CHN_ID_0)
sensor.set_framesize(w=ALIGN_UP(632, 16), h=360, chn=CAM_CHN_ID_2)
sensor.set_pixformat(Sensor.RGBP888, chn=CAM_CHN_ID_2)
osd = image.Image(size[0], size[1], image.ARGB8888)
Display.bind_layer(**sensor.bind_info(x=0, y=0, chn=CAM_CHN_ID_0), layer=Display.LAYER_VIDEO1)
sensor.run()
for _ in range(3):
    frame = sensor.snapshot(chn=CAM_CHN_ID_2).to_numpy_ref()
    osd.clear()
    osd.draw_rectangle(10, 10, 50, 40, color=(255, 0, 255, 0), thickness=4)
    osd.draw_string_advanced(5, 5, 32, "面 0.9", color=(0, 255, 0))
    Display.show_image(osd, 0, 0, Display.LAYER_OSD3)
    gc.collect()
print(size, frame.shape, Display.shown)
view = osd.to_numpy_ref()
print([int(v) for v in view[11][30]], [int(v) for v in view[100][700]])
try:
    MediaManager._config()
except RuntimeError as error:
    print(error)
os.exitpoint(os.EXITPOINT_ENABLE_SLEEP)
sensor.stop()
Display.deinit()
"""
    run = run_script(tmp_path, source)
    assert run.lines[-3:] == [
        "[800, 480] (3, 360, 640) 3",
        "[255, 0, 255, 0] [0, 0, 0, 0]",
        "deprecated function",
    ], run.events
