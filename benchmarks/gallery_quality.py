"""How well galleries tell things apart: real pictures, and signs that no model has seen."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import numpy_arrays
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery import quality as gallery_quality
from firmware_app.gallery.decision import Rule
from firmware_app.gallery.labels import Gallery
from models import draw, draw_glyphs
from models.resample import stretch
from models.simulator import Kmodel

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
GLYPHS = ROOT / "models" / "packages" / "glyphs_ml"
VEGETABLES = ("spinach", "eggplant", "carrot")  # three pictures each, veg_0.jpg to veg_8.jpg

CLASSES = 30  # signs to tell apart; the models' training knows none of them
STRANGERS = 15  # signs that are not enrolled
FIRST = 5_000_000  # number of the first sign
QUERIES = 5  # views of a sign besides those that are enrolled
SAMPLES = (1, 3, 5)

Vector = NDArray[np.float32]
Embed = Callable[[NDArray[np.uint8]], Vector]


def planes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn [h, w, 3] into a model's input [1, 3, h, w]."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def view(number: int, seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return one picture of a sign as the model gets it, [h, w, 3]; through JPEG, as from a camera."""
    rng = np.random.default_rng((number, seed))
    image = draw.ground(rng, draw.frame_size(rng))
    paper, ink = rng.integers(170, 256, 3), rng.integers(0, 100, 3)
    light = (int(paper[0]), int(paper[1]), int(paper[2]))
    dark = (int(ink[0]), int(ink[1]), int(ink[2]))
    draw_glyphs.card(rng, image, number, light, dark)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    return stretch(np.asarray(Image.open(data).convert("RGB")), size)


def make(vectors: list[Vector], owners: list[int]) -> Gallery:
    """Enroll unit vectors."""
    gallery = Gallery(numpy_arrays, len(vectors[0]), bytes(32), len(vectors))
    for owner in sorted(set(owners)):
        body = gallery_format.label_body(owner, f"label {owner}", None)
        gallery.apply(gallery_format.LABEL, body)
    heads = [(i + 1, owner, 0) for i, owner in enumerate(owners)]
    data = b"".join(numpy_arrays.float_bytes(vector) for vector in vectors)
    gallery.apply(gallery_format.SAMPLES, gallery_format.samples_body(heads, data))
    return gallery


def unit(vector: NDArray[Any]) -> Vector:
    """Return a vector of length 1."""
    found = numpy_arrays.unit(vector.ravel())
    if found is None:
        raise ValueError("an embedding without direction")
    return found


def equal_error_rate(same: list[float], different: list[float]) -> float:
    """Return the share of errors at the threshold where both kinds are equally frequent."""
    edges = np.unique(np.array(same + different))
    refused = np.searchsorted(np.sort(same), edges) / len(same)
    accepted = 1 - np.searchsorted(np.sort(different), edges) / len(different)
    at = int(np.abs(refused - accepted).argmin())
    return float((refused[at] + accepted[at]) / 2)


