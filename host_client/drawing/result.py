"""Draw a result into its picture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from host_client.commands.pictures import open_rgb
from host_client.drawing.canvas import Canvas, Entry
from host_client.drawing.palette import GREY, Colour, colour_of
from host_client.results.objects import Instance, OrientedBox, Pose
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    Identified,
    IdentitiesResult,
    InstanceSegmentationResult,
    MetricLearningResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
)

DRAWN_BY = "k230"  # in the header of each PNG drawn here
_SURE = 0.3  # lowest score of a keypoint that is drawn
_BARS = 128  # numbers of an embedding drawn at most


def draw(picture: str | Path | bytes, result: Result, out: Path) -> None:
    """Write the picture (a path, or its content) with the result drawn into it to `out`."""
    save(drawn(open_rgb(picture), result), out)


def save(image: Image.Image, out: Path) -> None:
    """Write a drawing; a PNG names this program in its header."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".png":
        mark = PngInfo()
        mark.add_text("Software", DRAWN_BY)
        image.save(out, pnginfo=mark)
    else:
        image.save(out)


def drawn(image: Image.Image, result: Result) -> Image.Image:
    """Return an enlarged copy of a picture with the result drawn into it and a legend below."""
    canvas = Canvas(image)
    title, entries = _draw(canvas, result)
    return canvas.finish(f"{result.task}: {title}", entries)


def _draw(canvas: Canvas, result: Result) -> tuple[str, list[Entry]]:
    if isinstance(result, ClassificationResult):
        return _classes(result)
    if isinstance(result, MultilabelResult):
        entries = [
            Entry(colour_of(max(0, row.class_id)), f"{row.label} {row.score:.2f}", row.score)
            for row in result.labels
        ]
        return _count(len(entries), "label"), entries
    if isinstance(result, DetectionResult):
        return _boxes(canvas, result.boxes)
    if isinstance(result, InstanceSegmentationResult):
        return _instances(canvas, result.objects)
    if isinstance(result, PoseResult):
        return _poses(canvas, result)
    if isinstance(result, OrientedDetectionResult):
        return _oriented(canvas, result.objects)
    if isinstance(result, IdentitiesResult):
        return _identities(canvas, result.objects)
    if isinstance(result, OcrResult):
        return _texts(canvas, result)
    if isinstance(result, SegmentationResult):
        return _areas(canvas, result)
    return _embedding(canvas, result)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' * (number != 1)}"


class _Legend:
    """Classes in order of appearance, each with its colour, count and share of the picture."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Colour, int]] = {}
        self._shares: dict[str, float] = {}

    def colour(self, label: str, class_id: int = -1) -> Colour:
        """Return the colour of a label, and count it."""
        found = self._seen.get(label)
        colour = found[0] if found else colour_of(class_id if class_id >= 0 else len(self._seen))
        self._seen[label] = (colour, found[1] + 1 if found else 1)
        return colour

    def cover(self, label: str, share: float) -> None:
        """Add to the share of the picture that a label's masks cover."""
        self._shares[label] = self._shares.get(label, 0.0) + share

    def entries(self) -> list[Entry]:
        """Return the rows."""
        rows = []
        for label, (colour, count) in self._seen.items():
            text = label if count == 1 else f"{label} ×{count}"
            if label in self._shares:
                text += f" {100 * self._shares[label]:.1f} %"
            rows.append(Entry(colour, text))
        return rows


def _classes(result: ClassificationResult) -> tuple[str, list[Entry]]:
    entries = [
        Entry(colour_of(max(0, row.class_id)), f"{row.label} {row.score:.2f}", row.score)
        for row in result.top
    ]
    if result.label is None:
        return "undecided: no class reaches the threshold", entries
    return f"{result.label} {result.score:.2f}", entries


def _corners(item: Box | Instance | Pose | OrientedBox | Identified) -> list[tuple[int, int]]:
    right, bottom = item.x + item.w, item.y + item.h
    return [(item.x, item.y), (right, item.y), (right, bottom), (item.x, bottom)]


def _around(item: Box | Instance | Pose | OrientedBox | Identified) -> tuple[int, int, int, int]:
    return item.x, item.y, item.x + item.w, item.y + item.h


def _boxes(canvas: Canvas, boxes: Iterable[Box]) -> tuple[str, list[Entry]]:
    legend, number = _Legend(), 0
    for box in boxes:
        colour = legend.colour(box.label, box.class_id)
        canvas.line(_corners(box), colour, closed=True)
        canvas.label(f"{box.label} {box.score:.2f}", colour, _around(box))
        number += 1
    return _count(number, "object"), legend.entries()


