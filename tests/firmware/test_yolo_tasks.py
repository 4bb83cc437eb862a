"""What the YOLO tasks make of outputs of our own, beside the same decoded with NumPy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from msgpack import unpackb
from numpy.typing import NDArray

from firmware_app.wire import messages
from host_client import Model, decode_result
from tests.firmware import yolo_reference as reference
from tests.virtual_board.scripts import run_script

SIZE = (96, 64)  # of the model's input
CELLS = 126
FRAME = (384, 200)  # scaled by 1 / 4, so 50 of 64 rows and a border of 7
CLASSES = 3
POINTS = 4
Floats = NDArray[np.float32]

SCRIPT = """
import asyncio, json
from ulab import numpy as np
from firmware_app.board import arrays, yolo_masks, yolo_nms
from firmware_app.package.yolo import Layout
from firmware_app.settings.reader import read_task
from firmware_app.tasks.base import Plan
from firmware_app.wire.mpack import pack
import ubinascii

class Package:
    name, sha256, warnings, family, anchors = "p", b"", [], "yolov8", None
    confidence_threshold, nms_threshold, mask_threshold = 0.25, 0.45, 0.5
    nms_agnostic = None
    keypoints = ["a", "b", "c", "d"]
    skeleton = [[0, 1]]
    head = "YOLOv8"

class Model:
    output_bytes = 0

def decode(case, classes):
    package = Package()
    package.labels = ["l%d" % i for i in range(case["classes"])]
    package.img_size = tuple(case["size"])
    layout = Layout(*case["layout"])
    layout.classes, layout.points, layout.dims = case["classes"], case["points"], case["dims"]
    package.layout = layout
    task = classes[case["task"]]([package], [Model()])
    text = "task: %s\\npackage: p\\n%s" % (case["task"], case["settings"])
    settings = read_task(text, "t.yaml").values
    plan = Plan(None, tuple(case["region"]), case["frame"][0], case["frame"][1], settings, True)
    plan.limits = task.limits(settings)
    outputs = []
    for name, shape in case["outputs"]:
        with open("/sdcard/" + name, "rb") as file:
            outputs.append(np.array(arrays.floats(file.read())).reshape(tuple(shape)))
    return task.decode(outputs, plan)

from firmware_app.tasks.detection import Detection
from firmware_app.tasks.instance_segmentation import InstanceSegmentation
from firmware_app.tasks.oriented_detection import OrientedDetection
from firmware_app.tasks.pose import Pose
classes = {"detection": Detection, "instance_segmentation": InstanceSegmentation, "pose": Pose,
           "oriented_detection": OrientedDetection}
with open("/sdcard/cases.json") as file:
    cases = json.load(file)
few = yolo_nms.FEW, yolo_masks._FEW_CELLS
for case in cases:
    # The other ways of doing the same, which many candidates and large masks take.
    yolo_nms.FEW, yolo_masks._FEW_CELLS = (0, 0) if case["many"] else few
    try:
        print("case", ubinascii.hexlify(pack(decode(case, classes))).decode())
    except Exception as error:
        print("error", repr(error))
