"""Runs in MicroPython: the time of a gallery's decision beside the vendor's way, on the same data.

SIZES, DIMENSION and SECONDS are set by the caller. Prints one JSON line a size.
"""

# mypy: ignore-errors

import gc
import json
import sys
import time

from ulab import numpy as np

from firmware_app.board import arrays
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.decision import Rule
from firmware_app.gallery.labels import Gallery

SAMPLES_PER_LABEL = 5

SIZES = globals().get("SIZES", (10, 100, 1000))
DIMENSION = globals().get("DIMENSION", 256)
SECONDS = globals().get("SECONDS", 2)


def embedding(label: int, view: int):
    """Return a made-up embedding of any length: views of a label are near each other."""
    ramp = np.arange(DIMENSION) * 1.0
    base = np.sin(ramp * (0.37 + label % 101 * 0.013) + label)
    return (base + np.sin(ramp * (1.1 + view * 0.31) + label * 7 + view) * 0.4) * 9.0


def vendor(embeddings, query):
    """The vendor's arithmetic: the library becomes an array twice for each query, with its norms."""
    size = np.linalg.norm(query)
    sizes = np.linalg.norm(np.array(embeddings, dtype=np.float), axis=1)
    products = np.dot(np.array(embeddings), query)
    similarities = products / (sizes * size)
    best = np.argmax(similarities)
    return best, similarities[best]


def median_us(work) -> int:
    """Return the median time of one call, garbage collected before each as in a frame loop."""
    took: list = []
    end = time.ticks_ms() + int(SECONDS * 1000)
    while len(took) < 3 or (time.ticks_ms() < end and len(took) < 201):
        gc.collect()
        start = time.ticks_us()
        work()
        took.append(time.ticks_diff(time.ticks_us(), start))
    took.sort()
    return took[len(took) // 2]


def enroll(gallery, count: int) -> list:
    """Enroll count samples; return them as the vendor keeps them."""
    kept: list = []
    labels = (count + SAMPLES_PER_LABEL - 1) // SAMPLES_PER_LABEL
    for i in range(count):
        label, view = i % labels, i // labels
        vector = embedding(label, view)
        kept.append(vector)
        text = "label %d" % label
        if gallery.label(text) is None:
            # Every third label has a threshold of its own.
            own = 0.6 if label % 3 == 0 else None
            gallery.apply(gallery_format.LABEL, gallery_format.label_body(label, text, own))
        body = gallery_format.samples_body(
            [(i + 1, label, 0)], arrays.float_bytes(arrays.unit(vector))
        )
        gallery.apply(gallery_format.SAMPLES, body)
        if i % 50 == 0:
            gc.collect()
    return kept


def measure(count: int) -> None:
    """Print the figures of one size."""
    gallery = Gallery(arrays, DIMENSION, bytes(32), count + 1)
    gallery.positive.reserve(count + 1)
    kept = enroll(gallery, count)
    rule = Rule(0.5, margin=0.01)
    queries = [embedding(i * 7 % (count // SAMPLES_PER_LABEL), 9) * 3.0 for i in range(5)]
    strange = np.cos(np.arange(DIMENSION) * 2.9)
    same = 0
    for query in queries:
        row, score = vendor(kept, query)
        decision = gallery.decide(query, rule)
        name = gallery.text_of(gallery.positive.owner_of(gallery.positive.row_of(row + 1)))
        same += decision.nearest == name and abs(decision.cosine - float(score)) < 1e-4
    at = [0]

    def product() -> None:
        at[0] += 1
        vector = arrays.unit(queries[at[0] % 5])
        arrays.highest(gallery.positive.cosines(vector))

    def decide() -> None:
        at[0] += 1
        gallery.decide(queries[at[0] % 5], rule)

    def theirs() -> None:
        at[0] += 1
        vendor(kept, queries[at[0] % 5])

    def ways():
        unit = arrays.unit(queries[0])
        table = gallery.positive.table
        return (
            median_us(lambda: arrays.product_by_dot(table, count, unit)),
            median_us(lambda: arrays.product_by_halves(table, count, unit)),
        )

    body = gallery_format.samples_body(
        [(count + 1, 0, 0)], arrays.float_bytes(arrays.unit(strange))
    )
    gone = gallery_format.ids_body([count + 1])
    gallery.positive.reserve(1)

    def touch() -> None:
        gallery.apply(gallery_format.SAMPLES, body)
        gallery.apply(gallery_format.REMOVE_SAMPLES, gone)

    dot_us, halves_us = ways()
    figures = {
        "size": count,
        "vendor_us": median_us(theirs),
        "query_us": median_us(product),
        "decision_us": median_us(decide),
        "dot_us": dot_us,
        "halves_us": halves_us,
        "add_and_remove_us": median_us(touch),
        "same": same,
        "of": len(queries),
        "stranger": gallery.decide(strange, rule).label,
    }
    rule.combine = "mean"
    figures["decision_mean_us"] = median_us(decide)
    rule.combine = "nearest"
    figures["decision_nearest_us"] = median_us(decide)
    print(json.dumps(figures))


def main() -> None:
    import ulab

    print(
        json.dumps(
            {
                "interpreter": "MicroPython %d.%d.%d" % tuple(sys.implementation[1][:3]),
                "ulab": getattr(ulab, "__version__", "stand-in"),
                "single_precision": 1.0 + 1e-9 == 1.0,
            }
        )
    )
    for count in SIZES:
        measure(count)
        gc.collect()


main()
