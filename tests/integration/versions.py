"""Versions of packages that can be told apart by every single result.

The labels of a version carry its number, and its kmodel answers every picture with the same class, one
that follows from the number too (recorded outputs instead of the simulator's). A result whose label is
no version's mark comes from one version's model under another one's labels.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from firmware_app.package import kmodel
from host_client.results.types import (
    ClassificationResult,
    MultilabelResult,
    Result,
    SegmentationResult,
)
from tests.integration.boards import PACKAGES
from virtual_board.silicon.nncase.replay import ReplayStore

KINDS = {
    "classification": "shapes_cls",
    "segmentation": "shapes_seg",
    "multilabel": "shapes_multl",
}
_SURE = 8.0  # a logit


class Version:
    """One version of a package: files as they are pushed, sha256 of its kmodel, mark: the label it always finds."""

    def __init__(self, kind: str, number: int, replay: ReplayStore) -> None:
        self.kind = kind
        self.number = number
        self.model = KINDS[kind]
        folder = PACKAGES / self.model / "mp_deployment_source"
        config = json.loads((folder / "deploy_config.json").read_text(encoding="utf-8"))
        config["categories"] = [f"v{number}_{i}" for i in range(len(config["categories"]))]
        data = (folder / f"{self.model}.kmodel").read_bytes() + number.to_bytes(16, "little")
        self.files = {
            "deploy_config.json": json.dumps(config).encode(),
            f"{self.model}.kmodel": data,
        }
        self.sha256 = hashlib.sha256(data).hexdigest()
        shape = kmodel.read_from(io.BytesIO(data), "made").outputs[0].shape
        found = number % shape[-1]
        self.mark = config["categories"][found]
        outputs = np.full(shape, -_SURE, np.float32)
        outputs[..., found] = _SURE
        replay.put_scene(data, [outputs])

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each file."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}

    def write(self, path: Path, how: str) -> Path:
        """Write it as a folder, or as the platform's inner or outer zip; return what to push."""
        if how == "folder":
            path.mkdir(parents=True)
            for name, data in self.files.items():
                (path / name).write_bytes(data)
            return path
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in self.files.items():
                archive.writestr(f"mp_deployment_source/{name}", data)
            archive.writestr("mp_deployment_source/cls_image.py", "print('not for the board')")
        path.parent.mkdir(parents=True)
        target = path.with_suffix(".zip")
        if how == "inner":
            target.write_bytes(inner.getvalue())
        else:
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("mp_deployment_source.zip", inner.getvalue())
        return target


def label_of(result: Result) -> str | None:
    """Return the one label that a version's model finds."""
    if isinstance(result, ClassificationResult):
        return result.label
    if isinstance(result, MultilabelResult):
        return result.labels[0].label if len(result.labels) == 1 else None
    if isinstance(result, SegmentationResult):
        found = [label for label, pixels in result.areas.items() if pixels]
        return found[0] if len(found) == 1 else None
    return None
