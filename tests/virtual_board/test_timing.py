"""The board's clock and the profile that drives it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from virtual_board.silicon.clock.levels import ProfileError
from virtual_board.silicon.clock.profile import load_profile, names

from .scripts import PACKAGES, run_script

pytestmark = pytest.mark.alone

PROFILE = Path(__file__).resolve().parents[2] / "virtual_board" / "profiles" / "k230.yaml"
MODEL = PACKAGES / "shapes_cls" / "mp_deployment_source" / "shapes_cls.kmodel"


def test_published_models_have_their_published_times() -> None:
    profile = load_profile("k230")
    pixels = 320 * 320
    assert profile.kpu_ms("/sdcard/yolov8n_320.kmodel", 3_300_000, 320, pixels, 176_400) == 22.7
    assert profile.kpu_ms("yolov8n-seg.kmodel", 3_300_000, 320, pixels, 300_000) == 25.6
    assert profile.kpu_ms("yolov8s.kmodel", 11_200_000, 320, pixels, 176_400) == 40.0
    assert profile.ai2d_ms(pixels) == 1.0
    assert profile.post_ms(8400 * 84 * 4) == pytest.approx(3, abs=0.7)


@pytest.mark.parametrize(
    ("name", "millions", "side", "outputs", "published"),
    [
        ("yolov5n", 1.9, 320, 176_400, 18.5),
        ("yolov8s", 11.2, 320, 176_400, 40.0),
        ("yolov8n", 3.2, 640, 705_600, 71.4),
        ("yolov5n", 1.9, 640, 705_600, 62.5),
        ("yolov8n-cls", 2.7, 224, 1000, 5.1),
    ],
)
def test_the_estimate_for_other_models_is_near_published_ones(
    name: str, millions: float, side: int, outputs: int, published: float
) -> None:
    estimate = load_profile("k230").kpu_ms(
        "unknown", int(millions * 1e6), side, side * side, outputs
    )
    assert estimate == pytest.approx(published, rel=0.15), name


def test_every_number_says_where_it_comes_from() -> None:
    content = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    for row in content["kpu"]["models"]:
        assert row["source"]
    assert "k230" in names()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ai2d": {"ms": {"value": "fast", "source": "x"}}}, "ai2d.ms: expected a number"),
        ({"ai2d": {"ms": {"value": 1.0}}}, "ai2d.ms: expected a source or an estimate"),
        ({"ai2d": {}}, "ai2d.ms is missing"),
        ({"kpu": {"models": [{"name": "x"}]}}, "kpu.models: expected rows"),
        (
            {"gc": {"collect_ms": {"value": 1, "high": "x", "source": "x"}}},
            "collect_ms.high: expected",
        ),
        (
            {"gc": {"collect_ms": {"low": 4, "value": 1, "high": 5, "source": "x"}}},
            "collect_ms: expected low, value and high to rise, found 4, 1, 5",
        ),
    ],
)
def test_a_faulty_profile_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    content = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    content.update(change)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ProfileError, match=message):
        load_profile(str(path))


def test_a_camera_of_thirty_frames_a_second(tmp_path: Path) -> None:
    source = """
import time
from media.sensor import *
sensor = Sensor(fps=30)
sensor.reset()
sensor.set_framesize(width=320, height=240)
sensor.set_pixformat(Sensor.RGB888)
sensor.run()
sensor.snapshot()
start = time.ticks_ms()
for _ in range(30):
    sensor.snapshot()
print(time.ticks_diff(time.ticks_ms(), start))
try:
    sensor.snapshot(timeout=1)
except RuntimeError as error:
    print(error)
