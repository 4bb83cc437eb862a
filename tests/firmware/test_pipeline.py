"""The frame pipeline on the virtual board: hand-over, freshness, counts, stages, snapshots.

Nothing here depends on how fast this machine is: scripts drive the camera's room step by step, and
the service is asked for its own books, which must add up.
"""

from __future__ import annotations

import asyncio
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
from firmware_app.camera import Camera, CameraError
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
camera.stop()
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
camera.stop()
"""
    run = run_script(tmp_path, CAMERA + ALTERNATE + source, camera=str(pictures))
    shown = "seen [0, 1, 2, 3, 4, 0, 1, 2, 3]"
    assert shown in run.lines


def test_a_renewed_frame_is_a_newer_one_and_counts_as_skipped(tmp_path: Path) -> None:
    lines = _script(
        tmp_path,
        """
camera = Camera(settings)
camera.start()
wait(camera)
camera.release()
while not camera.ready:
    time.sleep_ms(1)
old = camera.frame
before = camera.skipped
camera.renew()
new = wait(camera)
print("newer", new is not old, camera.seq, camera.skipped > before)
camera.stop()
""",
    )
    assert "newer True 2 True" in lines


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
from firmware_app.engine import Engine
class Service:
    settings = {{"priority": "{priority}", "memory": {{"collect_frames": 60}}}}
class Old:
    period_us = 33000
    least_us = 3500
    def age_us(self):
        return 2000000
class Fresh(Old):
    def age_us(self):
        return 20000
engine = Engine(Service())
# Not twice in a row: a frame is better than none.
print(engine._old(Old()), engine._old(Old()), engine._old(Old()))
print("fresh", engine._old(Fresh()), engine._old(Fresh()))
"""
    lines = run_script(tmp_path, source).lines
    assert expected in lines
    assert "fresh False False" in lines


def test_stages_add_up_to_the_period(tmp_path: Path) -> None:
    lines = run_script(
        tmp_path,
        """
from firmware_app.stages import Stages
import json
stages = Stages()
stages.frames = 2
stages.wait, stages.ai2d, stages.kpu = 100, 200, 300
stages.decode, stages.publish, stages.gc = 40, 50, 60
print(json.dumps(stages.report(1000)))
print(json.dumps(stages.report(500)))
""",
    ).lines
    first, second = (json.loads(line) for line in lines if line.startswith("{"))
    assert first["idle_us"] == 250 and first["frames"] == 2 and first["kpu_us"] == 300
    assert second["idle_us"] == 500 and second["kpu_us"] == 0


def test_collections_come_in_waits_or_by_count_or_by_bytes(tmp_path: Path) -> None:
    lines = run_script(
        tmp_path,
        """
from firmware_app.collector import Collector
made = []
class Counting(Collector):
    def collect(self):
        made.append(self._frames)
        super().collect()
collector = Counting(lambda: {"collect_frames": 10})
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
collector.frame(40 << 20)
print(made, collector.floor > 0)
""",
    ).lines
    assert lines[:4] == ["[]", "[10]", "[10]", "[10, 5]"]
    assert lines[4] == "[10, 5, 1] True"


async def _books(folder: Path) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    case = pipeline_card.cases()[0]
    settings = {"preview": {"enabled": True, "width": 160, "height": 96}}
    card, pictures, replay = pipeline_card.make(folder, [case], 30, settings)
    async with VirtualBoard(sdcard=card, camera=str(pictures), replay=replay) as board:
        await board.ready(30)
        assert board.url is not None
        async with Board.connect(board.url, key=board.key, wait=10) as client:
            statistics = client.statistics()
            await statistics.__anext__()
            values = (await statistics.__anext__()).values
            picture = await client.snapshot()
            return values, await client.status(), picture


def test_the_services_books_and_a_snapshot(tmp_path: Path) -> None:
    values, status, picture = asyncio.run(_books(tmp_path))
    spent = sum(values[name] for name in values if name.endswith("_us") and name != "period_us")
    assert spent >= 0.99 * values["period_us"]
    assert 0 < values["processed"] <= values["captured"]
    assert values["captured"] >= values["processed"] + values["skipped"] - 2
    assert {"wait", "ai2d", "kpu", "decode", "publish", "gc", "idle"} <= set(status["stages_ms"])
    assert picture[:2] == b"\xff\xd8" and picture[-2:] == b"\xff\xd9"
