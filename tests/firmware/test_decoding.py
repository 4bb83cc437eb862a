"""What tasks make of a model's outputs, with outputs of our own instead of a model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.virtual_board.scripts import run_script

STAND_INS = """
from ulab import numpy as np
from firmware_app.tasks.base import Plan

class Package:
    name = "p"
    sha256 = b""
    warnings = []
    confidence_threshold = nms_threshold = mask_threshold = box_threshold = 0.25
    nms_agnostic = False
    blank_first = False
    family = layout = None

class Model:
    output_bytes = 0

def task(kind, labels, **fields):
    package = Package()
    package.labels = labels
    for name in fields:
        setattr(package, name, fields[name])
    return kind([package], [Model()])

def values(settings):
    found = {"vendor_compatible": False, "confidence_threshold": None, "nms_threshold": None,
             "nms": None, "max_results": 50, "min_size": 0, "top_k": 5, "mask_threshold": None,
             "box_threshold": None, "region": None, "model_output": None}
    found.update(settings)
    return found

def plan(task, width, height, **settings):
    found = Plan(None, (0, 0, width, height), width, height, values(settings), False)
    found.limits = task.limits(found.settings)
    return found

"""


def _lines(folder: Path, source: str) -> list[str]:
    run = run_script(folder, STAND_INS + source, camera="synthetic:64x64")
    assert not run.details("fault") and not run.details("bug"), run.events
    return run.lines


def test_two_classes_with_an_output_each_are_a_softmax(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.tasks.classification import Classification
logits = np.array([[2.0, 1.0]])
for vendor in (False, True):
    made = task(Classification, ["a", "b"])
    print("two", made.decode([logits], plan(made, 64, 64, vendor_compatible=vendor)))
print("one", made.decode([np.array([[2.0]])], plan(made, 64, 64)))
""",
    )
    # e^2 / (e^2 + e) = 0.7311, and the sigmoid of 2 = 0.8808, each x 65,535.
    assert lines[0] == "two [1, [0, 47910, 1, 17625]]"
    assert lines[1] == "two [1, [1, 57723, 0, 7812]]"
    assert lines[2] == "one [1, [1, 57723, 0, 7812]]"