"""
    run = run_script(tmp_path, source, timing="k230", camera="synthetic:320x240")
    assert 960 <= int(run.lines[-2]) <= 1200
    assert run.lines[-1] == "sensor(2) snapshot chn(0) failed(3)"


def test_times_in_ticks_are_integers(tmp_path: Path) -> None:
    # The board's floats have 24 bits: after an hour its microseconds would go in steps of 256.
    source = (
        "import time\nfrom _k230.silicon import clock\n"
        "print([type(t()) for t in (clock.board_us, time.ticks_us)])\n"
    )
    assert run_script(tmp_path, source, timing="k230").lines == ["[<class 'int'>, <class 'int'>]"]


LEAST = """
import time
def least(call):
    best = 1000000
    for _ in range(5):
        start = time.ticks_us()
        call()
        best = min(best, time.ticks_diff(time.ticks_us(), start))
    return best
"""


def test_stages_last_as_long_as_on_the_board(tmp_path: Path) -> None:
    if not MODEL.is_file():
        pytest.skip(f"{MODEL} is not there")
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "yolov8n.kmodel").write_bytes(MODEL.read_bytes())
    source = """
import nncase_runtime as nn
from ulab import numpy as np
ai2d = nn.ai2d()
ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
builder = ai2d.build([1, 3, 640, 640], [1, 3, 96, 96])
source = nn.from_numpy(np.ones((1, 3, 640, 640), dtype=np.uint8))
target = nn.from_numpy(np.ones((1, 3, 96, 96), dtype=np.uint8))
print(least(lambda: builder.run(source, target)))
kpu = nn.kpu()
kpu.load_kmodel("/sdcard/yolov8n.kmodel")
kpu.set_input_tensor(0, target)
kpu.run()
print(least(kpu.run))
import machine
uart = machine.UART(3, 115200)
print(least(lambda: uart.write(bytes(115))))
"""
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    profile["kpu"]["models"] = [{"name": "yolov8n", "input": 96, "ms": 30.0, "source": "test"}]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    run = run_script(
        tmp_path,
        LEAST + source,
        timing=str(path),
        uart=tmp_path / "uart",
        replay=tmp_path / "replay",
    )
    numbers = [int(line) for line in run.lines if line.isdigit()]
    assert len(numbers) == 3, run.events
    assert 4000 <= numbers[0] <= 6500  # 640 * 640 pixels, 1 ms for 320 * 320
    assert 30000 <= numbers[1] <= 33000
    assert 9900 <= numbers[2] <= 13000  # 1150 bits


ARRAY_CALLS = {
    "np.dot(row, table)": 1600 * 1.6,
    "np.dot(table[:, :10].transpose(), line[:32])": 320 * 1.6,
    "np.concatenate((line, line, line))": 3000 * 3.9,
    "np.compress(mask, table, axis=1)": 1600 * 12,
    "np.array(numbers)": 500 * 14.5,
    "np.array([numbers] * 3)": 1500 * 14.5,
    "np.array(line, dtype=np.int16)": 1000 * 5.5,
    "np.argmax(line)": 1000 * 1.3,
    "np.argmax(table, axis=0)": 1600,
    "row * table[:, :1]": 1024 * 1.1,
    "np.maximum(line, line)": 1000 * 1.1,
    "line > 0.5": 1000,
    "np.sum(line)": 1000 * 3.1,
    "np.sum(table, axis=1)": 1600 * 1.4,
    "np.exp(line)": 1000 * 2.4,
    "np.nonzero(line > 2.0)": 1000 + 1000,
    "np.nonzero(mask)": 50 * 1.75,
    "np.linalg.norm(table, axis=1)": 1600 * 2.0,
    "line[line > 0.5]": 1000 + 1000 * 4.9,
    "line.copy()": 1000 * 3.9,
    "line.tolist()": 1000 * 9.8,
    "small.tolist()": 1000 * 3.0,
    "table[:, 0].reshape(-1)": 32 * 3.9,
    "table.reshape(-1)": 0,
    "put(0.0)": 800 * 3.9,
    "put(half)": 800 * 7.7,
    "np.zeros(5000)": 0,
    "np.ones(700)": 700 * 3.9,
    "np.argsort(line[:64], axis=0)": 2688,
}


def test_an_array_call_takes_what_its_loop_takes(tmp_path: Path) -> None:
    """Of all that it looks at, not of its first argument alone: a mask, a row of weights or a tuple."""
    source = """
