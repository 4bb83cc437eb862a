"""Make the packages again: ``python -m models.make [NAME ...]``.

Draws, trains, exports, compiles, packages and measures each named model (all without a name).
"""

# mypy: no-warn-unused-ignores

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

import torch

from models import compile as kpu
from models import evaluate, export, package, report, train
from models.recipe import Recipe

RECIPES = {
    "shapes_cls": "classification",
    "shapes_det": "detection_anchor",
    "shapes_seg": "segmentation",
    "glyphs_ml": "metric",
    "shapes_multl": "multilabel",
    "text_det": "text_detection",
    "text_rec": "text_recognition",
    "shapes_det_free": "detection_free",
    "shapes_det_gfl": "detection_gfl",
    "shapes_pose": "pose",
    "shapes_obb": "oriented",
}
"""Package name and the module of ``models.recipes`` that makes it."""

CALIBRATION_SEED = 11
CALIBRATION_PICTURES = 48


def load(name: str) -> Recipe:
    """Return the recipe of a package."""
    module = importlib.import_module(f"models.recipes.{RECIPES[name]}")
    recipe: Recipe = module.RECIPE
    return recipe


def make(recipe: Recipe, weights: Path | None = None) -> dict[str, object]:
    """Make one package and return its measurements.

    With ``weights`` the network's state is kept there, and training is skipped if it is there.
    """
    if weights is not None and weights.exists():
        network = recipe.network().eval()
        network.load_state_dict(torch.load(weights, weights_only=True))
    else:
        network = train.train(recipe)
        if weights is not None:
            torch.save(network.state_dict(), weights)
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    samples, _ = train.draw_pool(recipe, CALIBRATION_PICTURES, CALIBRATION_SEED)
    twin = export.twin(network, recipe)
    choice = kpu.Quantisation(data=recipe.quantised)
    kmodel = kpu.compile_kmodel(export.bare(network, recipe), samples, choice)
    folder = package.write(recipe, twin, kmodel)
    measured = evaluate.evaluate(recipe, twin, kmodel)
    measured["multiply_adds"] = export.multiply_adds(network, recipe)
    measured["kmodel_bytes"] = len(kmodel)
    (folder / "measured.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    report.update()
    return measured


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.make", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--weights", type=Path, help="folder that keeps trained weights")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in RECIPES]
    if unknown:
        parser.error(f"no such model: {', '.join(unknown)}")
    for name in arguments.names or RECIPES:
        folder: Path | None = arguments.weights
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        measured = make(load(name), folder / f"{name}.pt" if folder else None)
        print(name, json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