def test_a_softmax_inside_the_model_is_not_taken_twice(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.base.errors import TaskError
from firmware_app.tasks.classification import Classification
from firmware_app.tasks.multilabel import Multilabel
inside, logits = np.array([[0.98, 0.01, 0.01]]), np.array([[2.0, -1.0, 0.5]])
made = task(Classification, ["a", "b", "c"])
print("inside", made.decode([inside], plan(made, 64, 64))[1][:2])
print("vendor", made.decode([inside], plan(made, 64, 64, vendor_compatible=True))[1][:2])
print("said", made.decode([inside], plan(made, 64, 64, model_output="logits"))[1][:2])
print("logits", made.decode([logits], plan(made, 64, 64))[1][:2])
# Once settled, a frame that looks like probabilities does not turn it round.
print("settled", made.decode([inside], plan(made, 64, 64))[1][:2])
print("said", made.decode([inside], plan(made, 64, 64, model_output="probabilities"))[1][:2])
pair = task(Classification, ["a", "b"])
print("pair", pair.decode([np.array([[0.25, 0.75]])], plan(pair, 64, 64)))
one = task(Classification, ["a", "b"])
print("one", one.decode([np.array([[0.75]])], plan(one, 64, 64)))
print("one", one.decode([np.array([[0.75]])], plan(one, 64, 64, model_output="probabilities")))
many = task(Multilabel, ["a", "b", "c"])
print("many", many.decode([np.array([[0.75, 0.0, 1.0]])], plan(many, 64, 64)))
print("many", many.decode([np.array([[1.5, -3.0, -4.0]])], plan(many, 64, 64)))
print("many", many.decode([np.array([[0.75, 0.0, 1.0]])], plan(many, 64, 64)))
for odd in (1.5, -0.5, float("nan")):
    try:
        print(made.decode([np.array([[odd, 0.0, 0.0]])], plan(made, 64, 64, model_output="probabilities")))
    except TaskError as error:
        print(error)
""",
    )
    # .98 x 65,535; e^.98 / (e^.98 + 2 e^.01) = .5687; e^2 / (e^2 + e^-1 + e^.5) = .7856.
    assert lines[:6] == [
        "inside [0, 64224]",
        "vendor [0, 37275]",
        "said [0, 37275]",
        "logits [0, 51484]",
        "settled [0, 37275]",
        "said [0, 64224]",
    ]
    assert lines[6] == "pair [1, [1, 49151, 0, 16384]]"
    # The sigmoid of .75 = .6792; one output alone can't tell.
    assert lines[7:9] == ["one [1, [1, 44510, 0, 21025]]", "one [1, [1, 49151, 0, 16384]]"]
    # .75 and 1; the sigmoid of 1.5 = .8176; then it is settled: the sigmoids of 1, .75 and 0.
    assert lines[9:12] == [
        "many [[2, 65535, 0, 49151]]",
        "many [[0, 53580]]",
        "many [[2, 47910, 0, 44510, 1, 32768]]",
    ]
    assert lines[12] == "model output: expected scores 0 to 1, found 1.5"
    assert "found -0.5" in lines[13] or lines[13].startswith("[")
    assert "found nan" in lines[14]


def test_scores_beyond_one_are_a_fault(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.base.errors import TaskError
from firmware_app.tasks.detection import Detection
made = task(Detection, ["a", "b"], head="AnchorBaseDet", img_size=(64, 64))
for score in (1.0, 1.022, 36.0):
    made._rows = lambda outputs, plan: [[0, 0.5, 4, 4, 14, 14], [0, score, 4, 4, 14, 14]]
    for vendor in (False, True):
        try:
            print(made._boxes([], plan(made, 64, 64, vendor_compatible=vendor))[-1][4])
        except TaskError as error:
            print(error)
""",
    )
    assert lines[:2] == ["500", "1000"]
    for line, found in zip(lines[2:6], ("1022", "1022", "36000", "36000"), strict=True):
        assert f"expected scores 0 to 1, found {found}/1000" in line


def test_a_readers_border_is_what_its_model_was_trained_with(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.tasks.ocr_recognition import OcrRecognition
for first in (False, True):
    for vendor in (False, True):
        made = task(OcrRecognition, [], blank_first=first, characters=["a"])
        print(first, vendor, made.pad_value(values({"vendor_compatible": vendor})))
""",
    )
    assert lines[:4] == ["False False 0", "False True 0", "True False 128", "True True 0"]


@pytest.mark.parametrize("vendor", [False, True])
def test_the_best_boxes_are_kept_and_what_the_edge_leaves_of_them(
    tmp_path: Path, vendor: bool
) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.tasks.detection import Detection
made = task(Detection, ["a", "b"], head="AnchorBaseDet", img_size=(64, 64))
rows = [[1, 0.5, 4, 4, 14, 14], [1, 0.25, 0, 20, 0, 30], [0, 0.875, 30, 30, 64, 64],
        [0, 0.75, 40, 0, 50, 9], [0, 0.5, 2, 2, 9, 9]]
made._rows = lambda outputs, plan: rows
for most in (3, 50):
    print(made._boxes([], plan(made, 64, 64, vendor_compatible=VENDOR, max_results=most)))
""".replace("VENDOR", repr(vendor)),
    )
    # x, y, w, h, score, class; the vendor's order is that of the classes, and a box may be empty.
    best, better, first = (30, 30, 34, 34, 875, 0), (40, 0, 10, 9, 750, 0), (4, 4, 10, 10, 500, 1)
    second, empty = (2, 2, 7, 7, 500, 0), (0, 20, 0, 10, 250, 1)
    if vendor:
        assert lines[0] == str([first, best, better])
        assert lines[1] == str([first, empty, best, better, second])
    else:
        assert lines[0] == str([best, better, first])
        assert lines[1] == str([best, better, first, second])


