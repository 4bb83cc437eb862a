"""Write a package in the cloud platform's layout, with demo pictures and their right answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from models.compile import CHIP
from models.draw import camera, jpeg
from models.recipe import MEAN, STD, Recipe

PACKAGES = Path(__file__).parent / "packages"
PICTURES = 8
PICTURE_SEED = 20
NNCASE_VERSION = "2.11.0"


def deploy_config(recipe: Recipe) -> dict[str, Any]:
    """Return ``deploy_config.json`` with the fields the platform writes."""
    width, height = recipe.size
    return {
        "chip_type": CHIP,
        "inference_width": width,
        "inference_height": height,
        "nncase_version": NNCASE_VERSION,
        "img_size": [width, height],
        "mean": list(MEAN),
        "std": list(STD),
        **recipe.config(),
        "kmodel_path": f"{recipe.name}.kmodel",
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write(recipe: Recipe, onnx: bytes, kmodel: bytes) -> Path:
    """Write the package and return its folder."""
    folder = PACKAGES / recipe.name
    deployment = folder / "mp_deployment_source"
    deployment.mkdir(parents=True, exist_ok=True)
    _write_json(deployment / "deploy_config.json", deploy_config(recipe))
    (deployment / f"{recipe.name}.kmodel").write_bytes(kmodel)
    (folder / f"{recipe.name}.onnx").write_bytes(onnx)
    for name, data in recipe.extras().items():
        (deployment / name).write_bytes(data)
    write_pictures(recipe, folder)
    return folder


def write_pictures(recipe: Recipe, folder: Path) -> None:
    """Draw the held-out demo pictures and write ``expected.json``."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for old in pictures.iterdir():
        old.unlink()
    rng = np.random.default_rng(PICTURE_SEED)
    expected = {}
    for index in range(PICTURES):
        frame, truth = recipe.scene(rng, demo=index, unseen=True)
        name = f"{recipe.name}_{index}.jpg"
        (pictures / name).write_bytes(jpeg(camera(rng, frame, strength=0.7)))
        expected[name] = recipe.expected(truth)
    _write_json(folder / "expected.json", expected)
