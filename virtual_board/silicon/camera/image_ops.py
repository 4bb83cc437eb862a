"""What the image module calls: formats, copies, JPEG and simple drawing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.base.server import Operation
from virtual_board.silicon.camera import codec, pixels
from virtual_board.silicon.camera.sensors import Sensors
from virtual_board.silicon.clock.timing import Clock

Pixels = NDArray[np.uint8]
Answer = tuple[Any, list[Buffer]]

_FILE_FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "bmp": "BMP"}


def decode_pixels(form: str, data: Buffer, width: int, height: int) -> Pixels:
    """Return [h, w, 3] RGB (or [h, w, 4] RGBA for ARGB8888) of raw pixels in a format."""
    raw = np.frombuffer(data, np.uint8)
    if form == "RGB888":
        return raw.reshape(height, width, 3)
    if form == "RGBP888":
        return np.ascontiguousarray(raw.reshape(3, height, width).transpose(1, 2, 0))
    if form == "RGB565":
        return pixels.from_rgb565(raw.reshape(height, width, 2))
    if form == "GRAYSCALE":
        return np.repeat(raw[: width * height].reshape(height, width, 1), 3, axis=2)
    if form == "ARGB8888":
        return np.ascontiguousarray(raw.reshape(height, width, 4)[..., [1, 2, 3, 0]])
    if form == "JPEG":
        return codec.read_rgb(bytes(data))
    raise SiliconError("ValueError", f"the image function takes no {form} picture")


def encode_pixels(rgb: Pixels, form: str) -> Pixels:
    """Return the raw pixels of [h, w, 3] RGB or [h, w, 4] RGBA in a format."""
    if form == "ARGB8888":
        if rgb.shape[2] == 3:
            rgb = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        return np.ascontiguousarray(rgb[..., [3, 0, 1, 2]])
    return np.ascontiguousarray(pixels.encode(np.ascontiguousarray(rgb[..., :3]), form))


class Images:
    """Operations on pictures: a camera frame in place, or pixels that travel."""

    def __init__(self, sensors: Sensors, clock: Clock) -> None:
        self._sensors = sensors
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        """Return what the image stand-in calls."""
        return {
            "image.decode": self._decode,
            "image.convert": self._convert,
            "image.jpeg": self._jpeg,
            "image.copy": self._copy,
            "image.encode": self._encode,
            "image.draw": self._draw,
            "image.paste": self._paste,
        }

    def _rgb(self, reference: list[Any], blobs: list[memoryview]) -> tuple[str, Pixels]:
        if reference[0] == "frame":
            form, shot, width, height = self._sensors.picture(reference)
            return form, decode_pixels(form, shot.pixels().reshape(-1).data, width, height)
        _, form, width, height = reference
        return form, decode_pixels(form, blobs.pop(0), width, height)

    def _put(self, reference: list[Any], form: str, rgb: Pixels) -> list[Buffer]:
        """Write a changed picture back: into the camera's memory, or home."""
        content = encode_pixels(rgb, form)
        if reference[0] == "frame":
            shot = self._sensors.shot(reference)
            shot.content = content
            return []
        return [content.reshape(-1).data]

    def _decode(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        data = bytes(blobs[0])
        made = codec.decode_rgb565(data)
        height, width = made.shape[:2]
        return ["RGB565", width, height], [made.reshape(-1).data]

    def _convert(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, (form, scale) = args
        own, rgb = self._rgb(reference, blobs)
        if form == "RGB888" and own != "RGB888":
            # The firmware goes through RGB565: the low bits are lost.
            rgb = pixels.from_rgb565(pixels.to_rgb565(rgb[..., :3]))
        rgb = _scaled(rgb, scale)
        made = encode_pixels(rgb, form)
        return [form, rgb.shape[1], rgb.shape[0]], [made.reshape(-1).data]

    def _copy(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, (roi, scale) = args
        form, rgb = self._rgb(reference, blobs)
        if roi is not None:
            x, y, width, height = roi
            rgb = pixels.orient(rgb, crop=(x, y, width, height))
        rgb = _scaled(np.ascontiguousarray(rgb), scale)
        made = encode_pixels(rgb, form)
        return [form, rgb.shape[1], rgb.shape[0]], [made.reshape(-1).data]

    def _jpeg(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, (quality,) = args
        form, rgb = self._rgb(reference, blobs)
        height, width = rgb.shape[:2]
        with self._clock.jpeg(width * height):
            if form == "RGB888":
                rgb = pixels.from_rgb565(pixels.to_rgb565(rgb))
            data = codec.encode_jpeg(rgb[..., 0] if form == "GRAYSCALE" else rgb[..., :3], quality)
        return ["JPEG", width, height], [data]

    def _encode(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, (path, quality) = args
        _, rgb = self._rgb(reference, blobs)
        ending = path.rpartition(".")[2].lower()
        kind = _FILE_FORMATS.get(ending)
        if kind is None:
            raise SiliconError("ValueError", f"save: expected .jpg, .png or .bmp, found {path!r}")
        if kind == "JPEG":
            return None, [codec.encode_jpeg(rgb[..., :3], quality)]
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, kind)
        return None, [file.getvalue()]

    def _draw(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, strokes = args
        form, rgb = self._rgb(reference, blobs)
        canvas = Image.fromarray(rgb)
        draw = ImageDraw.Draw(canvas)
        for op, values in strokes:
            _DRAWERS[op](draw, canvas.mode, values)
        return None, self._put(reference, form, np.asarray(canvas))

    def _paste(self, args: list[Any], blobs: list[memoryview]) -> Answer:
        reference, other, x, y = args
        form, rgb = self._rgb(reference, blobs)
        _, over = self._rgb(other, blobs)
        canvas = Image.fromarray(rgb)
        top = Image.fromarray(over)
        canvas.paste(top, (x, y), top if top.mode == "RGBA" else None)
        return None, self._put(reference, form, np.asarray(canvas))


def _scaled(rgb: Pixels, scale: list[float]) -> Pixels:
    if scale == [1.0, 1.0]:
        return rgb
    size = max(1, round(rgb.shape[1] * scale[0])), max(1, round(rgb.shape[0] * scale[1]))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.NEAREST))


def _paint(mode: str, color: list[int]) -> tuple[int, ...]:
    """Return the colour for Pillow: three parts, or alpha first with four."""
    if len(color) == 4:
        alpha, red, green, blue = color
        return (red, green, blue, alpha) if mode == "RGBA" else (red, green, blue)
    return (*color[:3], 255) if mode == "RGBA" else tuple(color[:3])


def _clear(draw: ImageDraw.ImageDraw, mode: str, values: list[Any]) -> None:
    draw.rectangle((0, 0, *draw.im.size), fill=(0,) * len(mode))


def _rectangle(draw: ImageDraw.ImageDraw, mode: str, values: list[Any]) -> None:
    (x, y, width, height), color, thickness, fill = values
    if width < 1 or height < 1:
        return
    ink = _paint(mode, color)
    box = (x, y, x + width - 1, y + height - 1)
    draw.rectangle(box, outline=ink, width=max(1, thickness), fill=ink if fill else None)


def _line(draw: ImageDraw.ImageDraw, mode: str, values: list[Any]) -> None:
    ends, color, thickness, _ = values
    draw.line(ends, fill=_paint(mode, color), width=max(1, thickness))


def _circle(draw: ImageDraw.ImageDraw, mode: str, values: list[Any]) -> None:
    (x, y, radius), color, thickness, fill = values
    if radius < 0:
        return
    ink = _paint(mode, color)
    box = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse(box, outline=ink, width=max(1, thickness), fill=ink if fill else None)


def _string(draw: ImageDraw.ImageDraw, mode: str, values: list[Any]) -> None:
    (x, y), color, size, text = values
    font = ImageFont.load_default(size=max(1, size))
    try:
        draw.text((x, y), text, fill=_paint(mode, color), font=font)
    except UnicodeEncodeError:  # Pillow built without FreeType has Latin letters only
        draw.text((x, y), text.encode("ascii", "replace").decode(), fill=_paint(mode, color))


_DRAWERS = {
    "clear": _clear,
    "rectangle": _rectangle,
    "line": _line,
    "circle": _circle,
    "string": _string,
}
