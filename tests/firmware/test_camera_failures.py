"""The camera's failures: each vendor call of its set-up, frames that do not come, signals, the end.

Scripts on a virtual board, whose sensor is made to fail: one thread, no memory, the cause in the text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.virtual_board.scripts import run_script

FAILING = """
import gc, time
from firmware_app.base.errors import CameraError
from firmware_app.board.camera import Camera
from _k230 import threads
from media.sensor import Sensor

class Failing:
    "Makes one method of the sensor fail a number of times."
    def __init__(self, name, times, error):
        self.left = times
        self.name = name
        self.real = getattr(Sensor, name)
        def call(*args, **named):
            if self.left:
                self.left -= 1
                raise error
            return self.real(*args, **named)
        setattr(Sensor, name, call)
    def end(self):
        setattr(Sensor, self.name, self.real)

settings = {"width": 64, "height": 64, "fps": 30, "csi_id": None, "hmirror": False, "vflip": False}

def wait(camera):
    for _ in range(2000):
        image = camera.take()
        if image is not None:
            return image
        time.sleep_ms(1)
    raise RuntimeError("no frame")

def patiently(condition):
    for _ in range(1000):
        if condition():
            return True
        time.sleep_ms(5)
    return False

def given_back(camera):
    if camera.ready:  # one that was on its way
        camera.take()
        camera.release()
    return True

def paused(camera):
    return patiently(camera.pause)
"""


def script(folder: Path, source: str) -> list[str]:
    run = run_script(folder, source, camera="synthetic:64x64")
    assert not run.details("bug"), run.events
    return run.lines


def test_a_failed_set_up_says_its_cause_each_time(tmp_path: Path) -> None:
    """Each call of the set-up; the stand-in marks the connector as sensor.py, 312, does."""
    lines = script(
        tmp_path,
        FAILING
        + """
for error in (RuntimeError("no such sensor"), OSError(5), AssertionError("x"), MemoryError("y"), TypeError("z")):
    for name in "__init__ reset set_framesize set_pixformat set_hmirror set_vflip run".split():
        camera = Camera(settings)
        failing = Failing(name, 2, error)
        said = []
        for _ in range(2):
            try:
                camera.start()
            except CameraError as problem:
                said.append(str(problem))
        failing.end()
        same = len(said) == 2 and said[0] == said[1] and "already" not in said[0]
        camera.start()  # the connector is free
        wait(camera)
        print(name, type(error).__name__, same, camera.close(), threads.alive())
print(said)
""",
    )
    results = [line for line in lines if line.endswith("True True 0")]
    assert len(results) == 5 * 7, lines
    assert lines[-1].count("the sensor can't be set up: z") == 2


def test_the_stand_in_keeps_a_connector_until_stop(tmp_path: Path) -> None:
    lines = script(
        tmp_path,
        FAILING
        + """
Sensor()
try:
    Sensor()
except OSError as error:
    print(error)
""",
    )
    assert "sensor(2) is already inited." in lines


def test_a_hundred_failures_cost_no_thread_and_no_memory(tmp_path: Path) -> None:
    lines = script(
        tmp_path,
        FAILING
        + """
camera = Camera(settings)
camera._patience_ms = 1
camera.start()
wait(camera)
camera.release()
heap = []
for number in range(100):
    failing = Failing("snapshot", 1000, RuntimeError("sensor(2) snapshot chn(2) failed(3)"))
    assert patiently(lambda: given_back(camera) and camera.broken), camera.problem
    assert camera.problem == "the camera gives no frames: sensor(2) snapshot chn(2) failed(3)"
    assert paused(camera)
    camera.stop()
    failing.end()
    for _ in range(number % 3):  # unplugged for a while
        gone = Failing("__init__", 1, RuntimeError("Can not found sensor on 2"))
        try:
            camera.start()
        except CameraError as error:
            assert "Can not found" in str(error)
        gone.end()
    camera.start()
    wait(camera)
    assert camera.problem == "" and not camera.broken
    camera.release()
    if number in (19, 99):
        gc.collect()
        heap.append(gc.mem_alloc())
    assert threads.alive() == 1 and threads.kept() == 0
