"""Timing profiles: how long the board takes for each stage, with where each number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from virtual_board.silicon.clock.levels import ProfileError, collect, level_of, replace

_FOLDER = Path(__file__).resolve().parents[2] / "profiles"


@dataclass(frozen=True, slots=True)
class ModelTime:
    """The time of one published model: kmodels with a name that begins with `name`, at one input side."""

    name: str
    side: int
    ms: float


@dataclass(frozen=True, slots=True)
class SensorTime:
    """A camera sensor: its modes (width, height, frames a second) and what waiting for it takes."""

    name: str
    modes: tuple[tuple[int, int, int], ...]
    jitter_ms: float
    snapshot_ms: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The numbers of one profile by dotted name, its table of models and its sensor."""

    name: str
    numbers: dict[str, float]
    models: tuple[ModelTime, ...]
    sensor: SensorTime

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

    def unexplained_ms(self, side: float) -> float:
        """Return what a frame takes beyond the known stages, for a model of this input side.

        Zero unless `unexplained.applied` is set; models smaller than the smallest published (a text
        recogniser that runs once a box) have none.
        """
        n = self.numbers
        if not n["unexplained.applied"] or side < min(UNEXPLAINED_SIDES):
            return 0.0
        nearest = min(UNEXPLAINED_SIDES, key=lambda one: abs(one - side))
        return n[f"unexplained.at_{nearest}_ms"]

    def interpreter(self) -> dict[str, float]:
        """Return what the stand-ins need for the interpreter's clock (modules/_k230/timed.py)."""
        return {
            name: value
            for name, value in self.numbers.items()
            if name.partition(".")[0] in _INTERPRETER
        }

    def product_ms(self, count: float) -> float:
        """Return the time of so many multiplications in a product of tables."""
        n = self.numbers
        return count * n["native.element_ns"] * n.get("arrays.dot", 1.0) / 1e6

    def jpeg_ms(self, pixels: int) -> float:
        """Return the time of encoding a picture of so many pixels."""
        n = self.numbers
        return max(n["jpeg.least_ms"], n["jpeg.ms_megapixel"] * pixels / 1e6)

    def post_ms(self, size: int) -> float:
        """Return the time of native post-processing of so many bytes of outputs."""
        n = self.numbers
        return n["post_processing.ms"] * size / n["post_processing.at_bytes"]


UNEXPLAINED_SIDES = (224, 320, 640)
"""Input sides for which whole-frame figures are published."""

DEFAULT_MODES = ((1920, 1080, 30), (1920, 1080, 60), (1280, 720, 90))
"""Of the GC2093 that comes with most boards."""

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
    "files.write_mb_s",
    "files.write_ms",
    "files.read_mb_s",
    "sockets.send_ms",
    "display.show_ms",
    "display.draw_ms",
    "gc.collect_ms",
    "gc.scan_ms",
    "interpreter.interpreter_factor",
    "interpreter.reference_us",
    "cold.times",
    "cold.factor",
    "cold.us",
    "sleep.short_ms",
    "native.call_us",
    "native.element_ns",
    "native.number_us",
    "native.copy_ms_mb",
    "native.build_ms",
    "unexplained.applied",
    *(f"unexplained.at_{side}_ms" for side in UNEXPLAINED_SIDES),
)
_DIVISORS = (
    *("at_pixels", "at_mb", "at_bytes", "read_mb_s", "write_mb_s"),
    *("interpreter_factor", "reference_us", "cold.factor"),
)
_INTERPRETER = (
    *("interpreter", "cold", "sleep", "native", "arrays"),
    *("gc", "sockets", "display", "files"),
)


def names() -> list[str]:
    """Return the profiles that come with the virtual board."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_profile(name: str) -> Profile:
    """Return the profile of a name in names(), or of a path.

    Single numbers may be replaced behind it: `k230?interpreter_factor=1&unexplained.applied=1`. The last
    part of a field's name is enough where no other field ends like it. `level=low` or `level=high` takes
    the bounds of all numbers that have some.

    Raises:
        ProfileError: with one sentence.
    """
    wanted = name
    name, _, changes = name.partition("?")
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
        raise ProfileError(f"timing profile {path}: can't be read: {first}") from None
    if not isinstance(content, dict):
        raise ProfileError(f"timing profile {path}: expected sections with named fields")
    models = _models(path, content)
    numbers: dict[str, float] = {}
    replaced = [change for change in changes.split("&") if change]
    collect(path, "", content, numbers, level_of(wanted, replaced))
    replace(wanted, replaced, numbers)
    for field in REQUIRED:
        if field not in numbers:
            raise ProfileError(f"timing profile {path}: {field} is missing")
        if field.endswith(_DIVISORS) and numbers[field] <= 0:
            raise ProfileError(f"timing profile {path}: {field}: expected more than 0")
    return Profile(wanted, numbers, models, _sensor(path, content, numbers))


def _sensor(path: Path, content: dict[str, Any], numbers: dict[str, float]) -> SensorTime:
    """Return the sensor that `camera.sensor` names; what it does not say, `camera` does."""
    camera = content.get("camera")
    name = str(camera.get("sensor", "gc2093")) if isinstance(camera, dict) else "gc2093"
    sensors = content.get("sensors")
    section = sensors.get(name) if isinstance(sensors, dict) else None
    if section is None and isinstance(sensors, dict) and name != "gc2093":
        raise ProfileError(
            f"timing profile {path}: camera.sensor: expected one of {', '.join(sensors)}, "
            f"found {name}"
        )
    rows = section.get("modes") if isinstance(section, dict) else None
    try:
        modes = tuple((int(r["width"]), int(r["height"]), int(r["fps"])) for r in rows or ())
        if any(min(mode) < 1 for mode in modes):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise ProfileError(
            f"timing profile {path}: sensors.{name}.modes: expected rows with width, height and fps"
        ) from None

    def number(field: str) -> float:
        return numbers.get(f"sensors.{name}.{field}", numbers[f"camera.{field}"])

    return SensorTime(name, modes or DEFAULT_MODES, number("jitter_ms"), number("snapshot_ms"))


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
