"""Grounds, inks and the faults of a camera: what every generator draws on and through."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from models.resample import Pixels, Size

Colour = tuple[int, int, int]

FRAMES: tuple[Size, ...] = ((320, 240), (320, 240), (320, 240), (384, 216), (256, 256), (240, 320))
"""Frame sizes (width, height) that scenes are drawn at; the first is that of the committed ones."""


def frame_size(rng: np.random.Generator, demo: int | None = None) -> Size:
    """Pick a frame size, 4:3 as often as all others; the first for committed pictures."""
    if demo is not None:
        return FRAMES[0]
    return FRAMES[int(rng.integers(len(FRAMES)))]


def ground(rng: np.random.Generator, size: Size) -> Image.Image:
    """Draw an uneven ground with faint clutter: nothing on it counts as an object."""
    base = rng.integers(0, 256, 3)
    spread = float(rng.choice([4.0, 14.0, 30.0]))
    grid = rng.normal(0, spread, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 1))
    grid = grid + rng.normal(0, spread / 3, (*grid.shape[:2], 3)) + base
    small = Image.fromarray(np.clip(grid, 0, 255).astype(np.uint8))
    image = small.resize(size, Image.Resampling.BICUBIC)
    if rng.random() < 0.5:
        _clutter(rng, image, base)
    return image


def _clutter(rng: np.random.Generator, image: Image.Image, base: NDArray[np.int64]) -> None:
    """Add thin lines and specks in colours near the ground's."""
    pen = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(int(rng.integers(1, 7))):
        colour = tuple(int(c) for c in np.clip(base + rng.normal(0, 35, 3), 0, 255))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if rng.random() < 0.6:
            dx, dy = rng.normal(0, width / 2), rng.normal(0, height / 2)
            pen.line([x, y, x + dx, y + dy], fill=colour, width=int(rng.integers(1, 4)))
        else:
            radius = rng.uniform(1, 4)
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def ink(
    rng: np.random.Generator, image: Image.Image, box: tuple[float, float, float, float]
) -> Colour:
    """Return a colour that stands out from what lies in ``box`` (x1, y1, x2, y2, pixels)."""
    x1, y1 = max(int(box[0]), 0), max(int(box[1]), 0)
    x2, y2 = min(int(box[2]) + 1, image.width), min(int(box[3]) + 1, image.height)
    under = np.asarray(image.crop((x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))))
    mean = under.reshape(-1, 3).mean(axis=0)
    best, distance = np.zeros(3), -1.0
    for _ in range(8):
        colour = rng.integers(0, 256, 3)
        away = float(np.abs((colour - mean) @ np.array([0.3, 0.59, 0.11])))
        away += 0.35 * float(np.abs(colour - mean).max())
        if away > distance:
            best, distance = colour.astype(float), away
        if away > 85:
            break
    return int(best[0]), int(best[1]), int(best[2])


def camera(rng: np.random.Generator, pixels: Pixels, strength: float = 1.0) -> Pixels:
    """Return the picture as a cheap camera sees it: blur, uneven light, tint, gamma, noise."""
    height, width = pixels.shape[:2]
    if rng.random() < 0.6:
        radius = float(rng.uniform(0.2, 1.0)) * strength
        blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))
        pixels = np.asarray(blurred)
    seen = pixels.astype(np.float32) / 255
    if rng.random() < 0.5:
        seen = seen ** np.float32(rng.uniform(0.7, 1.4))
    slope = rng.normal(0, 0.12, 2).astype(np.float32) * strength
    light = 1 + slope[0] * np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    light = light + slope[1] * np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    tint = rng.normal(1, 0.05, 3).astype(np.float32) * np.float32(rng.uniform(0.7, 1.2))
    seen = seen * light * tint
    if rng.random() < 0.3:
        # Haze: less contrast, as through a dirty lens.
        seen = seen * np.float32(0.75) + np.float32(rng.uniform(0, 0.25))
    sigma = np.float32(abs(rng.normal(0, 0.022)) * strength)
    seen = seen + sigma * rng.standard_normal(seen.shape, np.float32)
    return np.asarray(np.clip(seen * 255 + 0.5, 0, 255).astype(np.uint8))


def jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """Encode the picture as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def read(data: bytes) -> Pixels:
    """Decode a picture file into [h, w, 3] RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