print("heap", heap)
print("grown", heap[1] - heap[0] < 4096, camera.close(), threads.alive(), threads.kept())
""",
    )
    assert "grown True True 0 65536" in lines, lines[-2:]


def test_a_wait_that_a_signal_breaks_off_is_tried_again(tmp_path: Path) -> None:
    """gc.collect() signals every thread (mpthreadport.c, 181): with EINTR the snapshot fails at once."""
    lines = script(
        tmp_path,
        FAILING
        + """
camera = Camera(settings)
camera.start()
problems = set()
for number in range(10):
    failing = Failing("snapshot", 2, OSError(4))
    wait(camera)
    problems.add(camera.problem)
    problems.add(camera.failures)
    camera.release()
    failing.end()
print("lost", sorted([str(each) for each in problems]), camera.seq)
camera.close()
""",
    )
    assert any(line.startswith("lost ['', '0'] 1") for line in lines), lines


def test_planes_come_from_the_channels_of_the_examples(tmp_path: Path) -> None:
    """resources/examples/21-AI-With-Others/ai_two_camera.py and ai_save_mp4.py of Stars1233/canmv_k230."""
    lines = script(
        tmp_path,
        FAILING
        + """
from firmware_app.board.sensor import Setup
asked = []
real = Sensor.set_pixformat
def noted(self, format, chn=0):
    asked.append((format == Sensor.RGBP888, format == Sensor.RGB565, chn))
    return real(self, format, chn=chn)
Sensor.set_pixformat = noted
for preview in (None, {"width": 64, "height": 64}):
    asked.clear()
    Setup(settings, preview).give_back()
    print("channels", sorted([row[2] for row in asked if row[0]]), [row[2] for row in asked if row[1]])
""",
    )
    found = [line for line in lines if line.startswith("channels ")]
    assert found == ["channels [1, 2] []", "channels [1, 2] [0]"], lines


def test_the_hand_over_needs_no_sleep(tmp_path: Path) -> None:
    """The shortest sleep of the board is a tick of 1 ms; the thread is in the driver all the same."""
    lines = script(
        tmp_path,
        FAILING
        + """
import _thread
main = _thread.get_ident()
inside = []
real = Sensor.snapshot
def snapshot(self, **named):
    inside.append(1)
    return real(self, **named)
Sensor.snapshot = snapshot
camera = Camera(settings)
camera.start()
early = 0
for number in range(50):
    wait(camera)
    before = len(inside)
    slept = []
    for name in ("sleep_us", "sleep_ms", "sleep"):
        function = getattr(time, name)
        def noted(n, function=function):
            if _thread.get_ident() == main:
                slept.append(n)
            return function(n)
        setattr(time, name, noted)
    camera.hand_over()
    if slept:
        early += 1
    # The thread lets go of the loop on its last step before the driver.
    patiently(lambda: len(inside) > before)
    early += len(inside) == before
print("early", early, camera._gone.locked(), camera.close())
camera.hand_over()  # nobody waits for a thread that is gone
camera.release()
print("done")
""",
    )
    assert "early 0 True True" in lines and "done" in lines, lines


@pytest.mark.parametrize("state", ["parked", "waiting", "broken", "never started", "failed"])
def test_the_thread_ends_in_every_state(tmp_path: Path, state: str) -> None:
    lines = script(
        tmp_path,
        FAILING
        + f"""
state = {state!r}
camera = Camera(settings)
if state == "failed":
    Failing("run", 1, RuntimeError("x"))
    try:
        camera.start()
    except CameraError as error:
        camera.give_up(str(error))
elif state != "never started":
    camera.start()
    wait(camera)
    if state == "waiting":
        real = Sensor.snapshot
        def slow(self, **named):
            time.sleep_ms(named["timeout"])
            raise RuntimeError("no frame")
        Sensor.snapshot = slow
        camera.release()
        time.sleep_ms(20)
    elif state == "broken":
        camera._patience_ms = 1
        Failing("snapshot", 1000, RuntimeError("x"))
        camera.release()
        patiently(lambda: given_back(camera) and camera.broken)
start = time.ticks_ms()
print("closed", camera.close(), threads.alive(), time.ticks_diff(time.ticks_ms(), start) < 900)
print("again", camera.close())
""",
    )
    assert "closed True 0 True" in lines and "again True" in lines, lines