"""
KINDS = {
    "instance_segmentation": messages.INSTANCE_SEGMENTATION,
    "pose": messages.POSE,
    "oriented_detection": messages.ORIENTED_DETECTION,
    "detection": messages.DETECTION,
}
EXTRA = {"detection": 0, "instance_segmentation": 32, "pose": 3 * POINTS, "oriented_detection": 1}


def outputs_of(task: str, kind: str, seed: int, dims: int = 3) -> list[Floats]:
    """Return some objects, each with several candidates about it, among cells that show nothing."""
    random = np.random.default_rng(seed)
    extra = dims * POINTS if task == "pose" else EXTRA[task]
    first = {"columns": 4 + CLASSES, "anchors": 5 + CLASSES, "rows": 6}[kind]
    count = {"columns": CELLS, "anchors": 3 * CELLS, "rows": 300}[kind]
    table = np.zeros((count, first + extra), np.float32)
    table[:, :4] = random.uniform(1, 60, (count, 4))
    table[:, 4:first] = random.uniform(0, 0.2, (count, first - 4))
    places = random.permutation(count)
    at = 0
    for _ in range(6):
        w, h = random.uniform(12, 40, 2)
        centre = random.uniform((5, 8), (90, 56))
        label = int(random.integers(CLASSES))
        more = random.uniform(-1, 1, extra) * (6 if task == "instance_segmentation" else 1)
        if task == "pose":
            more = np.concatenate(
                [
                    [*random.uniform((0, 7), (96, 57)), random.uniform(0, 1)][:dims]
                    for _ in range(POINTS)
                ]
            )
        if task == "oriented_detection":
            more = random.uniform(-math.pi / 4, 3 * math.pi / 4, 1)
        for number in range(1 if kind == "rows" else 5):
            row = table[places[at]]
            at += 1
            moved = random.uniform(-2, 2, 4)
            row[:4] = [*(centre + moved[:2]), w + moved[2], h + moved[3]]
            score = random.uniform(0.3, 0.95)
            if kind == "rows":
                if task != "oriented_detection":
                    row[:2], row[2:4] = row[:2] - row[2:4] / 2, row[:2] + row[2:4] / 2
                row[4:6] = score, label
            else:
                row[first - CLASSES + (label if number else int(random.integers(CLASSES)))] = score
                if kind == "anchors":
                    row[4] = random.uniform(0.8, 1)
            row[first:] = more + random.uniform(-0.01, 0.01, extra)
    if kind == "rows":
        table = table[np.argsort(-table[:, 4], kind="stable")]
    output = np.ascontiguousarray(table.T if kind == "columns" else table)[None]
    if task != "instance_segmentation":
        return [output]
    prototypes = random.normal(0, 1, (32, SIZE[1] // 4, SIZE[0] // 4))
    smooth = [cv2.GaussianBlur(plane, (0, 0), 2) for plane in prototypes]
    return [output, np.asarray(smooth, np.float32)[None]]


def case_of(
    folder: Path,
    name: str,
    task: str,
    kind: str,
    outputs: list[Floats],
    settings: str = "",
    **more: Any,
) -> dict[str, Any]:
    card = folder / "card"
    card.mkdir(exist_ok=True)
    shapes = []
    for number, output in enumerate(outputs):
        file = f"{name}-{number}.bin"
        (card / file).write_bytes(np.asarray(output, np.float32).tobytes())
        shapes.append([file, list(output.shape)])
    width = outputs[0].shape[1 if kind == "columns" else 2]
    count = outputs[0].shape[2 if kind == "columns" else 1]
    return {
        "task": task,
        "classes": CLASSES,
        "points": POINTS,
        "dims": 3,
        "size": SIZE,
        "frame": FRAME,
        "region": [0, 0, *FRAME],
        "settings": settings,
        "layout": [kind, 0, len(outputs) - 1 or -1, width, count],
        "outputs": shapes,
        "many": False,
        **more,
    }


def decoded(folder: Path, cases: list[dict[str, Any]]) -> list[Any]:
    """Return the typed result of each case, or the error's text."""
    (folder / "card" / "cases.json").write_text(json.dumps(cases))
    run = run_script(folder, SCRIPT, camera="synthetic:64x64")
    assert not run.details("fault") and not run.details("bug"), run.events
    lines = [line.split(" ", 1) for line in run.lines if line.startswith(("case ", "error "))]
    assert len(lines) == len(cases), "\n".join(run.lines)
    found: list[Any] = []
    for case, (word, text) in zip(cases, lines, strict=True):
        if word == "error":
            found.append(text)
            continue
        labels = [f"l{i}" for i in range(case["classes"])]
        details = {"keypoints": ["a", "b", "c", "d"], "skeleton": [[0, 1]]}
        model = Model([1, case["task"], "m", b"", labels, *case["frame"], "t", details])
        fields = unpackb(bytes.fromhex(text), strict_map_key=False)
        found.append(decode_result([KINDS[case["task"]], 1, 1, 1, *fields], model))
    return found


def expected(
    task: str, kind: str, outputs: list[Floats], agnostic: bool = False
) -> list[dict[str, Any]]:
    rows = reference.candidates(outputs[0], kind, CLASSES, 0.25)
    rotated = task == "oriented_detection"
    rows = reference.suppressed(rows, 1.0 if kind == "rows" else 0.45, rotated, agnostic)
    return [row for row in rows if rotated or _seen(row["box"])]


def _seen(box: Any) -> bool:
    x1, y1, x2, y2 = framed(box)
    return x2 - x1 >= 1 and y2 - y1 >= 1


def framed(box: Any) -> tuple[float, float, float, float]:
    """Return a box of the model's input in the frame, cut at its edges."""
    x1, y1, x2, y2 = 4 * (np.asarray(box[:4]) - [0, 7, 0, 7])
    return max(0, x1), max(0, y1), min(FRAME[0], x2), min(FRAME[1], y2)


