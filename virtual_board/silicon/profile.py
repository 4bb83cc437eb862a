"""Timing profiles: how long the board takes for each stage, with where each number comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).resolve().parent.parent / "profiles"


class ProfileError(ValueError):
    """A timing profile cannot be used; the text names file and field."""


@dataclass(frozen=True, slots=True)
class ModelTime:
    """The time of one published model: kmodels whose name begins with `name`, at one input side."""

    name: str
    side: int
    ms: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The numbers of one profile by dotted name, and its table of models."""

    name: str
    numbers: dict[str, float]
    models: tuple[ModelTime, ...]

    def ai2d_ms(self, pixels: int) -> float:
        """Return the time of one ai2d run over a source of so many pixels."""
        n = self.numbers
        return max(n["ai2d.least_ms"], n["ai2d.ms"] * pixels / n["ai2d.at_pixels"])

    def kpu_ms(self, name: str, size: int, side: int, pixels: int, outputs: int) -> float:
        """Return the time of one inference.

        Args:
            name: the kmodel's path or name.
            size: bytes of the kmodel.
            side: the input's longer side.
            pixels: the input's width times height.
            outputs: numbers in all outputs together.
        """
        stem = Path(name).stem.lower()
        fitting = [m for m in self.models if stem.startswith(m.name) and m.side == side]
        if fitting:
            return max(fitting, key=lambda m: len(m.name)).ms
        n = self.numbers
        ms: float = (
            n["kpu.other.ms"] * (size / 1e6 / n["kpu.other.at_mb"]) ** n["kpu.other.by_size"]
        )
        ms *= (pixels / n["kpu.other.at_pixels"]) ** n["kpu.other.by_pixels"]
        if outputs <= n["kpu.other.classifier_outputs"]:
            ms *= n["kpu.other.classifier"]
        return max(n["kpu.other.least_ms"], ms)

    def load_ms(self, size: int, *, by_path: bool) -> float:
        """Return the time of load_kmodel: by path the interpreter waits for the card too."""
        n = self.numbers
        ms = n["load_kmodel.setup_ms"] + n["load_kmodel.setup_ms_mb"] * size / 1e6
        return ms + size / 1e3 / n["load_kmodel.read_mb_s"] if by_path else ms

    def jpeg_ms(self, pixels: int) -> float:
        """Return the time of encoding a picture of so many pixels."""
        n = self.numbers
        return max(n["jpeg.least_ms"], n["jpeg.ms_megapixel"] * pixels / 1e6)

    def post_ms(self, size: int) -> float:
        """Return the time of native post-processing of so many bytes of outputs."""
        n = self.numbers
        return n["post_processing.ms"] * size / n["post_processing.at_bytes"]


REQUIRED = (
    "camera.jitter_ms",
    "camera.snapshot_ms",
    "ai2d.ms",
    "ai2d.at_pixels",
    "ai2d.least_ms",
    "kpu.other.ms",
    "kpu.other.at_mb",
    "kpu.other.at_pixels",
    "kpu.other.by_size",
    "kpu.other.by_pixels",
    "kpu.other.classifier",
    "kpu.other.classifier_outputs",
    "kpu.other.least_ms",
    "post_processing.ms",
    "post_processing.at_bytes",
    "load_kmodel.read_mb_s",
    "load_kmodel.setup_ms",
    "load_kmodel.setup_ms_mb",
    "jpeg.ms_megapixel",
    "jpeg.least_ms",
)
_DIVISORS = ("at_pixels", "at_mb", "at_bytes", "read_mb_s")


def names() -> list[str]:
    """Return the profiles that come with the virtual board."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_profile(name: str) -> Profile:
    """Return the profile of a name in names(), or of a path.

    Raises:
        ProfileError: with one sentence.
    """
    path = (
        _FOLDER / f"{name}.yaml" if "/" not in name and not name.endswith(".yaml") else Path(name)
    )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProfileError(
            f"timing profile {name}: expected one of {', '.join(names())} or a file, found neither"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise ProfileError(f"timing profile {path}: cannot be read: {first}") from None
    if not isinstance(content, dict):
        raise ProfileError(f"timing profile {path}: expected sections with named fields")
    models = _models(path, content)
    numbers: dict[str, float] = {}
    _collect(path, "", content, numbers)
    for field in REQUIRED:
        if field not in numbers:
            raise ProfileError(f"timing profile {path}: {field} is missing")
        if field.endswith(_DIVISORS) and numbers[field] <= 0:
            raise ProfileError(f"timing profile {path}: {field}: expected more than 0")
    return Profile(name, numbers, models)


def _collect(path: Path, prefix: str, values: dict[str, Any], numbers: dict[str, float]) -> None:
    for key, value in values.items():
        field = f"{prefix}{key}"
        if not isinstance(value, dict):
            continue
        if "value" not in value:
            _collect(path, field + ".", value, numbers)
            continue
        number = value["value"]
        if (
            isinstance(number, bool)
            or not isinstance(number, int | float)
            or not 0 <= number < math.inf
        ):
            raise ProfileError(
                f"timing profile {path}: {field}: expected a number of 0 or more, found {number!r}"
            )
        if not value.get("source") and not value.get("estimate"):
            raise ProfileError(
                f"timing profile {path}: {field}: expected a source or an estimate beside it"
            )
        numbers[field] = float(number)


def _models(path: Path, content: dict[str, Any]) -> tuple[ModelTime, ...]:
    section = content.get("kpu")
    rows: Sequence[Any] = section.get("models") or () if isinstance(section, dict) else ()
    try:
        return tuple(
            ModelTime(str(r["name"]).lower(), int(r["input"]), float(r["ms"])) for r in rows
        )
    except (KeyError, TypeError, ValueError):
        raise ProfileError(
            f"timing profile {path}: kpu.models: expected rows with name, input and ms"
        ) from None
