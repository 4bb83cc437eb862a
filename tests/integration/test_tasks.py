"""All tasks through the service, by TCP: right answers from the packages, settings, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from host_client.base.exceptions import CommandFailed
from tests.integration.tour import (
    DETECTORS,
    TASKS,
    Tour,
    answer,
    expected,
    labels,
    make_card,
    pictures,
    resized,
    tour,
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A board without a camera that gets every task asked."""
    card = make_card(tmp_path_factory.mktemp("tasks") / "card")
    (card / "pictures").mkdir()
    for path in (*pictures("shapes_cls")[:3], *pictures("shapes_det")[:2]):
        (card / "pictures" / path.name).write_bytes(path.read_bytes())
    (card / "pictures" / "none.jpg").write_bytes(b"no picture")
    with tour(card) as running:
        yield running


def overlap(one: Any, two: Any) -> float:
    """Return the IoU of two rectangles (x, y, w, h)."""
    w = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    h = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    both = max(0.0, w) * max(0.0, h)
    return float(both / (one[2] * one[3] + two[2] * two[3] - both))


def quad_overlap(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Return the IoU of two convex quadrilaterals."""
    both, _ = cv2.intersectConvexConvex(one, two)
    return float(both / (cv2.contourArea(one) + cv2.contourArea(two) - both))


def found_boxes(result: Any, truths: list[dict[str, Any]]) -> int:
    """Return how many of the right boxes a result has: label and half of the area."""
    return sum(
        any(
            box.label == truth["label"]
            and overlap(box[2:], [truth[k] for k in ("x", "y", "w", "h")]) > 0.5
            for box in result.boxes
        )
        for truth in truths
    )


# -- right answers


def test_classification_tells_every_shape(board: Tour) -> None:
    for path in pictures("shapes_cls"):
        result = board.ask("shapes_cls", path)
        assert result.label == expected("shapes_cls")[path.name]["label"], path.name
        assert result.score == result.top[0].score
        assert abs(sum(row.score for row in result.top) - 1) < 0.1


@pytest.mark.parametrize("task", DETECTORS)
def test_detection_finds_the_shapes(board: Tour, task: str) -> None:
    hits = wanted = given = 0
    for path in pictures(task):
        result = board.ask(task, path)
        truths = expected(task)[path.name]["boxes"]
        hits += found_boxes(result, truths)
        wanted, given = wanted + len(truths), given + len(result.boxes)
        scores = [box.score for box in result.boxes]
        assert scores == sorted(scores, reverse=True)
    assert 2 * hits / (wanted + given) > 0.8, (hits, wanted, given)


def test_segmentation_maps_the_shapes(board: Tour) -> None:
    names = labels("shapes_seg")
    right = []
    for path in pictures("shapes_seg"):
        result = board.ask("shapes_seg", path)
        found = np.frombuffer(result.class_map(), np.uint8).reshape(result.height, result.width)
        assert [result.areas[name] for name in names] == np.bincount(
            found.reshape(-1), minlength=len(names)
        ).tolist()
        wanted = np.zeros(found.shape, np.uint8)
        scale = np.array([result.width / 320, result.height / 240])
        for shape in expected("shapes_seg")[path.name]["shapes"]:
            corners = np.round(np.array(shape["polygon"]) * scale - 0.5).astype(np.int32)
            cv2.fillPoly(wanted, [corners], names.index(shape["label"]))
        right.append(float((found == wanted).mean()))
    assert np.mean(right) > 0.95


def test_multilabel_names_what_is_there(board: Tour) -> None:
    right = 0
    for path in pictures("shapes_multl"):
        result = board.ask("shapes_multl", path)
        right += {row.label for row in result.labels} == set(
            expected("shapes_multl")[path.name]["labels"]
        )
    assert right >= 6


def test_embeddings_of_one_sign_are_nearest(board: Tour) -> None:
    names, rows = [], []
    for path in pictures("glyphs_ml"):
        embedding = np.array(board.ask("glyphs_ml", path).embedding)
        names.append(expected("glyphs_ml")[path.name]["identity"])
        rows.append(embedding / np.linalg.norm(embedding))
    cosines = np.stack(rows) @ np.stack(rows).T - 2 * np.eye(len(rows))
    assert [names[at] for at in cosines.argmax(1)] == names


def test_text_recognition_reads(board: Tour) -> None:
    right = 0
    for path in pictures("text_rec"):
        (text,) = board.ask("text_rec", path).texts
        assert text.quad is None
        right += text.text == expected("text_rec")[path.name]["text"]
    assert right >= 6


@pytest.mark.parametrize("task", ["text_det", "ocr"])
def test_text_is_found_where_it_stands(board: Tour, task: str) -> None:
    hits = wanted = given = read = 0
    for path in pictures("text_det"):
        result = board.ask(task, path)
        tops = [text.quad[0][1] for text in result.texts]
        assert tops == sorted(tops)
        given += len(result.texts)
        for truth in expected("text_det")[path.name]["texts"]:
            wanted += 1
            quad = np.array(truth["quad"], np.float32).reshape(4, 2)
            for text in result.texts:
                if quad_overlap(np.array(text.quad, np.float32), quad) > 0.5:
                    hits += 1
                    read += text.text == truth["text"]
                    assert (text.text is None) == (task == "text_det")
                    assert task == "ocr" or text.score >= 0.5  # the package's box_threshold
    assert 2 * hits / (wanted + given) > 0.8, (hits, wanted, given)
    if task == "ocr":
        assert read > 0.5 * wanted, (read, wanted)


# -- the same for pictures and for video, and for pictures on the card


def test_camera_and_picture_give_the_same_result(tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    resized(pictures("text_det")[0], 320, 240).save(tmp_path / "camera" / "one.png")
    card = make_card(tmp_path / "card", camera=(320, 240))
    # Both are the same picture: the model runs once for each tensor, again only if the tensors differ.
    replay = tmp_path / "replay"
    with tour(card, camera=str(tmp_path / "camera"), replay=replay) as board:
        for task in TASKS:
            board.switch(task)
            seen = next(board.board.results())
            sent = board.ask(task, tmp_path / "camera" / "one.png")
            assert answer(seen) == answer(sent), task
            assert seen.seq > sent.seq == 0
            assert seen.generation == sent.generation


def test_pictures_on_the_card(board: Tour) -> None:
    for path in pictures("shapes_cls")[:3]:
        board.switch("shapes_cls")
        on_card: Any = board.board.infer_on_card(f"/sdcard/pictures/{path.name}")
        assert on_card.image == f"/sdcard/pictures/{path.name}"
        assert on_card.label == expected("shapes_cls")[path.name]["label"]
        # The board has five or six bits of each colour: nearly the same.
        assert abs(on_card.score - board.ask("shapes_cls", path).score) < 0.1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/sdcard/pictures/none.jpg", ["none.jpg", "expected a picture"]),
        ("/sdcard/pictures/missing.jpg", ["there is no file", "missing.jpg"]),
        ("/data/key", ["expected a name with .jpg"]),
        ("/sdcard/../etc/a.jpg", ["expected a file in /sdcard or /data"]),
        ("pictures/a.jpg", ["expected a file in /sdcard or /data"]),
    ],
)
def test_what_is_no_picture_on_the_card(board: Tour, path: str, words: list[str]) -> None:
    with pytest.raises(CommandFailed) as caught:
        board.board.infer_on_card(path)
    assert all(word in str(caught.value) for word in words), caught.value
    assert board.board.status()


# -- sizes


@pytest.mark.parametrize(
    "size", [(301, 217), (97, 333), (641, 359), (33, 200), (32, 200), (7, 61), (400, 9), (1, 1)]
)
@pytest.mark.parametrize("task", ["shapes_cls", "shapes_det", "shapes_seg", "text_rec", "ocr"])
@pytest.mark.parametrize("vendor_compatible", [False, True])
def test_pictures_of_odd_sizes(
    board: Tour, task: str, size: tuple[int, int], vendor_compatible: bool
) -> None:
    picture = resized(pictures("shapes_det")[0], *size)
    try:
        result = board.ask(task, picture, vendor_compatible=vendor_compatible)
    except CommandFailed as error:
        # The vendor's pads leave nothing of a picture that is far longer than wide.
        assert vendor_compatible
        assert "nothing is left of the picture" in str(error)
        return
    for box in getattr(result, "boxes", ()):
        assert box.x >= 0 <= box.y
        assert box.x + box.w <= size[0]
        assert box.y + box.h <= size[1]


def test_boxes_keep_their_place_in_any_size(board: Tour) -> None:
    path = pictures("shapes_det")[1]
    truths = expected("shapes_det")[path.name]["boxes"]
    for width, height in ((640, 480), (301, 217), (961, 713), (4000, 3000)):
        result = board.ask("shapes_det", resized(path, width, height))
        scaled = [
            {
                "label": truth["label"],
                "x": truth["x"] * width / 320,
                "y": truth["y"] * height / 240,
                "w": truth["w"] * width / 320,
                "h": truth["h"] * height / 240,
            }
            for truth in truths
        ]
        assert found_boxes(result, scaled) == len(truths), (width, height, result.boxes)


def test_a_narrow_picture_has_the_border_of_a_wide_one(board: Tour) -> None:
    # A shape in 32 columns: the hardware can't put a border to its left, Python does.
    shape = resized(pictures("shapes_det")[1], 320, 240).crop((20, 40, 216, 210)).resize((28, 24))
    narrow = Image.new("RGB", (32, 60), (120, 120, 120))
    narrow.paste(shape, (2, 18))
    wide = narrow.resize((64, 120), Image.Resampling.NEAREST)
    one = board.ask("shapes_det", narrow, confidence_threshold=0.2)
    two = board.ask("shapes_det", wide, confidence_threshold=0.2)
    assert len(one.boxes) == len(two.boxes) > 0
    for a, b in zip(one.boxes, two.boxes, strict=True):
        assert a.label == b.label
        assert overlap([2 * v for v in a[2:6]], b[2:6]) > 0.7


# -- settings


def test_thresholds_are_the_packages_unless_set(board: Tour) -> None:
    path = pictures("shapes_det")[3]
    few = board.ask("shapes_det", path)
    many = board.ask("shapes_det", path, confidence_threshold=0.05)
    none = board.ask("shapes_det", path, confidence_threshold=1.0)
    assert len(many.boxes) > len(few.boxes) > len(none.boxes) == 0
    assert min(box.score for box in few.boxes) > 0.4 > min(box.score for box in many.boxes)
    undecided = board.ask("shapes_cls", pictures("shapes_cls")[0], confidence_threshold=1.0)
    assert undecided.label is None
    assert undecided.top
    assert board.ask("shapes_multl", path, confidence_threshold=1.0).labels == ()


def test_max_results_min_size_and_top_k(board: Tour) -> None:
    path = pictures("shapes_det")[1]
    boxes = board.ask("shapes_det", path).boxes
    assert len(boxes) == 3
    assert board.ask("shapes_det", path, max_results=2).boxes == boxes[:2]
    large = board.ask("shapes_det", path, min_size=100).boxes
    assert large == tuple(box for box in boxes if min(box.w, box.h) >= 100)
    assert len(large) == 1
    top = board.ask("shapes_cls", pictures("shapes_cls")[0], top_k=2).top
    assert len(top) == 2
    assert len(board.ask("shapes_cls", pictures("shapes_cls")[0], top_k=100).top) == 6
    texts = board.ask("text_det", pictures("text_det")[1]).texts
    best = max(texts, key=lambda text: text.score)
    assert board.ask("text_det", pictures("text_det")[1], max_results=1).texts == (best,)


def test_nms_by_class_or_over_all(board: Tour) -> None:
    path = pictures("shapes_det")[1]
    wide = {"confidence_threshold": 0.02, "nms_threshold": 0.3, "max_results": 300}
    aware = board.ask("shapes_det", path, nms="class_aware", **wide).boxes
    agnostic = board.ask("shapes_det", path, nms="class_agnostic", **wide).boxes
    assert len(agnostic) < len(aware)
    for i, one in enumerate(agnostic):
        for other in agnostic[:i]:
            assert overlap(one[2:], other[2:]) < 0.35
    for i, one in enumerate(aware):
        for other in aware[:i]:
            assert one.label != other.label or overlap(one[2:], other[2:]) < 0.35
    # The vendor's scripts read nms_option and never pass it on.
    vendor = board.ask(
        "shapes_det", path, nms="class_agnostic", vendor_compatible=True, **wide
    ).boxes
    assert sorted(vendor) == sorted(aware)
    assert len(board.ask("shapes_det", path, nms_threshold=1.0).boxes) > 3


def test_vendor_compatible_repeats_boxes_without_anchors(board: Tour) -> None:
    path = pictures("shapes_det_free")[1]
    right = board.ask("shapes_det_free", path).boxes
    vendor = board.ask("shapes_det_free", path, vendor_compatible=True).boxes
    classes = len(labels("shapes_det_free"))
    assert len(vendor) == classes * len(right)
    assert len({box.label for box in vendor}) == classes


def test_vendor_compatible_text_boxes_are_larger(board: Tour) -> None:
    path = pictures("text_det")[0]
    right = board.ask("text_det", path).texts
    vendor = board.ask("text_det", path, vendor_compatible=True).texts[::-1]  # bottom to top
    assert len(right) == len(vendor) > 0
    for one, other in zip(right, vendor, strict=True):
        small, large = (np.array(text.quad, np.float32) for text in (one, other))
        assert cv2.contourArea(large) > 1.1 * cv2.contourArea(small)


def test_the_cameras_region_is_looked_at_alone(tmp_path: Path) -> None:
    path = pictures("shapes_det")[1]
    (tmp_path / "camera").mkdir()
    resized(path, 320, 240).save(tmp_path / "camera" / "one.png")
    truths = expected("shapes_det")[path.name]["boxes"]
    star = next(truth for truth in truths if truth["label"] == "star")
    card = make_card(tmp_path / "card", camera=(320, 240), task="shapes_det")
    with tour(card, camera=str(tmp_path / "camera")) as board:
        board.switch("shapes_det")
        region = {"x": 224, "y": 120, "width": 96, "height": 120}
        whole = next(board.board.results())
        assert found_boxes(whole, truths) == 3
        with board.set(region=region):
            stream = board.board.results()
            seen: Any = [next(stream) for _ in range(3)][-1]
        assert found_boxes(seen, [star]) == 1
        for box in seen.boxes:
            assert 224 <= box.x <= box.x + box.w <= 320
            assert 120 <= box.y <= box.y + box.h <= 240
        assert found_boxes(board.ask("shapes_det", path), truths) == 3  # pictures are seen whole


# -- what is no picture


@pytest.mark.parametrize("width", [0, 5, 9000])
def test_a_size_that_is_not_the_pictures(board: Tour, width: int) -> None:
    import hashlib

    data = bytes(300)
    link = board.board
    place = link.request(
        "put", {"kind": "picture", "size": 300, "sha256": hashlib.sha256(data).digest()}
    )
    with pytest.raises(CommandFailed) as caught:
        link.request("infer", {"transfer": place["transfer"], "width": width, "height": 10})
    assert "width" in str(caught.value) or "expected 300 bytes, found 0" in str(caught.value)
    assert link.status()