CASES = [
    (task, kind, seed)
    for task, kinds in (
        ("detection", ("anchors", "columns", "rows")),
        ("instance_segmentation", ("anchors", "columns", "rows")),
        ("pose", ("columns", "rows")),
        ("oriented_detection", ("columns", "rows")),
    )
    for kind in kinds
    for seed in (1, 2)
]


@pytest.mark.parametrize("many", [False, True])
def test_every_task_and_layout_agrees_with_numpy(tmp_path: Path, many: bool) -> None:
    made = [outputs_of(task, kind, seed) for task, kind, seed in CASES]
    cases = [
        case_of(tmp_path, f"c{i}", task, kind, outputs, many=many)
        for i, ((task, kind, _), outputs) in enumerate(zip(CASES, made, strict=True))
    ]
    for (task, kind, seed), outputs, result in zip(
        CASES, made, decoded(tmp_path, cases), strict=True
    ):
        what = f"{task} {kind} {seed}: {result}"
        assert not isinstance(result, str), what
        truth = expected(task, kind, outputs)
        objects = result.boxes if task == "detection" else result.objects
        assert len(objects) == len(truth) > 3, what
        for item, row in zip(objects, truth, strict=True):
            assert item.class_id == row["class"], what
            assert abs(item.score - row["score"]) <= 0.001, what
            if task == "oriented_detection":
                _rotated_agrees(item, row)
                continue
            x1, y1, x2, y2 = framed(row["box"])
            assert np.allclose([item.x, item.y], [x1, y1], atol=1.01), what
            assert np.allclose([item.x + item.w, item.y + item.h], [x2, y2], atol=1.01), what
            if task == "pose":
                _points_agree(item, row)
            if task == "instance_segmentation":
                _mask_agrees(item, row, outputs[1])


def _rotated_agrees(item: Any, row: dict[str, Any]) -> None:
    cx, cy, w, h, angle = row["box"]
    assert np.allclose(item.centre, (4 * cx, 4 * (cy - 7)), atol=0.13)
    assert np.allclose(item.size, (4 * w, 4 * h), atol=0.13)
    assert abs((item.angle - math.degrees(angle) + 90) % 180 - 90) < 0.02


def _points_agree(item: Any, row: dict[str, Any]) -> None:
    points = row["rest"].reshape(POINTS, 3)
    assert [point.name for point in item.keypoints] == ["a", "b", "c", "d"]
    for point, (x, y, score) in zip(item.keypoints, points, strict=True):
        assert abs(point.x - 4 * x) <= 1 and abs(point.y - 4 * (y - 7)) <= 1
        assert abs(point.score - score) <= 0.001


def _mask_agrees(item: Any, row: dict[str, Any], prototypes: Floats) -> None:
    mask = reference.mask_of(row, prototypes, SIZE, 0.5)[7:57]
    truth = np.repeat(np.repeat(mask, 4, axis=0), 4, axis=1)
    found = item.mask.in_frame(*FRAME)
    # Cells of two pixels of the model's input each way, where the reference has pixels.
    wrong, size = (found ^ truth).sum(), (found | truth).sum()
    assert wrong <= 0.25 * size + 5 * 64, (item, wrong, size)


