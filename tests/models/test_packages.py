"""The committed packages: what the platform's layout asks for, and right answers from the kmodels.

No torch here: only what is committed is tried.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models import boxes
from models.resample import pad_centre, pad_corner, stretch
from models.simulator import Kmodel

PACKAGES = Path(__file__).resolve().parents[2] / "models" / "packages"
NAMES = sorted(path.name for path in PACKAGES.iterdir() if path.is_dir())
BORDER = 114

DETECTORS = {
    "shapes_det": "AnchorBaseDet",
    "shapes_det_free": "AnchorFreeDet",
    "shapes_det_gfl": "GFLDet",
}
THRESHOLDS = {
    "glyphs_ml": ["confidence_threshold"],
    "text_det": ["mask_threshold", "box_threshold"],
    "text_rec": [],
    **{name: ["confidence_threshold", "nms_threshold"] for name in DETECTORS},
}

simulated = pytest.mark.skipif(
    importlib.util.find_spec("_nncase") is None, reason="the KPU simulator is not installed"
)


def deployment(name: str) -> Path:
    """Return the folder that goes on the card."""
    return PACKAGES / name / "mp_deployment_source"


def config(name: str) -> dict[str, Any]:
    """Return the package's deploy_config.json."""
    text = (deployment(name) / "deploy_config.json").read_text(encoding="utf-8")
    fields: dict[str, Any] = json.loads(text)
    return fields


def expected(name: str) -> dict[str, Any]:
    """Return the right answers by picture name."""
    text = (PACKAGES / name / "expected.json").read_text(encoding="utf-8")
    answers: dict[str, Any] = json.loads(text)
    return answers


def picture(name: str, file: str) -> NDArray[np.uint8]:
    """Return a committed picture [h, w, 3], RGB."""
    image = cv2.imread(str(PACKAGES / name / "pictures" / file))
    assert image is not None
    return np.asarray(image[:, :, ::-1], np.uint8)


def feed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the kmodel's input [1, 3, h, w]."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


@pytest.fixture
def kmodel(request: pytest.FixtureRequest) -> Any:
    """Return the package's kmodel in the simulator."""
    name: str = request.param
    data = (deployment(name) / config(name)["kmodel_path"]).read_bytes()
    with Kmodel(data) as running:
        yield running


def ready(name: str) -> pytest.MarkDecorator:
    """Mark a test to run with the kmodel of a package."""
    return pytest.mark.parametrize("kmodel", [name], indirect=True, ids=[name])


def test_every_task_has_a_package() -> None:
    assert set(NAMES) == {
        "glyphs_ml",
        "shapes_cls",
        "shapes_multl",
        "shapes_obb",
        "shapes_pose",
        "shapes_seg",
        "text_det",
        "text_rec",
        *DETECTORS,
    }


@pytest.mark.parametrize("name", NAMES)
def test_config_is_well_formed(name: str) -> None:
    fields = config(name)
    width, height = fields["img_size"]
    assert (fields["inference_width"], fields["inference_height"]) == (width, height)
    assert fields["chip_type"] == "k230"
    assert fields["nncase_version"] == "2.11.0"
    assert len(fields["mean"]) == len(fields["std"]) == 3
    for threshold in THRESHOLDS.get(name, ["confidence_threshold"]):
        assert 0 < fields[threshold] < 1
    if "categories" in fields:
        assert fields["num_classes"] == len(fields["categories"]) >= 2
        assert len(set(fields["categories"])) == len(fields["categories"])
    if name in DETECTORS:
        assert fields["model_type"] == DETECTORS[name]
        assert fields["nms_option"] is False
        assert width % 32 == height % 32 == 0


def test_some_labels_are_not_ascii() -> None:
    assert any(not label.isascii() for label in config("shapes_cls")["categories"])


def test_anchors_are_three_rows_of_three_pairs() -> None:
    anchors = config("shapes_det")["anchors"]
    assert [len(row) for row in anchors] == [6, 6, 6]


def test_dictionary_ends_in_the_newline_that_makes_the_blank() -> None:
    text = (deployment("text_rec") / "dict.txt").read_text(encoding="utf-8")
    letters = text.split("\n")
    assert letters[-1] == ""
    assert len(set(letters)) == len(letters) == config("text_rec")["dict_num"]
    for answer in expected("text_rec").values():
        assert set(answer["text"]) <= set(letters)


@pytest.mark.parametrize("name", NAMES)
def test_kmodel_and_twin_are_there(name: str) -> None:
    head = (deployment(name) / config(name)["kmodel_path"]).read_bytes()[:8]
    assert head == b"LDMK" + (7).to_bytes(4, "little")
    assert (PACKAGES / name / f"{name}.onnx").stat().st_size > 10_000


@pytest.mark.parametrize("name", NAMES)
def test_answers_cover_the_pictures(name: str) -> None:
    files = sorted(path.name for path in (PACKAGES / name / "pictures").iterdir())
    assert files == sorted(expected(name))
    assert len(files) == 8
    for file in files:
        # The vendor's video scripts want widths in sixteens.
        assert picture(name, file).shape[1] % 16 == 0


def test_packages_stay_small() -> None:
    total = sum(path.stat().st_size for path in PACKAGES.rglob("*") if path.is_file())
    assert total < 9_000_000


@simulated
@ready("shapes_cls")
def test_classifies(kmodel: Kmodel) -> None:
    fields, right = config("shapes_cls"), 0
    for file, answer in expected("shapes_cls").items():
        (logits,) = kmodel.run(feed(stretch(picture("shapes_cls", file), fields["img_size"])))
        assert logits.shape == (1, len(fields["categories"]))
        right += fields["categories"][int(logits[0].argmax())] == answer["label"]
    assert right == 8


