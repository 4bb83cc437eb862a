"""nncase_runtime on the virtual board: results, errors, and what nothing can catch."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from virtual_board.silicon.nncase.runtime import MAX_MODELS, MAX_TENSORS

from .scripts import PACKAGES, run_script

PACKAGE = PACKAGES / "shapes_cls"
MODEL = PACKAGE / "mp_deployment_source" / "shapes_cls.kmodel"

LOAD = """
import nncase_runtime as nn
from ulab import numpy as np
kpu = nn.kpu()
kpu.load_kmodel("/sdcard/model.kmodel")
picture = np.ones((1, 3, 96, 96), dtype=np.uint8)
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A folder for run_script whose card has the model."""
    if not MODEL.is_file():
        pytest.skip(f"{MODEL} is not there")
    (tmp_path / "card").mkdir()
    shutil.copyfile(MODEL, tmp_path / "card" / "model.kmodel")
    return tmp_path


def test_a_camera_frame_through_ai2d_and_the_kpu(card: Path) -> None:
    picture = sorted((PACKAGE / "pictures").iterdir())[0]
    source = (
        LOAD
        + """
from media.sensor import *
sensor = Sensor()
sensor.reset()
sensor.set_framesize(width=320, height=240, chn=CAM_CHN_ID_2)
sensor.set_pixformat(Sensor.RGBP888, chn=CAM_CHN_ID_2)
sensor.run()
ai2d = nn.ai2d()
ai2d.set_dtype(nn.ai2d_format.NCHW_FMT, nn.ai2d_format.NCHW_FMT, np.uint8, np.uint8)
ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
builder = ai2d.build([1, 3, 240, 320], [1, 3, 96, 96])
small = nn.from_numpy(picture)
kpu.set_input_tensor(0, small)
for _ in range(2):
    frame = nn.from_numpy(sensor.snapshot(chn=2).to_numpy_ref())
    builder.run(frame, small)
    kpu.run()
    by_frame = kpu.get_output_tensor(0).to_numpy()
kpu.set_input_tensor(0, nn.from_numpy(small.to_numpy()))
kpu.run()
by_copy = kpu.get_output_tensor(0).to_numpy()
same = [float(v) for v in by_frame[0]] == [float(v) for v in by_copy[0]]
print(by_frame.shape, by_frame.dtype == np.float, same)
print(kpu.inputs_desc(0), kpu.outputs_size())
"""
    )
    run = run_script(card, source, camera=str(picture))
    assert run.lines[-2] == "(1, 6) True True", run.events
    described, outputs = run.lines[-1].rsplit(" ", 1)
    assert outputs == "1"
    assert "'tensor_datatype': 'dt_uint8'" in described
    assert "'tensor_size': 27648" in described


def test_errors_a_script_can_catch(card: Path) -> None:
    (card / "card" / "text.kmodel").write_text("no model")
    source = (
        LOAD
        + """
def attempt(call):
    try:
        call()
        print("no error")
    except Exception as error:
        print(type(error).__name__, error)
attempt(lambda: nn.kpu().load_kmodel("/sdcard/missing.kmodel"))
attempt(lambda: nn.kpu().load_kmodel("/sdcard/text.kmodel"))
attempt(lambda: nn.kpu().load_kmodel(b"no model"))
attempt(kpu.run)
attempt(lambda: kpu.set_input_tensor(1, nn.from_numpy(picture)))
attempt(lambda: kpu.set_input_tensor(0, nn.from_numpy(np.ones((1, 3, 96, 96)))))
attempt(lambda: kpu.set_input_tensor(0, nn.from_numpy(np.ones((1, 3, 96, 95), dtype=np.uint8))))
attempt(lambda: nn.ai2d().build([1] * 9, [1] * 4))
kpu.set_input_tensor(0, nn.from_numpy(picture))
attempt(kpu.run)
kpu.__del__()
attempt(kpu.__del__)
"""
    )
    run = run_script(card, source)
    assert [line for line in run.lines if not line.startswith("kmodel:")] == [
        "OSError Kmodel file not exist.",
        "EOFError KPU load model failed from path.",
        "EOFError KPU load model failed from buffer.",
        "RuntimeError KPU run failed.",
        "ValueError KPU set input tensor failed.",
        "ValueError KPU set input tensor failed.",
        "ValueError KPU set input tensor failed.",
        "TypeError obj len exceed 8",
        "no error",
        "no error",
    ]


def test_an_input_of_another_shape_with_as_many_values_is_taken(card: Path) -> None:
    """nncase looks at the index alone; the vendor's scripts give [3, h, w]."""
    source = (
        LOAD
        + """
made = []
for shape in ((1, 3, 96, 96), (3, 96, 96), (1, 96, 96, 3)):
    kpu.set_input_tensor(0, nn.from_numpy(picture.reshape(shape)))
    kpu.run()
    made.append(kpu.get_output_tensor(0).to_numpy().tolist())
print(made[0] == made[1] == made[2])
"""
    )
    assert run_script(card, source).lines[-1] == "True"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("kpu.get_output_tensor(1)", "kpu.get_output_tensor(1): the model has 1"),
        ("kpu.inputs_desc(-1)", "kpu.inputs_desc(-1): the model has 1"),
        ("nn.kpu().run()", "kpu.run() before load_kmodel()"),
        ("kpu.set_input_tensor(0, picture)", "and no tensor"),
        ("nn.from_numpy([1, 2])", "it reads any object as an array"),
        ("nn.from_numpy(picture[0].T)", "not dense"),
        ("nn.from_numpy(picture).__del__()", "a second time"),
        ("builder(pad=[0, 0, 0, 0, 0, 0, 2, 0])", "left padding with an input width of 32"),
        ("builder(crop=(0, 0, 33, 32))", "is not inside"),
    ],
)
def test_what_nothing_can_catch(card: Path, call: str, message: str) -> None:
    source = (
        LOAD
        + f"""
def builder(pad=None, crop=None):
    ai2d = nn.ai2d()
    if pad:
        ai2d.set_pad_param(True, pad, 0, [0, 0, 0])
    if crop:
        ai2d.set_crop_param(True, *crop)
    return ai2d.build([1, 3, 32, 32], [1, 3, 64, 64])
print("before")
try:
    {call}
except BaseException:
    pass
print("not reached")
"""
    )
    run = run_script(card, source)
    assert run.lines[-1] == "before"
    assert message in run.fault


def test_dropped_models_and_tensors_come_back_or_say_so(card: Path) -> None:
    source = (
        LOAD
        + f"""
kpu.set_input_tensor(0, nn.from_numpy(picture))
kpu.run()
first = kpu.get_output_tensor(0).to_numpy()
others = []
for _ in range({MAX_MODELS + 1}):
    other = nn.kpu()
    other.load_kmodel("/sdcard/model.kmodel")
    others.append(other)
kpu.run()
second = kpu.get_output_tensor(0)
print([float(v) for v in first[0]] == [float(v) for v in second.to_numpy()[0]])
ai2d = nn.ai2d()
ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
builder = ai2d.build([1, 3, 96, 96], [1, 3, 64, 64])
for _ in range({MAX_TENSORS + 1}):
    builder.run(nn.from_numpy(picture), nn.from_numpy(np.ones((1, 3, 64, 64), dtype=np.uint8)))
try:
    second.to_numpy()
except RuntimeError as error:
    print(error)
"""
    )
    run = run_script(card, source)
    assert run.lines[0] == "True", run.events
    assert "no longer kept" in run.lines[1]
