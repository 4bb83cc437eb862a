"""The native post-processing against vectors made with the vendor's own code, where present."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from virtual_board.silicon.native import aicube, ocr_det, yolo, yolo_obb, yolo_pose, yolo_seg

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden"

pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden with the vectors")

Vectors = dict[str, npt.NDArray[Any]]


def load(name: str) -> tuple[list[dict[str, Any]], Vectors]:
    archive = np.load(GOLDEN / f"{name}.npz")
    return json.loads(bytes(archive["meta"])), {key: archive[key] for key in archive.files}


def dense(vectors: Vectors, prefix: str) -> npt.NDArray[np.float32]:
    rows = np.tile(vectors[f"{prefix}_fill"], (int(vectors[f"{prefix}_n"]), 1)).astype(np.float32)
    rows[vectors[f"{prefix}_idx"]] = vectors[f"{prefix}_val"]
    return rows.reshape(-1)


def triangle(value: npt.NDArray[np.int64], period: int) -> npt.NDArray[np.int64]:
    return abs(value % (2 * period) - period) * 255 // period


@pytest.mark.parametrize("name", ["anchorbase", "anchorfree", "gfl"])
def test_detectors(name: str) -> None:
    cases, vectors = load(f"det_{name}")
    decode = getattr(aicube, f"{name}det_post_process")
    for case in cases:
        prefix = f"c{case['case']:02d}"
        outputs = [dense(vectors, f"{prefix}_o{level}") for level in range(3)]
        sizes = (case["kmodel_size"], case["frame_size"], case["strides"])
        anchors = [case["anchors"]] if case["anchors"] else []
        thresholds = (case["num_classes"], case["conf"], case["nms"])
        found = decode(outputs, *sizes, *thresholds, *anchors, case["nms_option"])
        # Even the labels that only the sorting decides agree: std::sort is imitated.
        np.testing.assert_array_equal(found.rows(), vectors[f"{prefix}_res"])


def test_a_real_detector() -> None:
    """Outputs of a real kmodel: the rows above 0.05 are recorded, the others cannot pass."""
    model = json.loads((GOLDEN / "e2e.json").read_text("utf-8"))["insect_det"]
    for picture in model["results"]:
        outputs = [
            np.zeros(shape, np.float32).reshape(-1, 11) for shape in picture["output_shapes"]
        ]
        for layer in picture["rows_with_score_gt_0.05"]:
            outputs[layer["layer"]][layer["row_index"]] = layer["rows"]
        for decode in picture["decodes"]:
            found = aicube.anchorbasedet_post_process(
                [output.reshape(-1) for output in outputs],
                *(model["img_size"], picture["frame_size"], model["strides"], 6),
                *(decode["conf"], decode["nms"], model["anchors"], decode["nms_option"]),
            )
            assert found.boxes.astype(int).tolist() == decode["boxes_xyxy"]
            assert found.labels.tolist() == decode["idx"]
            np.testing.assert_allclose(found.scores, decode["scores"], atol=1e-6)


def test_segmentation() -> None:
    cases, vectors = load("seg")
    for case in cases:
        prefix = f"c{case['case']:02d}"
        logits = vectors[f"{prefix}_logits_q"].astype(np.float32) / np.float32(case["logit_div"])
        sizes = (tuple(case["ori_hw"]), tuple(case["dst_hw"]))
        mask, _ = aicube.seg_post_process(logits, case["num_classes"], *sizes)
        np.testing.assert_array_equal(mask, vectors[f"{prefix}_mask"])


def test_text_boxes() -> None:
    cases, vectors = load("ocr_det")
    compared = 0
    for case in cases:
        prefix = f"c{case['case']:02d}"
        width, height = case["frame_size"]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        frame = np.stack([triangle(x, 64), triangle(y, 48), triangle(x + y, 80)], axis=-1)
        texts = ocr_det.ocr_post_process(
            vectors[f"{prefix}_prob_q"].astype(np.float32) / np.float32(255),
            frame.astype(np.uint8),
            tuple(case["kmodel_size"]),
            (width, height),
            case["mask_threshold"],
            case["box_threshold"],
        )
        quads = np.array([text.quad for text in texts])
        np.testing.assert_array_equal(quads, vectors[f"{prefix}_boxes"])
        sizes = [text.crop.shape[:2] for text in texts]
        np.testing.assert_array_equal(sizes, vectors[f"{prefix}_crop_hw"])
        for number, text in enumerate(texts):
            if f"{prefix}_crop{number}" in vectors:
                compared += 1
                np.testing.assert_array_equal(text.crop, vectors[f"{prefix}_crop{number}"])
    assert compared


HEADS: dict[str, Any] = {
    "det5": yolo.yolov5_det_postprocess,
    "det8": yolo.yolov8_det_postprocess,
    "det26": yolo.yolo26_det_postprocess,
    "obb8": yolo_obb.yolo_obb_postprocess,
    "obb26": yolo_obb.yolo26_obb_postprocess,
    "pose8": yolo_pose.yolov8_pose_postprocess,
    "pose26": yolo_pose.yolo26_pose_postprocess,
    "seg5": yolo_seg.yolov5_seg_postprocess,
    "seg8": yolo_seg.yolov8_seg_postprocess,
    "seg26": yolo_seg.yolo26_seg_postprocess,
}


@pytest.mark.parametrize("head", HEADS)
def test_yolo(head: str) -> None:
    cases, vectors = load(f"yolo_{head}")
    for case in cases:
        prefix = f"c{case['case']:02d}"
        args: list[Any] = [dense(vectors, prefix)]
        if head.startswith("seg"):
            prototypes = vectors[f"{prefix}_proto_q"].astype(np.float32) / np.float32(16)
            args.append(prototypes.reshape(-1))
        args += [tuple(case[f"{name}_hw"]) for name in ("frame", "input", "display")]
        names = ["num_classes", "kp_num", "kp_dim", "conf", "nms", "mask_thresh", "max_boxes"]
        args += [case[name] for name in names if case[name] is not None]
        answer = HEADS[head](*args)
        found = answer if isinstance(answer, yolo.Found) else answer[0]
        boxes = found.boxes.astype(np.int16)
        np.testing.assert_array_equal(boxes, vectors[f"{prefix}_boxes"])
        np.testing.assert_array_equal(found.ids, vectors[f"{prefix}_ids"])
        np.testing.assert_array_equal(found.scores, vectors[f"{prefix}_scores"])
        if head.startswith("pose"):
            np.testing.assert_array_equal(answer[1], vectors[f"{prefix}_kps"])
        if head.startswith("seg"):
            np.testing.assert_array_equal(answer[1], vectors[f"{prefix}_mask"])