from ulab import numpy as np
row, table = np.ones((1, 32)), np.ones((32, 50))
mask, line, half = np.ones((50,)) > 0.5, np.ones((1000,)), np.ones((32, 25))
numbers, small = [1.0] * 500, np.ones((1000,), dtype=np.uint8)
def put(value):
    table[:, ::2] = value
print([least(call) for call in (CALLS)])
""".replace("CALLS", "".join(f"lambda: {call}, " for call in ARRAY_CALLS))
    profile = "k230?element_ns=10000&call_us=0&interpreter_factor=1"
    line = run_script(tmp_path, LEAST + source, timing=profile).lines[-1]
    found = [int(n) for n in line.strip("[]").split(",")]
    for us, (call, count) in zip(found, ARRAY_CALLS.items(), strict=True):
        assert 10 * count <= us + 1 < 10 * count + 1500, (call, us, count)


def test_a_profile_without_the_loops_counts_each_element_once(tmp_path: Path) -> None:
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    del profile["arrays"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    source = """
from ulab import numpy as np
line = np.ones((1000,))
print(least(lambda: line.copy()))
"""
    timing = f"{path}?element_ns=10000&call_us=0&interpreter_factor=1"
    us = int(run_script(tmp_path, LEAST + source, timing=timing).lines[-1])
    assert 10_000 <= us < 11_500


def test_single_numbers_are_replaced_behind_the_name() -> None:
    profile = load_profile("k230?interpreter_factor=3&unexplained.applied=1")
    assert profile.numbers["interpreter.interpreter_factor"] == 3
    assert profile.unexplained_ms(320) == profile.numbers["unexplained.at_320_ms"]
    assert load_profile("k230").unexplained_ms(320) == 0
    with pytest.raises(ProfileError, match="nonsense: expected one field, found none"):
        load_profile("k230?nonsense=1")
    with pytest.raises(ProfileError, match="expected a number of 0 or more, found 'x'"):
        load_profile("k230?interpreter_factor=x")


LEVELS = {
    "interpreter.interpreter_factor": (10, 14, 29),
    "native.element_ns": (17, 19, 21),
    "gc.collect_ms": (3, 5, 8),
    "gc.scan_ms": (3, 4.5, 6.7),
    "sleep.short_ms": (0.2, 0.5, 1.0),
    "cold.times": (1, 1, 3),
}


def test_what_nobody_knows_better_has_three_levels() -> None:
    profiles = [load_profile(f"k230?level={level}").numbers for level in ("low", "likely", "high")]
    assert load_profile("k230").numbers == profiles[1]
    for name in profiles[1]:
        values = tuple(profile[name] for profile in profiles)
        assert values == LEVELS.get(name, (values[1],) * 3), name
    assert profiles[2]["cold.factor"] == 14
    mixed = load_profile("k230?interpreter_factor=20&level=high").numbers
    assert mixed["interpreter.interpreter_factor"] == 20 and mixed["gc.collect_ms"] == 8
    with pytest.raises(
        ProfileError, match="level: expected one of low, likely, high, found 'worst'"
    ):
        load_profile("k230?level=worst")


PACE = """
from _k230.pace import Pace
numbers = {"interpreter.reference_us": 0.5, "interpreter.interpreter_factor": 10.0, "cold.times": 1.0,
           "cold.factor": 14.0, "cold.us": 100.0, "sleep.short_ms": 0.5}
def pace(best_us=0.5, **changes):
    return Pace(dict(numbers, **changes), best_us)
"""


def test_a_faster_pc_is_no_faster_board(tmp_path: Path) -> None:
    lines = run_script(tmp_path, PACE + "print(pace().python(30), pace(0.25).python(15))").lines
    assert lines == ["300.0 300.0"]


def test_python_behind_a_stage_is_cold_for_a_while(tmp_path: Path) -> None:
    source = """