def test_boxes_packed_in_one_pass_are_those_of_the_passes_one_by_one(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
import random
from firmware_app.base.errors import TaskError
from firmware_app.tasks import detection
random.seed(3)
quick = detection.packed_rows
answers = []
def watched(rows, packing):
    answers.append(quick(rows, packing))
    return answers[-1]
detection.packed_rows = watched
def random_rows(width, height, scores):
    rows = []
    for _ in range(random.choice((0, 1, 5, 20, 30))):
        x, y = random.randint(-5, width + 2), random.randint(-5, height + 2)
        rows.append([random.randint(0, 79), random.choice(scores), x, y, x + random.randint(-2, width),
                     y + random.randint(-2, height)])
    return rows
scores = [number / 64 for number in range(65)]
for kind in (scores, scores, scores, [0.5, 0.25], [0.5, 1.0004, 1.2, float("nan"), float("inf"), 0.0]):
    for _ in range(60):
        made = task(detection.Detection, ["a"] * 80, head="AnchorBaseDet", img_size=(64, 64))
        made._fits = True
        width, height = random.choice(((64, 48), (640, 360), (1920, 1080), (2560, 1440)))
        x, y = random.choice(((0, 0), (5, 40), (600, 0)))
        settings = plan(made, 64, 64, min_size=random.choice((0, 9)), max_results=random.choice((3, 50)))
        settings.region = (x, y, width, height)
        made._look_up(settings)
        rows = random_rows(width, height, kind)
        if random.random() < 0.1:
            rows = [row[:2] + [value + 0.5 for value in row[2:]] for row in rows]
        made._rows = lambda outputs, plan: rows
        try:
            slow = detection.pack_boxes(made._boxes([], settings))
        except TaskError as error:
            slow = str(error)
        try:
            found = made.decode([], settings)[0]
        except TaskError as error:
            found = str(error)
        if found != slow:
            print("differs", rows, settings.region, found, slow)
print(len(answers) > 150, len([one for one in answers if one is None]) > 20)
print(len([one for one in answers if one]) > 50)
""",
    )
    assert lines == ["True True", "True"]


def test_scores_outside_0_to_1_run_over_into_nothing(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
import struct
from firmware_app.base.errors import TaskError
from firmware_app.tasks.detection import Detection, pack_boxes
from firmware_app.tasks.single_model import score16
made = task(Detection, ["a"], head="AnchorBaseDet", img_size=(64, 64))
for score in (float("inf"), float("nan")):
    made._rows = lambda outputs, plan: [[0, score, 4, 6, 14, 16]]
    try:
        print(made._boxes([], plan(made, 64, 64)))
    except TaskError as error:
        print(error)
print(struct.unpack("<II", pack_boxes([(4, 6, 10, 10, 1000, 0)]))[0] == 4 | 1000 << 11 | 6 << 21)
print(pack_boxes([(4, 6, 10, 10, 36000, 0)]))
print([score16(score) for score in (36.0, float("inf"), 1.001, 0.5, 0.0, -2.0, float("nan"))])
""",
    )
    assert "expected scores 0 to 1" in lines[0] and "expected scores 0 to 1" in lines[1]
    assert lines[2] == "True"
    assert lines[3] == "[[4, 6, 10, 10, 36000, 0]]"  # as a row, where no bit runs over
    assert lines[4] == "[65535, 65535, 65535, 32768, 0, 0, 0]"