def _instances(canvas: Canvas, objects: tuple[Instance, ...]) -> tuple[str, list[Entry]]:
    legend = _Legend()
    coloured = [(item, legend.colour(item.label, item.class_id)) for item in objects]
    # The best is drawn last, on top; outlines and labels go over all masks.
    for item, colour in reversed(coloured):
        mask = item.mask
        if mask is not None and mask.columns > 0 and mask.rows > 0:
            size = mask.columns * mask.rows
            cells = mask.cells()[:size].ljust(size, b"\0")
            image = Image.frombytes("L", (mask.columns, mask.rows), cells)
            canvas.shade(image, (mask.x, mask.y, mask.x + mask.w, mask.y + mask.h), colour)
            whole = canvas.width * canvas.height / canvas.scale**2
            legend.cover(item.label, mask.area / size * mask.w * mask.h / whole)
    for item, colour in coloured:
        canvas.line(_corners(item), colour, closed=True)
        canvas.label(f"{item.label} {item.score:.2f}", colour, _around(item))
    return _count(len(objects), "object"), legend.entries()


def _poses(canvas: Canvas, result: PoseResult) -> tuple[str, list[Entry]]:
    legend = _Legend()
    names: dict[str, int] = {}
    for item in result.objects:
        colour = legend.colour(item.label, item.class_id)
        canvas.line(_corners(item), colour, closed=True)
        points = item.keypoints
        seen = [point.score is None or point.score >= _SURE for point in points]
        for first, second in result.skeleton:
            if max(first, second) < len(points) and seen[first] and seen[second]:
                ends = [(points[first].x, points[first].y), (points[second].x, points[second].y)]
                canvas.line(ends, colour, closed=False)
        for number, point in enumerate(points):
            names.setdefault(point.name, number)
            if seen[number]:
                canvas.dot((point.x, point.y), colour_of(number + 14))
        canvas.label(f"{item.label} {item.score:.2f}", colour, _around(item))
    entries = legend.entries()
    entries += [Entry(colour_of(number + 14), name) for name, number in names.items() if name]
    return _count(len(result.objects), "object"), entries


def _oriented(canvas: Canvas, objects: tuple[OrientedBox, ...]) -> tuple[str, list[Entry]]:
    legend = _Legend()
    for item in objects:
        colour = legend.colour(item.label, item.class_id)
        canvas.line(item.corners, colour, closed=True)
        text = f"{item.label} {item.score:.2f}, {item.angle:.0f}°"
        canvas.label(text, colour, _around(item))
    return _count(len(objects), "object"), legend.entries()


def _identities(canvas: Canvas, objects: tuple[Identified, ...]) -> tuple[str, list[Entry]]:
    legend = _Legend()
    known = 0
    for item in objects:
        name = item.identity if item.identity is not None else f"{item.label}: unknown"
        known += item.identity is not None
        colour = legend.colour(name) if item.identity is not None else GREY
        canvas.line(_corners(item), colour, closed=True)
        score = "" if item.score is None else f" {item.score:.2f}"
        canvas.label(f"{name}{score}", colour, _around(item))
    return f"{_count(len(objects), 'object')}, {known} known", legend.entries()


def _texts(canvas: Canvas, result: OcrResult) -> tuple[str, list[Entry]]:
    entries = []
    for number, text in enumerate(result.texts):
        colour = colour_of(number)
        words = f"{text.text} {text.score:.2f}" if text.text is not None else f"{text.score:.2f}"
        if text.quad:
            canvas.line(text.quad, colour, closed=True)
            xs, ys = [x for x, _ in text.quad], [y for _, y in text.quad]
            canvas.label(words, colour, (min(xs), min(ys), max(xs), max(ys)))
        if text.text is not None:
            entries.append(Entry(colour, words))
    return _count(len(result.texts), "text"), entries


def _areas(canvas: Canvas, result: SegmentationResult) -> tuple[str, list[Entry]]:
    size = result.width * result.height
    classes = b"".join(bytes((value & 255,)) * count for value, count in result.rle)
    classes = classes[:size].ljust(size, b"\0")
    width, height = canvas.width / canvas.scale, canvas.height / canvas.scale
    entries = []
    shown = 0
    for number, (name, area) in enumerate(result.areas.items()):
        if not area:
            continue
        # The first class is the background: not coloured, so that the others stand out.
        colour = colour_of(number - 1) if number else None
        if colour is not None and size:
            mask = Image.frombytes("L", (result.width, result.height), classes)
            table = [255 if value == number else 0 for value in range(256)]
            canvas.shade(mask.point(table), (0, 0, width, height), colour)
            shown += 1
        part = area / (size or 1)
        entries.append(Entry(colour, f"{name} {100 * part:.1f} %", part))
    return f"{shown} class{'es' * (shown != 1)} and the background", entries


def _embedding(canvas: Canvas, result: Any) -> tuple[str, list[Entry]]:
    assert isinstance(result, MetricLearningResult)
    vector = result.embedding or ()
    if vector:
        canvas.bars(vector[:_BARS])
    title = f"embedding of {len(vector)} numbers"
    if result.score is None:
        return f"{title}, no gallery to compare with", []
    name = result.identity if result.identity is not None else "unknown"
    colour = colour_of(0) if result.identity is not None else GREY
    entries = [Entry(colour, f"{name}, cosine {result.score:.2f}", result.score)]
    if result.margin is not None:
        entries.append(Entry(GREY, f"margin to the second best {result.margin:.2f}", result.margin))
    return f"{name} {result.score:.2f}", entries
