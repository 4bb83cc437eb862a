"""Real users' packages and real models, where ../shared/data is present."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_app.package import dictionary, fit, kmodel, letterbox
from firmware_app.package.reader import read_package

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no ../shared/data beside the checkout")
CONFIGS = sorted((DATA / "deploy_configs").glob("*.json"))


@needs_data
@pytest.mark.parametrize("config", CONFIGS, ids=[path.stem[:24] for path in CONFIGS])
def test_real_configs_are_understood(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mp_deployment_source"
    folder.mkdir()
    (folder / "deploy_config.json").write_bytes(config.read_bytes())
    said = json.loads(config.read_bytes())
    (folder / (said["kmodel_path"].removesuffix(".kmodel") + ".kmodel")).write_bytes(b"")
    package = read_package(str(tmp_path))
    assert package.task == ("classification" if said["model_type"] == "can2" else "detection")
    assert package.categories == said["categories"]
    assert package.confidence_threshold == said["confidence_threshold"]
    assert package.nms_threshold == said.get("nms_threshold")
    assert package.img_size == tuple(said["img_size"])
    if package.head == "AnchorBaseDet":
        assert package.anchors == [number for row in said["anchors"] for number in row]
    assert package.name == said["kmodel_path"].removesuffix(".kmodel")
    old = said.get("nncase_version") == "2.9.0"
    assert [("nncase 2.9.0" in each) for each in package.warnings] == [True] * old


@needs_data
def test_real_kmodels_are_read() -> None:
    models = {path.stem: kmodel.read(str(path)) for path in (DATA / "kmodels").glob("*.kmodel")}
    shapes = {name: [t.shape for t in model.outputs] for name, model in models.items()}
    assert shapes["veg_cls"] == [(1, 6)]
    assert shapes["embedding"] == [(1, 256)]
    assert shapes["insect_det"] == [(1, 80, 80, 33), (1, 40, 40, 33), (1, 20, 20, 33)]
    assert shapes["yolov8n_320_coco80_4outputs"][0] == (1, 84, 2100)
    assert models["ocr_rec_32x608"].inputs[0].shape == (1, 3, 32, 608)
    assert all(model.uses_kpu for model in models.values())


@needs_data
def test_real_kmodels_fit_packages_made_for_them(tmp_path: Path) -> None:
    keys = dictionary.characters((DATA / "kmodels/ppocr_keys_v1.txt").read_bytes(), "keys")
    assert len(keys) == 6623
    cases = (
        ("veg_cls", "can2", [224, 224], 6),
        ("embedding", "metric_learning", [224, 224], 0),
        ("insect_det", "AnchorBaseDet", [640, 640], 6),
        ("yolov8n_320_coco80_4outputs", "YOLOv8", [320, 320], 80),
        ("ocr_det_512", "OCR_DNet", [512, 512], 0),
        ("ocr_rec_32x608", "OCR_RLNet", [608, 32], 0),
    )
    for name, model_type, size, classes in cases:
        folder = tmp_path / name
        folder.mkdir()
        path = folder / f"{name}.kmodel"
        path.symlink_to(DATA / "kmodels" / path.name)
        config = {
            "model_type": model_type,
            "img_size": size,
            "anchors": [[1] * 6] * 3,
            "categories": [str(index) for index in range(classes)],
        }
        (folder / "deploy_config.json").write_text(json.dumps(config))
        package = read_package(str(folder))
        model = kmodel.read(package.kmodel_path)
        fit.check(package, model, package.categories, len(keys), "first")


@pytest.mark.parametrize(
    "folder", sorted((ROOT / "models" / "packages").glob("*")), ids=lambda path: path.name
)
def test_own_packages_fit(folder: Path) -> None:
    package = read_package(str(folder))
    characters = None
    if package.dictionary_path:
        data = Path(package.dictionary_path).read_bytes()
        characters = len(dictionary.characters(data, package.dictionary_path))
    model = kmodel.read(package.kmodel_path)
    package.task = fit.likely_task(package, model)
    fit.check(package, model, package.categories, characters)
    assert package.warnings == []


@needs_data
def test_the_vendors_pads_are_the_recorded_ones() -> None:
    golden = json.loads((DATA.parent / "golden" / "python_tasks.json").read_text(encoding="utf-8"))
    for case in golden["padding"]:
        pads = {
            "center": letterbox.vendor_centre_pads,
            "letterbox": letterbox.vendor_corner_pads,
        }[case["kind"]]
        # This interpreter's floats are double; the board's single ones gave `pad_tblr`.
        assert list(pads(*case["input"], *case["output"])) == case["pad_tblr_float64"], case
