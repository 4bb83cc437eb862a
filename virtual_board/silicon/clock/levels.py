"""The numbers of a timing profile: their levels, bounds and sources, and what replaces them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LEVELS = ("low", "likely", "high")
"""Of the numbers that are not known better: `?level=` behind a profile's name, likely without it."""

_LEVEL = "level="
_PARTS = (("low", ".low"), ("value", ""), ("high", ".high"))


class ProfileError(ValueError):
    """A timing profile cannot be used; the text names file and field."""


def level_of(name: str, changes: Sequence[str]) -> str:
    """Return the level that `level=` among the changes names, likely without it."""
    level = LEVELS[1]
    for change in changes:
        if change.startswith(_LEVEL):
            level = change[len(_LEVEL) :]
            if level not in LEVELS:
                raise ProfileError(
                    f"timing profile {name}: level: expected one of {', '.join(LEVELS)}, "
                    f"found {level!r}"
                )
    return level


def replace(name: str, changes: Sequence[str], numbers: dict[str, float]) -> None:
    """Make the changes `field=number`; the level among them is another matter.

    Raises:
        ProfileError: with the profile's name and the field.
    """
    for change in changes:
        if not change.startswith(_LEVEL):
            _replace(name, change, numbers)


def _replace(name: str, change: str, numbers: dict[str, float]) -> None:
    field, _, text = change.partition("=")
    fitting = [one for one in numbers if one == field or one.endswith("." + field)]
    if len(fitting) != 1:
        found = ", ".join(fitting) if fitting else "none"
        raise ProfileError(f"timing profile {name}: {field}: expected one field, found {found}")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ProfileError(
            f"timing profile {name}: {field}: expected a number of 0 or more, found {text!r}"
        )
    numbers[fitting[0]] = value


def collect(
    path: Path, prefix: str, values: dict[str, Any], numbers: dict[str, float], level: str
) -> None:
    """Put the numbers below `values` into `numbers`, by dotted name, at a level.

    Raises:
        ProfileError: with the file and the field.
    """
    for key, value in values.items():
        field = f"{prefix}{key}"
        if not isinstance(value, dict):
            continue
        if "value" not in value:
            collect(path, field + ".", value, numbers, level)
            continue
        bounds = [
            _number(path, f"{field}{part}", value[key]) for key, part in _PARTS if key in value
        ]
        if bounds != sorted(bounds):
            raise ProfileError(
                f"timing profile {path}: {field}: expected low, value and high to rise, "
                f"found {', '.join(f'{bound:g}' for bound in bounds)}"
            )
        if not value.get("source") and not value.get("estimate"):
            raise ProfileError(
                f"timing profile {path}: {field}: expected a source or an estimate beside it"
            )
        numbers[field] = float(value[level if level in value else "value"])


def _number(path: Path, field: str, number: Any) -> float:
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not 0 <= number < math.inf
    ):
        raise ProfileError(
            f"timing profile {path}: {field}: expected a number of 0 or more, found {number!r}"
        )
    return float(number)
