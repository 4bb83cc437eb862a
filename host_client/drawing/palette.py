"""Colours of classes, distinguishable with colour-vision deficiency."""

from __future__ import annotations

Colour = tuple[int, int, int]

# Okabe and Ito's set without black. They differ in lightness as well as in hue.
_BASE: tuple[Colour, ...] = (
    (230, 159, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (86, 180, 233),
)
# Later rounds are darker, then lighter.
_ROUNDS = (0, -80, 60)

INK: Colour = (30, 30, 30)
PAPER: Colour = (255, 255, 255)
GREY: Colour = (120, 120, 120)


def colour_of(number: int) -> Colour:
    """Return the colour of a class by its number; there are 21."""
    change = _ROUNDS[number // len(_BASE) % len(_ROUNDS)]
    red, green, blue = (min(255, max(0, part + change)) for part in _BASE[number % len(_BASE)])
    return red, green, blue


def ink_on(colour: Colour) -> Colour:
    """Return black or white for readable text on a colour."""
    red, green, blue = colour
    return INK if 299 * red + 587 * green + 114 * blue > 128_000 else PAPER
