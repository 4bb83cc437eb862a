"""The frame pipeline on the virtual board: hand-over, freshness, counts, stages, snapshots.

Nothing here depends on how fast this machine is: scripts drive the camera's room step by step, and
the service is asked for its own books, which must add up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import pipeline_card
from host_client import Board
from tests.virtual_board.scripts import run_script
from virtual_board.board import VirtualBoard

CAMERA = """
import json, time
from firmware_app.board.camera import Camera
from firmware_app.base.errors import CameraError
settings = {"width": 64, "height": 64, "fps": 30, "csi_id": None, "hmirror": False, "vflip": False}

def wait(camera):
    for _ in range(2000):
        image = camera.take()
        if image is not None:
            return image
        time.sleep_ms(1)
    raise RuntimeError("no frame")

"""


def _script(folder: Path, source: str, **options: Any) -> list[str]:
    run = run_script(folder, CAMERA + source, camera="synthetic:64x64", **options)
    assert not run.details("bug"), run.events
    return run.lines


def test_a_frame_dies_with_its_release(tmp_path: Path) -> None:
    source = """
camera = Camera(settings)
camera.start()
array = wait(camera).to_numpy_ref()
print("before", array[0][0][0])
camera.release()
wait(camera)
print("after", array[0][1][0])
"""
    run = run_script(tmp_path, CAMERA + source, camera="synthetic:64x64")
    assert any(line.startswith("before") for line in run.lines)
    assert not any(line.startswith("after") for line in run.lines)
    assert "was read after" in run.fault


def test_the_thread_takes_nothing_while_a_frame_is_in_hand(tmp_path: Path) -> None:
    lines = _script(
        tmp_path,
        """
camera = Camera(settings)
camera.start()
image = wait(camera)
seq = camera.seq
time.sleep_ms(200)
print("same", camera.seq == seq, camera.take() is None, image.to_numpy_ref()[0][0][0] >= 0)
camera.release()
wait(camera)
print("next", camera.seq - seq)
camera.close()
""",
    )
    assert "same True True True" in lines
    assert "next 1" in lines


ALTERNATE = """
camera = Camera(settings)
camera.start()
first = wait(camera).to_numpy_ref()
camera.alternate = True
"""


def test_between_two_channels_a_released_frame_lives_until_the_next_release(tmp_path: Path) -> None:
    source = """
camera.release()
wait(camera)
print("before", first[0][0][0])
camera.release()
wait(camera)
print("after", first[0][1][0])
"""
    run = run_script(tmp_path, CAMERA + ALTERNATE + source, camera="synthetic:64x64")
    assert any(line.startswith("before") for line in run.lines)
    assert not any(line.startswith("after") for line in run.lines)
    assert "was read after" in run.fault


def test_two_channels_show_each_picture_once(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(5):
        Image.new("RGB", (64, 64), (40 * number, 0, 0)).save(pictures / f"{number}.png")
    source = """