def test_settings_and_odd_outputs(tmp_path: Path) -> None:
    detection = outputs_of("detection", "columns", 3)
    rows = outputs_of("detection", "rows", 4)
    double = np.concatenate([rows[0]] * 2, axis=1)[:, :300]
    double[0, 1] = double[0, 0]
    flat = outputs_of("pose", "columns", 5, dims=2)
    wild = [detection[0].copy()]
    wild[0][0, 4, 0] = 3.5
    blank = [np.zeros_like(detection[0])]
    masks = outputs_of("instance_segmentation", "columns", 6)
    noisy = [masks[0], np.random.default_rng(1).normal(0, 9, masks[1].shape).astype(np.float32)]
    odd = [np.full_like(detection[0], np.nan)]
    table: list[tuple[str, str, list[Floats], str, dict[str, Any]]] = [
        ("columns", "detection", detection, "max_results: 2", {}),
        ("columns", "detection", detection, "nms: class_agnostic", {}),
        ("columns", "detection", detection, "min_size: 100", {}),
        ("columns", "detection", detection, "confidence_threshold: 0.9", {}),
        ("rows", "detection", [double], "", {}),
        ("rows", "detection", [double], "nms_threshold: 0.5", {}),
        ("columns", "pose", flat, "", {"dims": 2}),
        ("columns", "detection", wild, "", {}),
        ("columns", "instance_segmentation", masks, "mask_threshold: 0.9", {}),
        ("columns", "instance_segmentation", noisy, "map_side: 16", {}),
        ("columns", "detection", blank, "", {}),
        ("columns", "detection", odd, "", {}),
        ("columns", "detection", detection, "", {"region": [100, 50, *FRAME]}),
    ]
    cases = [
        case_of(tmp_path, f"s{i}", task, kind, outputs, settings, **more)
        for i, (kind, task, outputs, settings, more) in enumerate(table)
    ]
    found = decoded(tmp_path, cases)
    usual = expected("detection", "columns", detection)
    assert [box.class_id for box in found[0].boxes] == [row["class"] for row in usual[:2]]
    alone = expected("detection", "columns", detection, agnostic=True)
    assert [box.class_id for box in found[1].boxes] == [row["class"] for row in alone]
    assert len(found[2].boxes) < len(usual)
    assert all(min(box.w, box.h) >= 100 for box in found[2].boxes)
    assert all(box.score > 0.9 for box in found[3].boxes)
    assert len(found[4].boxes) == 6 and len(found[5].boxes) == 5  # one row stands there twice
    assert {point.score for item in found[6].objects for point in item.keypoints} == {None}
    assert "expected scores 0 to 1, found 3500/1000" in found[7]
    assert sum(item.mask.area for item in found[8].objects) > 0
    assert all(item.mask.columns <= 24 for item in found[9].objects)
    assert found[10].boxes == found[11].boxes == ()
    moved = [(box.x - 100, box.y - 50) for box in found[12].boxes]
    assert len(moved) == len(usual) and moved[0] == tuple(
        int(side) for side in framed(usual[0]["box"])[:2]
    )