def test_the_best_texts_are_kept_from_top_to_bottom(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.tasks.ocr_detection import OcrDetection
made = task(OcrDetection, [], img_size=(64, 96))
shown = np.zeros((1, 96, 64, 1))
for top, share in ((8, 0.75), (36, 0.5), (64, 0.9)):
    shown[0, top : top + 10, 8:56, 0] = share
found = made.texts([shown], plan(made, 64, 96, max_results=2))
print([int(row[1] * 100 + 0.5) for row in found], found[0][0][1] < found[1][0][1])
""",
    )
    assert lines[0] == "[75, 90] True"


def test_runs_of_a_map_that_is_larger_than_what_ulab_counts(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.board import arrays
from firmware_app.tasks import holes
shown = np.zeros((700, 100))
for row, start, stop in ((0, 0, 100), (1, 0, 7), (1, 99, 100), (2, 0, 1), (654, 90, 100),
                         (655, 0, 10), (655, 20, 30), (699, 99, 100)):
    shown[row, start:stop] = 0.5
for row, runs in holes.rows_of(arrays.edges(shown, (0, 700), (0, 100), 0.25), 100):
    print(row, runs)
print("none", arrays.edges(np.zeros((10, 10)), (0, 10), (0, 10), 0.25))
print("some", arrays.edges(shown, (1, 3), (0, 100), 0.25), arrays.peak_rows(shown, 5, 0.25))
print("part", arrays.edges(shown, (654, 656), (9, 95), 0.25), arrays.peak_columns(shown, 654, 656, 1, 0.25))
""",
    )
    assert lines[:9] == [
        "0 [0, 100]",
        "1 [0, 7, 99, 100]",
        "2 [0, 1]",
        "654 [90, 100]",
        "655 [0, 10, 20, 30]",
        "699 [99, 100]",
        "none []",
        "some [-1, 6, 98, 100] [0, 1, 131, 132]",
        "part [80, 86, 96, 106] [0, 10, 20, 30, 90, 100]",
    ]