seen = [first[0][0][0] // 40]
for number in range(8):
    camera.release()
    seen.append(wait(camera).to_numpy_ref()[0][0][0] // 40)
    camera.alternate = number < 4  # from then on one channel again
print("seen", seen)
camera.close()
"""
    run = run_script(tmp_path, CAMERA + ALTERNATE + source, camera=str(pictures))
    shown = "seen [0, 1, 2, 3, 4, 0, 1, 2, 3]"
    assert shown in run.lines


def test_skipped_frames_are_estimated_from_the_time(tmp_path: Path) -> None:
    lines = _script(
        tmp_path,
        """
camera = Camera(settings)
def after(us):
    camera.ticks = time.ticks_add(camera.ticks, us)
    camera.ready = True
    camera._taken = False
    camera.frame = object()
    camera.take()
    return camera.skipped
period = camera.period_us
print([after(0), after(period), after(period + 900), after(3 * period), after(period)])
steady = [after(period + 400) for _ in range(200)]
print("steady", steady[-1])
slow = [after(period * 3 // 2) for _ in range(100)]
print("slow", slow[-1] - steady[-1])
""",
    )
    assert "[0, 0, 0, 2, 2]" in lines
    assert "steady 2" in lines  # a camera a little slower than its name skips nothing
    slow = next(line for line in lines if line.startswith("slow"))
    assert 49 <= int(slow.split()[1]) <= 50  # every second gap of 1.5 periods skips one


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("latency", "True False True"), ("completeness", "False False False")],
)
def test_an_old_frame_is_given_back_for_latency_only(
    tmp_path: Path, priority: str, expected: str
) -> None:
    source = f"""
import time
from firmware_app.run.engine import Engine
class Configuration:
    values = {{
        "priority": "{priority}",
        "memory": {{"collect_frames": 60}},
        "results": {{"every_nth_frame": 1, "rate_limit": 0}},
    }}
class Old:
    period_us = 33000
    least_us = 3500
    def age_us(self):
        return 2000000
class Fresh(Old):
    def age_us(self):
        return 20000
engine = Engine(Configuration(), None, None, None, None, None, None)
engine._look_up()
# Not twice in a row: a frame is better than none.
print(engine._old(Old()), engine._old(Old()), engine._old(Old()))
print("fresh", engine._old(Fresh()), engine._old(Fresh()))
"""
    lines = run_script(tmp_path, source).lines
    assert expected in lines
    assert "fresh False False" in lines


def test_the_next_frame_comes_after_the_inference_where_that_costs_nothing(tmp_path: Path) -> None:
    source = """
from firmware_app.run.engine import Engine
class Configuration:
    values = {
        "priority": "latency",
        "memory": {"collect_frames": 60},
        "results": {"every_nth_frame": 1, "rate_limit": 0},
    }
class Camera:
    least_us = 3500
class Task:
    holds_frame = False
    kpu_us = 22700
    decode_us = 400
engine = Engine(Configuration(), None, None, None, None, None, None)
camera, task = Camera(), Task()
print("short", engine._later(camera, task))
task.decode_us = 3300
print("long", engine._later(camera, task))
engine._was_later = True
for _ in range(9):
    engine._waited(200)
print("hidden", engine._later(camera, task))
engine._waited(9000)  # it was not hidden after all
print("waited", engine._later(camera, task))
engine._was_later = False
tries = 0
while not engine._later(camera, task):
    engine._waited(0)
    tries += 1
print("again", 60 < tries < 2000, tries)
Configuration.values["priority"] = "completeness"
engine._look_up()
print("complete", engine._later(camera, task))
"""
    lines = run_script(tmp_path, source).lines
    assert lines[:4] == ["short False", "long True", "hidden True", "waited False"]
    assert lines[4].startswith("again True")
    assert lines[5] == "complete False"


def test_a_sensor_is_asked_for_a_mode_that_is_fast_enough(tmp_path: Path) -> None:
    source = """
from firmware_app.board import sensor
OV5647 = ((1920, 1080, 30), (1280, 720, 60), (640, 480, 90))
GC2093 = ((1920, 1080, 30), (1920, 1080, 60), (1280, 720, 90))
class Sensor:
    RGBP888 = 46
    modes = ()
    def __init__(self, **options):
        Sensor.asked = [options[name] for name in sorted(options) if name != "fps"]
    def __getattr__(self, name):
        return lambda *_, **__: None
    def list_mode(id=None):
        return "sensor", [{"width": w, "height": h, "fps": f} for w, h, f in Sensor.modes]
def tried(modes, fps, width=640, height=360):
    Sensor.modes = modes
    settings = {"fps": fps, "width": width, "height": height, "csi_id": None}
    settings["hmirror"] = settings["vflip"] = False
    made = sensor.Setup(settings, None)
    print(fps, sorted(Sensor.asked), made.period_us, made.warning)
sensor.Sensor = Sensor
tried(OV5647, 30)
tried(OV5647, 60)
tried(OV5647, 90, 640, 480)
tried(OV5647, 90)
tried(OV5647, 60, 1920, 1080)
tried(GC2093, 60)
tried(GC2093, 90)
tried((), 60)
Sensor.list_mode = None
del Sensor.list_mode
tried(OV5647, 60)
"""
    lines = run_script(tmp_path, source).lines
    assert [line.rstrip() for line in lines[:9]] == [
        "30 [] 33333",
        "60 [720, 1280] 16666",
        "90 [480, 640] 11111",
        "90 [480, 640] 11111",
        "60 [] 33333 camera.fps: expected at most 30, which the sensor makes at 1920 x 1080, found 60",
        "60 [] 16666",
        "90 [720, 1280] 11111",
        "60 [] 16666",
        "60 [] 16666",
    ]


def test_stages_add_up_to_the_period(tmp_path: Path) -> None:
    lines = run_script(
        tmp_path,
        """
from firmware_app.run.stages import Stages
import json
stages = Stages()
stages.results = 2
stages.wait, stages.ai2d, stages.kpu = 100, 200, 300
stages.decode, stages.publish, stages.gc = 40, 50, 60
print(json.dumps(stages.report(1000)))
print(json.dumps(stages.report(500)))
""",
    ).lines
    first, second = (json.loads(line) for line in lines if line.startswith("{"))
    assert first["idle_us"] == 250 and first["results"] == 2 and first["kpu_us"] == 300
    assert second["idle_us"] == 500 and second["kpu_us"] == 0


def test_collections_come_in_waits_or_by_count_or_by_bytes(tmp_path: Path) -> None:
    lines = run_script(
        tmp_path,
        """
from firmware_app.run.collector import Collector
made = []
class Counting(Collector):
    def collect(self, *left):
        made.append(self._frames)
        super().collect(*left)
collector = Counting()
collector.most_frames = 10
for _ in range(9):
    collector.frame(1000)
print(made)
collector.frame(1000)
print(made)
collector.waiting(10000000)
for _ in range(5):
    collector.frame(1000)
collector.waiting(0)
print(made)
collector.waiting(10000000)
print(made)
collector.frame(96 << 20)
print(made, collector.floor > 0)
""",
    ).lines
    assert lines[:4] == ["[]", "[10]", "[10]", "[10, 5]"]
    assert lines[4] == "[10, 5, 1] True"


def test_the_heap_is_looked_at_seldom_and_in_waits(tmp_path: Path) -> None:
    lines = run_script(
        tmp_path,
        """
import gc, time
now = [0]
looks = []
time.ticks_ms = lambda: now[0]
gc.mem_alloc = lambda: looks.append(now[0]) or 1000
from firmware_app.run.collector import Collector
collector = Collector()
collector.most_frames = 5
looks.clear()
for now[0] in range(1000, 200000, 1000):  # a busy board: each collection delays a frame
    for _ in range(5):
        collector.frame(1000)
    collector.used()
print(looks)
looks.clear()
for now[0] in range(200000, 240000, 1000):
    for _ in range(4):
        collector.frame(1000)
    collector.waiting(1000000)
print(looks, collector.floor, collector.first_floor)
""",
    ).lines
    assert lines[0] == "[1000, 61000, 121000, 181000]"
    assert lines[1] == "[200000, 210000, 220000, 230000] 1000 1000"


async def _books(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    case = pipeline_card.cases()[0]
    settings = {"preview": {"enabled": True, "width": 160, "height": 96, "rate": 0.01}}
    card, pictures, replay = pipeline_card.make(folder, [case], 30, settings)
    async with VirtualBoard(sdcard=card, camera=str(pictures), replay=replay) as board:
        await board.ready(30)
        assert board.url is not None
        async with Board.connect(board.url, key=board.key, wait=10) as client:
            statistics = client.statistics()
            await statistics.__anext__()
            values = (await statistics.__anext__()).values
            previews = [await client.snapshot(80)]
            async for preview in client.previews(every=0.01):
                previews.append(preview)
                if len(previews) == 5:
                    break
            return values, dict(await client.status()), previews


@pytest.mark.slow
async def test_the_services_books_and_a_snapshot(tmp_path: Path) -> None:
    values, status, pictures = await _books(tmp_path)
    spent = sum(values[name] for name in values if name.endswith("_us") and name != "period_us")
    assert spent >= 0.99 * values["period_us"]
    assert 0 < values["processed"] <= values["captured"]
    assert values["captured"] >= values["processed"] + values["skipped"] - 2
    assert {"wait", "ai2d", "kpu", "decode", "publish", "gc", "idle"} <= set(status["stages_us"])
    assert all(one[:2] == b"\xff\xd8" and one[-2:] == b"\xff\xd9" for one in pictures)
    # At most a hundredth of a picture a second: the same one again, but not in another quality.
    assert len(set(pictures[1:])) == 1 and pictures[0] != pictures[1]