def _objects(boxes: list[tuple[float, ...]], kind: str = "columns") -> list[Floats]:
    """Return outputs with these boxes (cx, cy, w, h, score, class) and masks that are all on."""
    first = {"columns": 4 + CLASSES, "rows": 6}[kind]
    table = np.zeros((CELLS if kind == "columns" else 300, first + 32), np.float32)
    for row, (x, y, w, h, score, label) in zip(table, boxes, strict=False):
        row[:4] = x, y, w, h
        if kind == "rows":
            row[:6] = x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, label
        else:
            row[4 + int(label)] = score
        row[first] = 1
    prototypes = np.zeros((1, 32, SIZE[1] // 4, SIZE[0] // 4), np.float32)
    prototypes[0, 0] = 1
    return [np.ascontiguousarray(table.T if kind == "columns" else table)[None], prototypes]


def test_masks_at_the_edges_and_of_many_objects(tmp_path: Path) -> None:
    task = "instance_segmentation"
    # A sliver at each edge of the picture, which lies in rows 7 to 56 of the input.
    slivers = [(0.1, 30, 0.6, 8), (95.9, 30, 0.6, 8), (40, 7.1, 8, 0.6), (40, 56.9, 8, 0.6)]
    edges = _objects([(*side, 0.9 - at / 10, at % 3) for at, side in enumerate(slivers)])
    # Together more cells than 16 bits count, each mask of runs that take two bytes; none is the same.
    large = _objects([(48, 32, 90 - at / 4, 48, 0.99 - at / 200, 0) for at in range(80)])
    holes = large[1].copy()
    holes[0, 0, :, :12] = -1
    many = _objects([(8 * (at % 11) + 8, 12 * (at // 11) + 14, 6, 8, 0.9, 0) for at in range(12)])
    few = _objects([(8 * at + 8, 14, 6, 8, 0.9, 0) for at in range(10)])
    settings = "nms_threshold: 1\nmap_side: 400\nfine_masks: 300\nmax_results: 80"
    table: list[tuple[list[Floats], str]] = [
        (edges, ""),
        (edges, "fine_masks: 0"),
        (edges, "map_side: 16"),
        (large, settings),
        ([large[0], holes], settings),
        (many, ""),
        (few, ""),
        (many, "fine_masks: 12"),
    ]
    cases = [
        case_of(tmp_path, f"m{i}", task, "columns", outputs, text)
        for i, (outputs, text) in enumerate(table)
    ]
    found = decoded(tmp_path, cases)
    for result, side in zip(found[:3], (2, 4, 4), strict=True):
        assert len(result.objects) == 4, result
        for item in result.objects:
            assert 0 < item.mask.area == item.mask.columns * item.mask.rows, (side, item)
            # Half a cell may lie outside the picture.
            assert -16 <= item.mask.x < FRAME[0] and -16 <= item.mask.y < FRAME[1]
    assert len(found[3].objects) == len(found[4].objects) == 80
    assert sum(item.mask.columns * item.mask.rows for item in found[3].objects) > 65535
    for whole, striped in zip(found[3].objects, found[4].objects, strict=True):
        assert whole.mask.area == whole.mask.columns * whole.mask.rows
        assert 0.3 < striped.mask.area / whole.mask.area < 0.7
    assert [max(item.mask.rows for item in one.objects) for one in found[5:]] == [2, 4, 4]


def test_runs_at_the_length_that_takes_a_second_byte(tmp_path: Path) -> None:
    cases = []
    lengths = range(126, 131)
    for length in lengths:
        outputs = _objects([(48, 32, 96, 48, 0.9, 0), (48, 32, 90, 40, 0.8, 0)])
        # Rows of 24 cells, all of them in the first box: one run from row to row, cells before and behind it.
        cells = np.full(16 * 24, -1, np.float32)
        cells[100 : 100 + length] = 1
        outputs[1][0, 0] = cells.reshape(16, 24)
        settings = "nms_threshold: 1\nmap_side: 16"
        cases.append(
            case_of(tmp_path, f"r{length}", "instance_segmentation", "columns", outputs, settings)
        )
    for length, result in zip(lengths, decoded(tmp_path, cases), strict=True):
        first, second = result.objects
        assert first.mask.columns == 24, first
        assert first.mask.area == length, (length, first)
        assert 0 < second.mask.area < length


def test_boxes_that_no_model_should_make(tmp_path: Path) -> None:
    """Numbers from outside are told or left out; none of them ends the service or moves another box."""
    good = (48, 32, 20, 20, 0.9, 1)
    wild = [(np.nan, 32, 20, 20, 0.8, 0), (1e30, 32, 20, 20, 0.8, 0), (48, -1e9, 20, 20, 0.8, 0),
            (48, 32, np.inf, 20, 0.8, 0), (20, 20, -5, -5, 0.8, 0), (60, 40, 0, 0, 0.8, 2)]  # fmt: skip
    cases: list[dict[str, Any]] = []
    for task in ("detection", "instance_segmentation"):
        for kind in ("columns", "rows"):
            outputs = _objects([good, *wild], kind)
            if task == "detection":
                outputs = [np.ascontiguousarray(outputs[0][:, : 4 + CLASSES])
                           if kind == "columns" else np.ascontiguousarray(outputs[0][:, :, :6])]  # fmt: skip
            cases.append(case_of(tmp_path, f"w{len(cases)}", task, kind, outputs))
    for case, result in zip(cases, decoded(tmp_path, cases), strict=True):
        assert not isinstance(result, str), (case["task"], case["layout"], result)
        objects = result.boxes if case["task"] == "detection" else result.objects
        middle = [item for item in objects if item.class_id == 1]
        assert [(item.x, item.y, item.w, item.h) for item in middle] == [(152, 60, 80, 80)], objects
        assert all(0 < item.w <= FRAME[0] and 0 < item.h <= FRAME[1] for item in objects)


ODD = (np.nan, np.inf, -np.inf, 1e30, -1e30)


def _wild(task: str, kind: str, seed: int) -> tuple[list[Floats], list[Floats]]:
    """Return outputs_of(), and the same with further candidates of which one value is senseless."""
    outputs = outputs_of(task, kind, seed)
    odd = (outputs[0][0].T if kind == "columns" else outputs[0][0]).copy()
    free = iter([at for at in range(len(odd)) if odd[at, 4:7].max() < 0.25])
    # Of a score above 1, and of a class without a label, the task tells.
    told = {"columns": range(4, 4 + CLASSES), "anchors": range(4, 5 + CLASSES), "rows": (4, 5)}[
        kind
    ]
    for value in ODD:
        for column in [*range(8), *range(8, odd.shape[1], 5)]:
            refused = column in told and (value > 0 or (kind == "rows" and column == 5))
            if refused or column >= odd.shape[1]:
                continue
            row = odd[next(free)]
            row[:4] = (
                (89, 9, 91, 11)
                if kind == "rows" and task != "oriented_detection"
                else (90, 10, 2, 2)
            )
            row[4:6] = (0.9, 1) if kind == "rows" else (0.9, 0.9)
            row[column] = value
    changed = np.ascontiguousarray(odd.T if kind == "columns" else odd)[None]
    return outputs, [changed, *outputs[1:]]


@pytest.mark.parametrize("many", [False, True])
def test_values_that_are_no_numbers(tmp_path: Path, many: bool) -> None:
    """In any place of any layout: the objects beside them are found as ever."""
    kinds = [(task, kind) for task, kind, seed in CASES if seed == 1]
    made = [_wild(task, kind, 7) for task, kind in kinds]
    cases = []
    settings = "max_results: 200\n"
    for at, ((task, kind), pair) in enumerate(zip(kinds, made, strict=True)):
        fine = "fine_masks: 200\n" if task == "instance_segmentation" else ""
        for number, outputs in enumerate(pair):
            cases.append(case_of(tmp_path, f"n{at}-{number}", task, kind, outputs,
                                 settings + fine, many=many))  # fmt: skip
    found = decoded(tmp_path, cases)
    for (task, kind), plain, wild in zip(kinds, found[::2], found[1::2], strict=True):
        what = f"{task} {kind}: {wild}"
        assert not isinstance(wild, str), what
        sides = [
            result.boxes if task == "detection" else result.objects for result in (plain, wild)
        ]
        assert len(sides[0]) > 3
        for item in sides[0]:
            assert item in sides[1], (what, item)


def test_few_candidates_far_apart_among_many_classes(tmp_path: Path) -> None:
    """Each one's class is looked up by itself then, not those of all cells between them."""
    table = np.zeros((4 + 80, CELLS), np.float32)
    for at, label in ((0, 79), (1, 79), (2, 3), (125, 3)):
        table[:4, at] = (20, 30, 10, 10) if at < 125 else (60, 30, 10, 10)
        table[4 + label, at] = 0.9 - at / 1000
    cases = [case_of(tmp_path, "far", "detection", "columns", [table[None]], classes=80)]
    (found,) = decoded(tmp_path, cases)
    assert [box.class_id for box in found.boxes] == [79, 3, 3], found


def scarce(task: str, kind: str, seed: int, kept: int) -> list[Floats]:
    """Return outputs_of() with so many candidates at most: the surest ones."""
    outputs = outputs_of(task, kind, seed)
    table = outputs[0][0].T if kind == "columns" else outputs[0][0]
    scores = table[:, 4 : 4 + CLASSES] if kind == "columns" else table[:, 4:5]
    weakest = np.argsort(-scores.max(axis=1), kind="stable")[kept:]
    scores[weakest] = 0
    return outputs


@pytest.mark.parametrize("kept", [0, 1])
def test_one_candidate_or_none(tmp_path: Path, kept: int) -> None:
    """Of a single row or column ulab's argmax gives a number, no array; of none nothing has a maximum."""
    kinds = sorted({(task, kind) for task, kind, _ in CASES})
    made = [scarce(task, kind, 3, kept) for task, kind in kinds]
    cases = [
        case_of(tmp_path, f"{task}-{kind}", task, kind, outputs)
        for (task, kind), outputs in zip(kinds, made, strict=True)
    ]
    for (task, kind), outputs, result in zip(kinds, made, decoded(tmp_path, cases), strict=True):
        what = f"{task} {kind}: {result}"
        assert not isinstance(result, str), what
        objects = result.boxes if task == "detection" else result.objects
        truth = expected(task, kind, outputs)
        assert len(objects) == len(truth) == kept, what
        assert [item.class_id for item in objects] == [row["class"] for row in truth], what


def test_a_class_without_a_label_is_told(tmp_path: Path) -> None:
    cases: list[dict[str, Any]] = []
    for label in (CLASSES, 57, -1, np.nan):
        for task, width in (("detection", 6), ("oriented_detection", 7)):
            outputs = _objects([(48, 32, 20, 20, 0.9, 0)], "rows")
            outputs[0][0, 0, 5] = label
            cases.append(
                case_of(tmp_path, f"l{len(cases)}", task, "rows", [outputs[0][:, :, :width].copy()])
            )
    for text in decoded(tmp_path, cases)[:6]:
        assert "expected classes 0 to 2, one for each label, found" in text, text


def test_equal_scores_keep_the_first(tmp_path: Path) -> None:
    """As quantised models have them: more candidates of one score than are looked at."""
    count = sum((512 // stride) ** 2 for stride in (8, 16, 32))
    cases: list[dict[str, Any]] = []
    for task, extra in (("detection", 0), ("oriented_detection", 1)):
        for boxes in (4, 200, 1100):
            table = np.zeros((5 + extra, count), np.float32)
            for at in range(boxes):  # pairs of the same place, apart from other pairs
                table[:5, at] = (8 + 14 * (at // 2 % 36), 8 + 14 * (at // 72), 10, 10, 0.5)
            cases.append(
                case_of(tmp_path, f"e{len(cases)}", task, "columns", [table[None]], "max_results: 300",
                        classes=1, size=(512, 512), frame=(512, 512), region=[0, 0, 512, 512])
            )  # fmt: skip
    for case, result in zip(cases, decoded(tmp_path, cases), strict=True):
        assert not isinstance(result, str), (case["task"], result)
        if case["task"] == "detection":
            places = [(item.x, item.y) for item in result.boxes]
        else:
            places = [(item.centre[0] - 5, item.centre[1] - 5) for item in result.objects]
        wanted = [(3 + 14 * (at % 36), 3 + 14 * (at // 36)) for at in range(len(places))]
        assert places == wanted, (case["task"], places)
    assert [len(result.boxes) for result in decoded(tmp_path, cases[:3])] == [2, 100, 300]


@pytest.mark.parametrize("many", [False, True])
def test_scores_as_near_as_numbers_can_be_keep_their_order(tmp_path: Path, many: bool) -> None:
    """Of scores a bit apart the higher one comes first, wherever it lies; of equal ones the first."""
    random = np.random.default_rng(5)
    cases: list[dict[str, Any]] = []
    wanted: list[list[tuple[int, int]]] = []
    for base, step in (
        (0.6, 2**-24),
        (0.9995, 2**-24),
        (0.3, 2**-8),
        (0.00011, 2**-36),
        (1.0, 2**-24),
    ):
        for boxes in (2, 30, 200):
            table = np.zeros((5, 5376), np.float32)
            scores = np.float32(base) - np.float32(step) * random.integers(0, boxes, boxes)
            scores = np.maximum(scores, np.float32(0.0001)).astype(np.float32)
            for at in range(boxes):
                table[:5, at] = (8 + 14 * (at % 36), 8 + 14 * (at // 36), 10, 10, scores[at])
            order = np.argsort(-scores, kind="stable").tolist()
            wanted.append([(3 + 14 * (at % 36), 3 + 14 * (at // 36)) for at in order])
            cases.append(
                case_of(tmp_path, f"n{len(cases)}", "detection", "columns", [table[None]],
                        "max_results: 300\nconfidence_threshold: 0.00001", classes=1, size=(512, 512),
                        frame=(512, 512), region=[0, 0, 512, 512], many=many)
            )  # fmt: skip
    for places, result in zip(wanted, decoded(tmp_path, cases), strict=True):
        assert [(item.x, item.y) for item in result.boxes] == places


GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"
VENDORS = [
    ("det5", "anchors", "detection"),
    ("det8", "columns", "detection"),
    ("det26", "rows", "detection"),
    ("pose8", "columns", "pose"),
    ("pose26", "rows", "pose"),
    ("obb8", "columns", "oriented_detection"),
    ("obb26", "rows", "oriented_detection"),
    ("seg5", "anchors", "instance_segmentation"),
    ("seg8", "columns", "instance_segmentation"),
    ("seg26", "rows", "instance_segmentation"),
]


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden with the vectors")
@pytest.mark.slow
def test_vendor_compatible_repeats_the_vendors_vectors(tmp_path: Path) -> None:
    cases, truths = [], []
    for name, kind, task in VENDORS:
        archive = np.load(GOLDEN / f"yolo_{name}.npz")
        for meta in json.loads(bytes(archive["meta"])):
            if meta["frame_hw"] != meta["display_hw"]:
                continue  # the service has no other display
            prefix = f"c{meta['case']:02d}"
            table = np.tile(archive[f"{prefix}_fill"], (int(archive[f"{prefix}_n"]), 1))
            table = table.astype(np.float32)
            table[archive[f"{prefix}_idx"]] = archive[f"{prefix}_val"]
            output = np.ascontiguousarray(table.T if kind == "columns" else table)[None]
            outputs = [output]
            height, width = meta["input_hw"]
            if task == "instance_segmentation":
                prototypes = archive[f"{prefix}_proto_q"].astype(np.float32) / 16
                outputs.append(prototypes.reshape(1, 32, height // 4, width // 4))
            settings = (
                f"vendor_compatible: true\nmax_results: {min(300, meta['max_boxes'] or 300)}\n"
            )
            settings += f"confidence_threshold: {meta['conf']}\n"
            if meta["nms"] is not None:
                settings += f"nms_threshold: {meta['nms']}\n"
            frame = [meta["frame_hw"][1], meta["frame_hw"][0]]
            cases.append(
                case_of(
                    tmp_path, f"{name}{prefix}", task, kind, outputs, settings,
                    classes=meta["num_classes"], points=meta.get("kp_num") or 0,
                    dims=meta.get("kp_dim") or 0, size=[width, height], frame=frame,
                    region=[0, 0, *frame],
                )
            )  # fmt: skip
            truths.append((name, archive[f"{prefix}_boxes"], archive[f"{prefix}_ids"],
                           archive[f"{prefix}_scores"], frame))  # fmt: skip
    assert cases
    compared = 0
    for case, result, (name, boxes, ids, scores, frame) in zip(
        cases, decoded(tmp_path, cases), truths, strict=True
    ):
        assert not isinstance(result, str), (name, result)
        task = case["task"]
        objects = result.boxes if task == "detection" else result.objects
        if task == "oriented_detection":
            corners = boxes.reshape(-1, 4, 2).astype(float)
            inside = ((corners.mean(axis=1) >= 0) & (corners.mean(axis=1) <= frame)).all(axis=1)
            assert len(objects) == inside.sum(), (name, len(objects), inside)
            truth = corners[inside][:, [2, 3, 0, 1]]
            found = np.array([item.corners for item in objects]).reshape(-1, 4, 2)
            for one, two in zip(found, truth, strict=True):  # turned by half is the same box
                assert any(np.allclose(np.roll(one, by, 0), two, atol=2) for by in (0, 2)), name
            compared += len(truth)
            continue
        left, top = np.maximum(boxes[:, 0], 0), np.maximum(boxes[:, 1], 0)
        right = np.minimum(boxes[:, 0] + boxes[:, 2], frame[0])
        bottom = np.minimum(boxes[:, 1] + boxes[:, 3], frame[1])
        seen = (right - left >= (0 if task == "detection" else 1)) & (bottom - top >= 0)
        if task == "pose":
            right, bottom = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
            seen[:] = True
        truth = np.stack([left, top, right - left, bottom - top], axis=1)[seen]
        assert [[item.x, item.y, item.w, item.h] for item in objects] == truth.tolist(), name
        assert [item.class_id for item in objects] == ids[seen].tolist(), name
        assert np.allclose([item.score for item in objects], scores[seen], atol=0.001), name
        compared += len(truth)
    assert compared > 100


def test_a_classifier_sees_the_middle(tmp_path: Path) -> None:
    """The largest part of the picture in the model's aspect, as these models are trained."""
    (tmp_path / "card").mkdir()
    script = """
from firmware_app.tasks.classification import Classification

class Package:
    name, sha256, warnings, labels, img_size = "p", b"", [], ["a", "b", "c"], (224, 224)
    family = None

class Model:
    output_bytes = 0

for family in (None, "yolo11"):
    package = Package()
    package.family = family
    task = Classification([package], [Model()])
    print(task.cropped(None, 640, 360), task.cropped((10, 20, 100, 300), 640, 360))
"""
    run = run_script(tmp_path, script, camera="synthetic:64x64")
    assert run.lines[:2] == [
        "None (10, 20, 100, 300)",
        "(140, 0, 360, 360) (10, 120, 100, 100)",
    ]


def test_vendor_compatible_poses_of_several_classes(tmp_path: Path) -> None:
    cases = []
    for seed in range(4):
        output = outputs_of("pose", "columns", 60 + seed)[0]
        first = np.concatenate((output[:, :5], output[:, 4 + CLASSES :]), axis=1)
        for name, each, classes in (("all", output, CLASSES), ("first", first, 1)):
            case = case_of(
                tmp_path, f"{name}{seed}", "pose", "columns", [each], "vendor_compatible: true"
            )
            cases.append({**case, "classes": classes})
    found = decoded(tmp_path, cases)
    assert all(not isinstance(each, str) for each in found), found
    for number in range(0, len(found), 2):
        assert found[number].objects == found[number + 1].objects
    assert any(each.objects for each in found)