def test_a_hole_in_a_text_makes_no_box(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.board import decoders
from firmware_app.tasks.ocr_detection import OcrDetection
native = decoders.text_boxes
def counted(*arguments):
    found = native(*arguments)
    print("native", len(found))
    return found
decoders.text_boxes = counted
for vendor in (False, True):
    made = task(OcrDetection, [], img_size=(96, 64))
    shown = np.zeros((1, 64, 96, 1))
    shown[0, 20:36, 10:80, 0] = 0.875
    shown[0, 27:29, 30:32, 0] = 0.125
    shown[0, 24, 60, 0] = 0.125
    found = made.texts([shown], plan(made, 96, 64, vendor_compatible=vendor))
    print("texts", len(found), 0.85 < found[-1][1] < 0.876)
""",
    )
    assert lines[:2] == ["native 1", "texts 1 True"]
    assert lines[2] == "native 3"


def test_beside_the_picture_there_is_no_text(tmp_path: Path) -> None:
    """Where the map shows the letterbox, it is not looked at; with the vendor's rules it is."""
    lines = _lines(
        tmp_path,
        """
from firmware_app.tasks.ocr_detection import OcrDetection
made = task(OcrDetection, [], img_size=(128, 128))
for across, down in ((1, 2), (2, 1)):
    shown = np.zeros((1, 128, 128, 1))
    for top, left in ((8, 4), (52, 4), (4, 52), (108, 4), (4, 108)):
        shown[0, top : top + 10, left : left + 16, 0] = 0.75
    for vendor in (False, True):
        found = made.texts([shown], plan(made, 128 * down, 128 * across, vendor_compatible=vendor))
        print(vendor, sorted([(row[0][0] // 8, row[0][1] // 8) for row in found]))
""",
    )
    assert [len(line.split("(")) - 1 for line in lines] == [4, 5, 4, 5], lines


def test_lines_read_together_are_each_what_it_is_alone(tmp_path: Path) -> None:
    lines = _lines(
        tmp_path,
        """
from firmware_app.board import arrays
from firmware_app.tasks.ocr_recognition import OcrRecognition
letters = [chr(65 + i) for i in range(26)]
seed = 3

def random(count):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    return (seed >> 8) % count

def line(text, sure, odd=0.0):
    shown = np.zeros((1, 12, 27))
    shown[0, :, 26] = sure
    for i in range(len(text)):
        shown[0, 2 * i, 26] = odd
        shown[0, 2 * i, letters.index(text[i])] = sure if text[i] != "Z" else float("nan")
    return shown

made = task(OcrRecognition, [], characters=letters)
texts = ["", "AB", "A", "BBB", "", "ABCDEF", "Z", "C"]
shown = [line(texts[i], (1.0, 9.0)[i % 2], i % 2 * random(8) / 8) for i in range(len(texts))]
apart = [made.read([one])[0] for one in shown]
print(str(made.read(shown)) == str(apart), arrays.most_together(shown[0]) >= len(shown))
print([text.decode() for text, _ in apart])
print([int(100 * score) for text, score in apart[:4]])
""",
    )
    assert lines[0] == "True True"
    assert lines[1] == "['', 'AB', 'A', 'BBB', '', 'ABCDEF', 'A', 'C']"  # NaN is beaten by a zero
    # Of probabilities (A) the score is one of them, of logits the softmax.
    assert lines[2] == "[0, 99, 100, 99]"


def test_a_box_whose_corners_came_together_is_cut_out_upright(tmp_path: Path) -> None:
    """At the edge of the region two corners of a slanting box may become one, or all lie in a line."""
    lines = _lines(
        tmp_path,
        """
from firmware_app.board import npu
from firmware_app.tasks.ocr import Ocr
package = Package()
package.labels, package.img_size, package.characters = [], (320, 32), ["a"]
made = Ocr([package, package], [Model(), Model()])
class Scaler:
    output = None
    def __init__(self, *given):
        print(given[4])
npu.Scaler = Scaler
shown = plan(made, 300, 200)
for quad in ([0, 0, 40, 0, 20, 30, 0, 0], [20, 199, 90, 199, 60, 199, 20, 199], [40, 50, 90, 50, 90, 60, 40, 60]):
    first = made._cut(quad, shown)
    print(made._cut(quad, shown) is first)
""",
    )
    # The third has an area: 0.05 x 10 is added to each side.
    assert lines[0::2][:3] == ["(0, 0, 40, 30)", "(20, 199, 70, 1)", "(40, 50, 51, 11)"]
    assert lines[1::2][:3] == ["True"] * 3


def test_the_last_bit_of_a_float_moves_no_text(tmp_path: Path) -> None:
    """Corners lie on whole and half pixels: single and double precision must round them alike."""
    lines = _lines(
        tmp_path,
        """
from firmware_app.board import decoders
from firmware_app.tasks.ocr_detection import OcrDetection
native = decoders.text_boxes
seed = 11
off = 0.0

def random(count):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    return (seed >> 8) % count

def shaken(*arguments):
    return [[[value + off for value in quad], crop] for quad, crop in native(*arguments)]

decoders.text_boxes = shaken
made = task(OcrDetection, [], img_size=(128, 96))
moved = found = 0
for number in range(24):
    shown = np.zeros((1, 96, 128, 1))
    left, top = 10 + random(20), 10 + random(20)
    for x in range(left, left + 30 + random(60)):  # ragged: each column has a thickness of its own
        high, low = random(4), 10 + random(12)
        shown[0, top + high : top + low, x, 0] = 0.875
    answers = []
    for off in (0.0, 2e-5, -2e-5):
        rows = made.texts([shown.copy()], plan(made, 320, 240, mask_threshold=0.3, box_threshold=0.3))
        answers.append([row[0] for row in rows])
    found += len(answers[0])
    moved += answers[1] != answers[0] or answers[2] != answers[0]
print("moved", moved, found >= 20)
""",
    )
    assert lines[0] == "moved 0 True"
