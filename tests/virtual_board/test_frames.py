"""Camera frames: what they hold, how long they live, and what reading a dead one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from .scripts import OTHER, run_script

OPEN = """
import nncase_runtime as nn
from media.sensor import *
sensor = Sensor(fps=30)
sensor.reset()
sensor.set_framesize(width=320, height=240, chn=CAM_CHN_ID_2)
sensor.set_pixformat(Sensor.RGBP888, chn=CAM_CHN_ID_2)
sensor.set_framesize(width=320, height=240, chn=CAM_CHN_ID_0)
sensor.set_pixformat(Sensor.RGB565, chn=CAM_CHN_ID_0)
sensor.run()
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures of one colour each, in the camera's size."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, color in (("a", (200, 0, 0)), ("b", (0, 104, 0)), ("c", (0, 0, 56))):
        Image.new("RGB", (320, 240), color).save(folder / f"{name}.png")
    return folder


def test_snapshot_gives_the_pictures_in_order(tmp_path: Path, pictures: Path) -> None:
    source = (
        OPEN
        + """
for _ in range(4):
    a = sensor.snapshot(chn=2).to_numpy_ref()
    print(a.shape, a[0, 5, 5], a[1, 5, 5], a[2, 5, 5])
"""
    )
    run = run_script(tmp_path, source, camera=str(pictures))
    shape = "(3, 240, 320)"
    expected = [f"{shape} 200 0 0", f"{shape} 0 104 0", f"{shape} 0 0 56", f"{shape} 200 0 0"]
    assert run.lines[-4:] == expected
    assert run.code == 0


def test_a_picture_nobody_has_looked_at_comes_once_more(tmp_path: Path, pictures: Path) -> None:
    source = (
        OPEN
        + """
import time
def show(look, wait_ms):
    frame = sensor.snapshot(chn=2)
    if look:
        pixels = frame.to_numpy_ref()
        print("abc"[[pixels[i, 5, 5] > 0 for i in range(3)].index(True)])
    time.sleep_ms(wait_ms)
for look, wait_ms in ((1, 99), (0, 99), (1, 99), (0, 99), (0, 99), (1, 99), (1, 0)):
    show(look, wait_ms)
"""
    )
    run = run_script(tmp_path, source, camera=str(pictures))
    assert run.lines[-4:] == ["a", "b", "a", "b"]


def test_a_second_channel_sees_the_same_picture(tmp_path: Path, pictures: Path) -> None:
    source = (
        OPEN
        + """
for _ in range(2):
    sensor.snapshot(chn=2)
    small = sensor.snapshot(chn=0)
    pixel = small.to_numpy_ref()[3][3]
    print(small.format() == image.RGB565, pixel[0], pixel[1])
jpeg = small.to_jpeg(quality=70)
print(bytes(jpeg.bytearray())[:2], jpeg.size() == len(jpeg.bytearray()))
"""
    )
    run = run_script(
        tmp_path, source.replace("import nn", "import image, nn"), camera=str(pictures)
    )
    red, green = 200 >> 3 << 11, 104 >> 2 << 5
    assert run.lines[-3:] == [
        f"True {red & 255} {red >> 8}",
        f"True {green & 255} {green >> 8}",
        "b'\\xff\\xd8' True",
    ]


@pytest.mark.parametrize(
    ("look", "freed"),
    [
        ("print(array[0, 0, 0])", "sensor.snapshot(chn=2)"),
        ("nn.from_numpy(array)", "sensor.snapshot(chn=2)"),
        ("picture.to_numpy_ref()", "sensor.snapshot(chn=2)"),
        ("picture.to_rgb888()", "sensor.snapshot(chn=2)"),
        ("builder.run(tensor, output)", "sensor.snapshot(chn=2)"),
        ("tensor.to_numpy()", "sensor.stop()"),
    ],
)
def test_a_look_at_a_dead_frame_ends_the_process(tmp_path: Path, look: str, freed: str) -> None:
    if OTHER is not None and look.startswith("print"):
        pytest.skip("elements of a built-in ulab's arrays are read without anybody noticing")
    source = (
        OPEN
        + f"""
from ulab import numpy as np
ai2d = nn.ai2d()
ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
builder = ai2d.build([1, 3, 240, 320], [1, 3, 32, 32])
output = nn.from_numpy(np.zeros((1, 3, 32, 32), dtype=np.uint8))
picture = sensor.snapshot(chn=2)
array = picture.to_numpy_ref()
tensor = nn.from_numpy(array)
print(array[0, 0, 0] >= 0)
builder.run(tensor, output)
try:
    {freed}
    {look}
except BaseException:
    pass
print("not reached")
"""
    )
    run = run_script(tmp_path, source)
    assert run.lines[-1] == "True"
    what = freed.removeprefix("sensor.").replace("chn=2", "")
    assert run.fault == f"frame 1 of channel 2 was read after {what} had freed it"


def test_another_channels_snapshot_frees_nothing(tmp_path: Path) -> None:
    source = (
        OPEN
        + """
array = sensor.snapshot(chn=2).to_numpy_ref()
before = array[0, 100, 100]
for _ in range(3):
    sensor.snapshot(chn=0)
print(array[0, 100, 100] == before)
"""
    )
    assert run_script(tmp_path, source).lines[-1] == "True"


def test_errors_of_the_camera(tmp_path: Path) -> None:
    source = (
        OPEN
        + """
def attempt(call):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, error)
attempt(lambda: sensor.snapshot(chn=1))
attempt(lambda: sensor.snapshot(chn=3))
attempt(lambda: Sensor())
attempt(lambda: sensor.skip_frames(time=100))
sensor.stop()
attempt(lambda: sensor.snapshot(chn=2))
again = Sensor(width=1280, height=720, fps=90)
again.reset()
again.set_framesize(width=650, height=480)
print(again.width(), again.width(None))
attempt(lambda: again.set_framesize(width=1296, height=480))
attempt(again.run)
"""
    )
    run = run_script(tmp_path, source)
    assert [line for line in run.lines if line.split(" ")[0].endswith("Error")] == [
        "RuntimeError sensor(2) snapshot chn(1) failed(3)",
        "AssertionError invaild chn id 3, should < 2",
        "OSError sensor(2) is already inited.",
        "NotImplementedError skip_frames",
        "AssertionError should call reset() first",
        "AssertionError sensor(2) chn(0) set_framesize invaild width(1296), should be 64 - 1280",
        "RuntimeError sensor(2) chn(0) pixel format not set before run",
    ]
    assert "656 1280" in run.lines