numbers["cold.times"] = 3.0
cold = pace()
print(cold.python(10))
cold.stage()
print(cold.python(60), cold.python(60), cold.python(60))
numbers["cold.times"] = 1.0
warm = pace()
warm.stage()
print(warm.python(60))
"""
    lines = run_script(tmp_path, PACE + source).lines
    # 42 times for 100 us, then 10 times.
    assert lines == ["100.0", "2520.0 1880.0 600.0", "600.0"]


def test_a_thread_that_waits_awake_takes_its_share(tmp_path: Path) -> None:
    source = """
busy = pace()
busy._start -= 1000000
busy.python(25000)  # a quarter of the time
busy.other_slept(3000)
busy.other_slept(400)  # asleep until a tick: it takes nothing
print(100 <= busy.python(0) <= 130, busy.python(0))
"""
    assert run_script(tmp_path, PACE + source).lines == ["True 0.0"]


def test_short_sleeps_end_with_a_tick(tmp_path: Path) -> None:
    source = """
import time
def slept(us):
    start = time.ticks_us()
    time.sleep_us(us)
    return time.ticks_diff(time.ticks_us(), start)
print([min([slept(us) for _ in range(9)]) for us in (0, 40, 900, 1000, 2500)])
"""
    for level, tick in (("low", 200), ("likely", 500), ("high", 1000)):
        line = run_script(tmp_path, source, timing=f"k230?level={level}").lines[-1]
        none, short, long, one, more = (int(n) for n in line.strip("[]").split(","))
        assert none < 400
        assert tick <= short < tick + 400 and tick <= long < tick + 400
        assert 1000 <= one < 1400 and 2500 <= more < 2900


def test_a_profile_of_another_board(tmp_path: Path) -> None:
    """Another sensor, a KPU half as fast, and post-processing that takes longer than both."""
    content = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    content["camera"]["sensor"] = "imx335"
    content["sensors"]["imx335"] = {
        "modes": [{"width": 2592, "height": 1944, "fps": 25, "source": "test"}],
        "jitter_ms": {"value": 2.0, "source": "test"},
    }
    for row in content["kpu"]["models"]:
        row["ms"] *= 2
    content["post_processing"]["ms"]["value"] = 90.0
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    profile = load_profile(str(path))
    assert profile.sensor.modes == ((2592, 1944, 25),)
    assert profile.sensor.jitter_ms == 2.0
    assert profile.sensor.snapshot_ms == profile.numbers["camera.snapshot_ms"]
    assert profile.kpu_ms("yolov8n.kmodel", 3_200_000, 320, 320 * 320, 176_400) == 45.4
    assert profile.post_ms(705_600) == 90.0
    content["camera"]["sensor"] = "absent"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"camera\.sensor: expected one of"):
        load_profile(str(path))


def test_python_is_stretched_and_sleeps_are_not(tmp_path: Path) -> None:
    source = """
import time
def work():
    start = time.ticks_us()
    for _ in range(20000):
        pass
    return time.ticks_diff(time.ticks_us(), start)
best = min([work() for _ in range(5)])
start = time.ticks_us()
time.sleep_ms(50)
slept = time.ticks_diff(time.ticks_us(), start)
start = time.ticks_us()
time.sleep(1)
print(best, slept, time.ticks_diff(time.ticks_us(), start))
"""
    (tmp_path / "one").mkdir()
    (tmp_path / "eight").mkdir()
    one = run_script(tmp_path / "one", source, timing="k230?interpreter_factor=1").lines[-1]
    eight = run_script(tmp_path / "eight", source, timing="k230?interpreter_factor=8").lines[-1]
    fast, slow = ([int(n) for n in line.split()] for line in (one, eight))
    assert 3 < slow[0] / fast[0] < 20  # eight, and what else this machine does
    for _, short, second in (fast, slow):
        assert 50_000 <= short < 60_000
        assert 1_000_000 <= second < 1_030_000