@simulated
@pytest.mark.parametrize(("kmodel", "name"), [(n, n) for n in DETECTORS], indirect=["kmodel"])
def test_detects(kmodel: Kmodel, name: str) -> None:
    fields, hits, wanted, given = config(name), 0, 0, 0
    width, height = fields["img_size"]
    for file, answer in list(expected(name).items())[:5]:
        frame = picture(name, file)
        pixels, placement = pad_centre(frame, (width, height), BORDER)
        outputs = kmodel.run(feed(pixels))
        threshold, labels = fields["confidence_threshold"], fields["categories"]
        cells = [(height // stride, width // stride) for stride in boxes.STRIDES]
        if name == "shapes_det":
            channels = 3 * (5 + len(labels))
            assert [o.shape for o in outputs] == [(1, h, w, channels) for h, w in cells]
            rows = boxes.anchor_base(outputs, fields["anchors"], threshold)
        elif name == "shapes_det_free":
            assert [o.shape for o in outputs] == [(1, h, w, 5 + len(labels)) for h, w in cells]
            rows = boxes.anchor_free(outputs, threshold)
        else:
            assert [o.shape for o in outputs] == [(h * w, len(labels) + 68) for h, w in cells]
            rows = boxes.gfl(outputs, (width, height), threshold)
        size = (frame.shape[1], frame.shape[0])
        found = boxes.finish(rows, labels, placement, size, fields["nms_threshold"])
        truths = [
            boxes.Box(b["label"], 1.0, (b["x"], b["y"], b["x"] + b["w"], b["y"] + b["h"]))
            for b in answer["boxes"]
        ]
        part = boxes.score([(truths, found)])
        hits += round(part["recall"] * len(truths))
        wanted, given = wanted + len(truths), given + len(found)
    assert 2 * hits / (wanted + given) > 0.8


@simulated
@ready("shapes_seg")
def test_segments(kmodel: Kmodel) -> None:
    fields, right = config("shapes_seg"), []
    width, height = fields["img_size"]
    for file, answer in list(expected("shapes_seg").items())[:4]:
        frame = picture("shapes_seg", file)
        (logits,) = kmodel.run(feed(stretch(frame, (width, height))))
        assert logits.shape == (1, height, width, len(fields["categories"]))
        wanted = np.zeros((height, width), np.uint8)
        scale = np.array([width / frame.shape[1], height / frame.shape[0]])
        for shape in answer["shapes"]:
            corners = np.round(np.array(shape["polygon"]) * scale - 0.5).astype(np.int32)
            cv2.fillPoly(wanted, [corners], fields["categories"].index(shape["label"]))
        right.append((logits[0].argmax(-1) == wanted).mean())
    assert np.mean(right) > 0.95


@simulated
@ready("shapes_multl")
def test_labels(kmodel: Kmodel) -> None:
    fields, right = config("shapes_multl"), 0
    for file, answer in expected("shapes_multl").items():
        (logits,) = kmodel.run(feed(stretch(picture("shapes_multl", file), fields["img_size"])))
        odds = 1 / (1 + np.exp(-logits[0]))
        over = odds > fields["confidence_threshold"]
        given = {fields["categories"][at] for at in np.flatnonzero(over)}
        right += given == set(answer["labels"])
    assert right >= 6


@simulated
@ready("glyphs_ml")
def test_tells_unseen_signs_apart(kmodel: Kmodel) -> None:
    fields = config("glyphs_ml")
    names, rows = [], []
    for file, answer in expected("glyphs_ml").items():
        (row,) = kmodel.run(feed(stretch(picture("glyphs_ml", file), fields["img_size"])))
        names.append(answer["identity"])
        rows.append(row[0] / np.linalg.norm(row[0]))
    cosines = np.stack(rows) @ np.stack(rows).T - 2 * np.eye(len(rows))
    assert [names[at] for at in cosines.argmax(1)] == names


@simulated
@ready("text_rec")
def test_reads(kmodel: Kmodel) -> None:
    fields, right = config("text_rec"), 0
    letters = (deployment("text_rec") / "dict.txt").read_text(encoding="utf-8").split("\n")
    for file, answer in expected("text_rec").items():
        pixels, _ = pad_corner(picture("text_rec", file), tuple(fields["img_size"]), 0)
        (scores,) = kmodel.run(feed(pixels))
        assert scores.shape[0] == 1
        assert scores.shape[2] == len(letters)
        best = scores[0].argmax(-1)
        kept = best[np.concatenate([[True], best[1:] != best[:-1]])]
        right += "".join(letters[at] for at in kept) == answer["text"]
    assert right >= 6


@simulated
@ready("text_det")
def test_finds_text(kmodel: Kmodel) -> None:
    fields = config("text_det")
    width, height = fields["img_size"]
    for file, answer in list(expected("text_det").items())[:4]:
        frame = picture("text_det", file)
        pixels, placement = pad_corner(frame, (width, height), BORDER)
        (maps,) = kmodel.run(feed(pixels))
        assert maps.shape == (1, height, width, 2)
        # The KPU's sigmoid is made of line segments and overshoots by a hundredth.
        assert maps.min() > -0.02
        assert maps.max() < 1.02
        text = np.zeros((height, width), np.uint8)
        hits = 0
        for word in answer["texts"]:
            quad = np.array(word["quad"]).reshape(4, 2) * placement.gain
            cv2.fillPoly(text, [np.round(quad).astype(np.int32)], 1)
            x, y = quad.mean(0).astype(int)
            hits += int(maps[0, y - 1 : y + 2, x - 2 : x + 3, 0].max() > fields["mask_threshold"])
        assert hits >= len(answer["texts"]) - 1
        outside = maps[0, :, :, 0][text == 0]
        assert (outside > fields["mask_threshold"]).mean() < 0.02
