"""Measure finding and reading together, as the ``ocr`` task does: ``python -m models.reading``."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np

from models.draw import camera, jpeg, read
from models.evaluate import HELD_OUT, feed
from models.package import PACKAGES
from models.recipes.text_detection import RECIPE as FINDER
from models.recipes.text_detection import Quad, overlap
from models.recipes.text_recognition import RECIPE as READER
from models.recipes.text_recognition import distance
from models.resample import Pixels
from models.simulator import Kmodel

FRAMES = 60


def cut(frame: Pixels, quad: Quad) -> Pixels:
    """Return the upright picture of a quadrilateral, top left corner first."""
    width = max(int(np.hypot(*(quad[1] - quad[0]))), 1)
    height = max(int(np.hypot(*(quad[3] - quad[0]))), 1)
    goal = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    way = cv2.getPerspectiveTransform(quad.astype(np.float32), goal)
    return np.asarray(cv2.warpPerspective(frame, way, (width, height)), np.uint8)


def upright(quad: Quad) -> Quad:
    """Order corners from top left clockwise, for text that runs roughly to the right."""
    by_x = quad[np.argsort(quad[:, 0])]
    left, right = by_x[:2], by_x[2:]
    left, right = left[np.argsort(left[:, 1])], right[np.argsort(right[:, 1])]
    return np.stack([left[0], right[0], right[1], left[1]])


def measure() -> dict[str, Any]:
    """Return the part of drawn words that both kmodels together find and read without a fault."""
    rng = np.random.default_rng(HELD_OUT)
    words = right = faults = letters = 0
    kmodels = [
        (PACKAGES / name / "mp_deployment_source" / f"{name}.kmodel").read_bytes()
        for name in (FINDER.name, READER.name)
    ]
    with Kmodel(kmodels[0]) as finder, Kmodel(kmodels[1]) as reader:
        for _ in range(FRAMES):
            frame, truth = FINDER.scene(rng)
            seen = read(jpeg(camera(rng, frame, strength=1.5)))
            size = (frame.shape[1], frame.shape[0])
            quads = FINDER.decode(finder.run(feed(FINDER.prepare(seen))), size)
            for word in truth:
                best = max(quads, key=lambda quad: overlap(word.quad, quad), default=None)
                text = ""
                if best is not None and overlap(word.quad, best) > 0:
                    crop = cut(seen, upright(best))
                    text = READER.decode(reader.run(feed(READER.prepare(crop))), size)
                words, right = words + 1, right + int(text == word.text)
                faults, letters = faults + distance(word.text, text), letters + len(word.text)
    return {"word_accuracy": right / words, "character_error": faults / letters, "words": words}


if __name__ == "__main__":
    print(json.dumps(measure()))
