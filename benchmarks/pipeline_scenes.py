"""Whether a board publishes what a benchmark's scene shows: a speed of something else is no figure.

Each result is held to the scene by a client: how many boxes, where, of which class, with which score;
which text where; which part of a class map each class has. A faster way that finds something else is
found here before anything is measured.
"""

from __future__ import annotations

from benchmarks.pipeline_card import AI_FRAME, Case
from benchmarks.pipeline_models import Shown
from host_client import Result
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    InstanceSegmentationResult,
    OcrResult,
    PoseResult,
    SegmentationResult,
    Text,
)

LEAST_MAP = 160
"""The smallest side of a class map that a row of the table may have."""

_PIXELS = 2.0  # a corner may be off by: the decoders truncate, in their own order of steps
_SCORE = 0.002  # the wire's steps are 0.001
_TEXT_CENTRE = 4.0  # pixels: the text boxes are expanded and drawn in again
_DISC = 0.57  # of its box
_DISC_OFF = 0.1  # where a cell is an eighth of the box
_AREA = 0.03  # of an area: half a pixel along the edges of a smaller map


class SceneError(RuntimeError):
    """A published result is not what the scene shows."""


def check(case: Case, result: Result) -> None:
    """Hold one published result to the case's scene.

    Raises:
        SceneError: with what was expected and what was found.
    """
    shown = case.scenes[0].shown
    if result.task != case.task:
        raise _wrong(case, f"a result of {case.task}", f"one of {result.task}")
    if isinstance(result, ClassificationResult):
        best = shown[0]
        if result.label != best.label or abs(result.score - best.score) > _SCORE:
            raise _wrong(
                case, f"{best.label} with {best.score:.3f}", f"{result.label} {result.score}"
            )
    elif isinstance(result, DetectionResult):
        _boxes(case, shown, result)
    elif isinstance(result, InstanceSegmentationResult):
        _boxes(case, shown, DetectionResult("detection", *result[1:5], _only_boxes(result)))
        for item in result.objects:
            mask = item.mask
            if mask is None or abs(mask.area / (mask.columns * mask.rows) - _DISC) > _DISC_OFF:
                raise _wrong(case, "a mask of a disc", str(mask))
    elif isinstance(result, PoseResult):
        _boxes(case, shown, DetectionResult("detection", *result[1:5], _only_boxes(result)))
        for pose in result.objects:
            middle = pose.keypoints[8] if len(pose.keypoints) == 17 else None
            if middle is None or abs(middle.x - pose.x - pose.w / 2) > _PIXELS:
                raise _wrong(case, "17 keypoints about the middle", str(pose.keypoints))
    elif isinstance(result, OcrResult):
        _texts(case, shown, result)
    elif isinstance(result, SegmentationResult):
        _map(case, shown, result)


def boxes_of(result: Result) -> int | None:
    """Return how many boxes (of texts, too) a result has, None for a result of another kind."""
    if isinstance(result, DetectionResult):
        return len(result.boxes)
    if isinstance(result, InstanceSegmentationResult | PoseResult):
        return len(result.objects)
    if isinstance(result, OcrResult):
        return len(result.texts)
    return None


def map_of(result: Result) -> tuple[int, int] | None:
    """Return (width, height) of a class map, None for a result of another kind."""
    if isinstance(result, SegmentationResult):
        return result.width, result.height
    return None


def _only_boxes(result: InstanceSegmentationResult | PoseResult) -> tuple[Box, ...]:
    return tuple(Box(*item[:7]) for item in result.objects)


def _wrong(case: Case, expected: str, found: str) -> SceneError:
    return SceneError(f"the scene of {case.name}: expected {expected}, found {found}")


def _in_frame(case: Case, one: Shown, *, centred: bool) -> tuple[float, float, float, float]:
    """Return left, top, width, height in frame pixels of what lies in a letterboxed model input."""
    size = case.scenes[0].size
    ratio = min(size[0] / AI_FRAME[0], size[1] / AI_FRAME[1])
    left = (size[0] - AI_FRAME[0] * ratio) / 2 if centred else 0.0
    top = (size[1] - AI_FRAME[1] * ratio) / 2 if centred else 0.0
    return (
        (one.left - left) / ratio,
        (one.top - top) / ratio,
        one.width / ratio,
        one.height / ratio,
    )


def _boxes(case: Case, shown: tuple[Shown, ...], result: DetectionResult) -> None:
    if len(result.boxes) != len(shown):
        raise _wrong(case, f"{len(shown)} boxes", f"{len(result.boxes)}: {result.boxes[:3]}")
    ranked = sorted(shown, key=lambda one: -one.score)
    for one, box in zip(ranked, result.boxes, strict=True):
        left, top, width, height = _in_frame(case, one, centred=True)
        edges = (left, top, left + width, top + height)
        found = (box.x, box.y, box.x + box.w, box.y + box.h)
        if (
            box.label != one.label
            or abs(box.score - one.score) > _SCORE
            or max(abs(a - b) for a, b in zip(edges, found, strict=True)) > _PIXELS
        ):
            place = ", ".join(f"{value:.1f}" for value in (left, top, width, height))
            raise _wrong(case, f"{one.label} with {one.score:.3f} at {place}", str(box))


def _texts(case: Case, shown: tuple[Shown, ...], result: OcrResult) -> None:
    if len(result.texts) != len(shown):
        raise _wrong(case, f"{len(shown)} texts", f"{len(result.texts)}: {result.texts[:3]}")
    ordered = sorted(shown, key=lambda one: (one.top, one.left))
    for one, text in zip(ordered, sorted(result.texts, key=_place), strict=True):
        left, top, width, height = _in_frame(case, one, centred=False)
        quad = text.quad or ()
        across = sum(x for x, _ in quad) / 4 - (left + width / 2)
        down = sum(y for _, y in quad) / 4 - (top + height / 2)
        if text.text != one.label or text.score < 0.9:
            raise _wrong(case, f"the text {one.label}", f"{text.text} with {text.score:.3f}")
        if len(quad) != 4 or max(abs(across), abs(down)) > _TEXT_CENTRE:
            raise _wrong(case, f"a text around {left:.0f}, {top:.0f}, {width:.0f}", str(quad))


def _place(text: Text) -> tuple[int, int]:
    return (text.quad[0][1], text.quad[0][0]) if text.quad else (0, 0)


def _map(case: Case, shown: tuple[Shown, ...], result: SegmentationResult) -> None:
    side = case.scenes[0].size[0]
    if min(result.width, result.height) < LEAST_MAP:
        raise _wrong(
            case, f"a map of at least {LEAST_MAP} a side", f"{result.width} x {result.height}"
        )
    pixels = result.class_map()
    scale = result.width / side
    labels = list(result.areas)
    if sum(result.areas.values()) != len(pixels):
        raise _wrong(case, f"areas of {len(pixels)} pixels", f"{sum(result.areas.values())}")
    for one in shown:
        expected = one.width * one.height * scale * scale
        area = result.areas.get(one.label, 0)
        if abs(area - expected) > _AREA * expected:
            raise _wrong(case, f"{expected:.0f} pixels of {one.label}", str(area))
        x = int((one.left + one.width / 2) * scale)
        y = int((one.top + one.height / 2) * scale)
        kind = pixels[y * result.width + x]
        if labels[kind] != one.label:
            raise _wrong(case, f"{one.label} at {x}, {y}", labels[kind])