def vegetables() -> dict[str, Any] | None:
    """Return leave-one-out figures of the real embedding model; None without the pictures."""
    kmodel = SHARED / "kmodels" / "embedding.kmodel"
    pictures = [SHARED / "pictures" / f"veg_{i}.jpg" for i in range(9)]
    if not kmodel.is_file() or not all(path.is_file() for path in pictures):
        return None
    vectors = _embed_pictures(kmodel.read_bytes(), pictures)
    owners = [i // 3 for i in range(9)]
    gallery = make(vectors, owners)
    rule = Rule(0.5)
    right = 0
    same: list[float] = []
    different: list[float] = []
    for row in range(len(vectors)):
        own, other = gallery.versus(row, rule)
        assert own is not None
        assert other is not None
        right += own > other
        for i in range(len(vectors)):
            if i < row:
                cosine = float(vectors[row] @ vectors[i])
                (same if owners[i] == owners[row] else different).append(cosine)
    return {
        "pictures": len(vectors),
        "classes": list(VEGETABLES),
        "top1": right / len(vectors),
        "equal_error_rate": equal_error_rate(same, different),
        "lowest_within": min(same),
        "highest_between": max(different),
    }


def _embed_pictures(kmodel: bytes, pictures: list[Path]) -> list[Vector]:
    """Embed in the KPU simulator; 3.5 s a picture, so what was embedded once is kept."""
    digest = hashlib.sha256(kmodel)
    for path in pictures:
        digest.update(path.read_bytes())
    cache = Path(tempfile.gettempdir()) / f"k230-embeddings-{digest.hexdigest()[:24]}.json"
    try:
        return [np.array(row, np.float32) for row in json.loads(cache.read_text())]
    except (OSError, ValueError):
        pass
    with Kmodel(kmodel) as simulator:
        vectors = []
        for path in pictures:
            pixels = stretch(np.asarray(Image.open(path).convert("RGB")), (224, 224))
            vectors.append(unit(simulator.run(planes(pixels))[0]))
    cache.write_text(json.dumps([[float(value) for value in vector] for vector in vectors]))
    return vectors


def signs() -> dict[str, Any]:
    """Return the figures of our own model on signs it has never seen, float and quantised."""
    config = json.loads((GLYPHS / "mp_deployment_source" / "deploy_config.json").read_text())
    size = (int(config["img_size"][0]), int(config["img_size"][1]))
    threshold = float(config["confidence_threshold"])
    views = max(SAMPLES) + QUERIES
    pictures = [
        [view(FIRST + sign, seed, size) for seed in range(views)]
        for sign in range(CLASSES + STRANGERS)
    ]
    report: dict[str, Any] = {
        "classes": CLASSES,
        "strangers": STRANGERS,
        "queries": CLASSES * QUERIES,
        "threshold": threshold,
        "float": None,
        "quantised": None,
    }
    try:
        import onnxruntime
    except ImportError:
        report["float_missing"] = "onnxruntime is not installed"
    else:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(GLYPHS / "glyphs_ml.onnx"), options)
        name = session.get_inputs()[0].name

        def float_embed(pixels: NDArray[np.uint8]) -> Vector:
            return unit(session.run(None, {name: planes(pixels).astype(np.float32)})[0])

        report["float"] = _tell_apart(pictures, float_embed, threshold)
    path = next((GLYPHS / "mp_deployment_source").glob("*.kmodel"))
    with Kmodel(path.read_bytes()) as simulator:

        def quantised_embed(pixels: NDArray[np.uint8]) -> Vector:
            return unit(simulator.run(planes(pixels))[0])

        report["quantised"] = _tell_apart(pictures, quantised_embed, threshold)
    return report


def _tell_apart(
    pictures: list[list[NDArray[np.uint8]]], embed: Embed, threshold: float
) -> dict[str, Any]:
    vectors = [[embed(picture) for picture in row] for row in pictures]
    figures = {}
    for count in SAMPLES:
        known = [vector for row in vectors[:CLASSES] for vector in row[:count]]
        gallery = make(known, [sign for sign in range(CLASSES) for _ in range(count)])
        figures[str(count)] = _figures(gallery, vectors, threshold)
    return figures


def _figures(gallery: Gallery, vectors: list[list[Vector]], threshold: float) -> dict[str, float]:
    rule = Rule(threshold)
    views = max(SAMPLES)
    first = right = 0
    same: list[float] = []
    different: list[float] = []
    for sign, row in enumerate(vectors[:CLASSES]):
        for vector in row[views:]:
            decision = gallery.decide(vector, rule)
            first += decision.nearest == f"label {sign}"
            right += decision.label == f"label {sign}"
            for number, score in gallery.ranking(vector, rule, CLASSES):
                (same if number == sign else different).append(score)
    strange = [vector for row in vectors[CLASSES:] for vector in row[views:]]
    refused = sum(gallery.decide(vector, rule).label is None for vector in strange)
    asked = CLASSES * QUERIES
    figures = {
        "top1": first / asked,
        "equal_error_rate": equal_error_rate(same, different),
        "identified": right / asked,
        "unknown_rejected": refused / len(strange),
    }
    scores: Any = gallery_quality.scores
    within, between = asyncio.run(scores(gallery, rule, _no_pause))
    suggestion = gallery_quality.threshold(within, between)
    if suggestion is not None:
        own = Rule(suggestion[0] / 10000)
        hits = sum(
            gallery.decide(vector, own).label == f"label {sign}"
            for sign, row in enumerate(vectors[:CLASSES])
            for vector in row[views:]
        )
        refused = sum(gallery.decide(vector, own).label is None for vector in strange)
        figures["suggested_threshold"] = own.threshold
        figures["identified_suggested"] = hits / asked
        figures["unknown_rejected_suggested"] = refused / len(strange)
    return figures


async def _no_pause() -> None:
    pass
