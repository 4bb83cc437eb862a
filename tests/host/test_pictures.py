"""Every way to give a picture ends in the same planes; what is none is refused in one sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from host_client import PictureError
from host_client.commands.pictures import load_picture

PIXELS = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)  # odd sizes
PLANES = PIXELS.transpose(2, 0, 1).tobytes()


def test_paths_bytes_images_and_arrays(tmp_path: Path) -> None:
    image = Image.fromarray(PIXELS)
    path = tmp_path / "p.png"
    image.save(path)
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), image, PIXELS):
        picture = load_picture(source)
        assert (picture.width, picture.height, picture.planes) == (3, 5, PLANES)
    assert load_picture(path).name == str(path)
    assert load_picture(image).name is None
    assert load_picture(PIXELS[:, ::-1]).planes == PIXELS[:, ::-1].transpose(2, 0, 1).tobytes()


def test_grey_alpha_palette_and_16_bits() -> None:
    grey = np.full((2, 4), 77, np.uint8)
    assert load_picture(grey).planes == bytes([77]) * 24
    assert load_picture(Image.fromarray(grey).convert("P")).planes == bytes([77]) * 24
    assert load_picture(Image.fromarray(grey).convert("RGBA")).planes == bytes([77]) * 24
    deep = Image.fromarray(np.full((2, 4), 77 * 256, np.uint16))
    assert load_picture(deep).planes == bytes([77]) * 24


def test_grey_pictures_of_unusual_depth_are_scaled() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    wide = grey.astype(np.uint16) * 257
    high = io.BytesIO()
    Image.frombytes("I;16B", (16, 16), wide.astype(">u2").tobytes()).save(high, "TIFF")
    given = {"16 bits, big-endian": high.getvalue()}
    for name, array in (
        ("16 bits", wide),
        ("16 bits in 32", wide.astype(np.int32)),
        ("8 bits in 32", grey.astype(np.int32)),
        ("fractions", grey.astype(np.float32) / 255),
        ("floats", grey.astype(np.float32)),
    ):
        data = io.BytesIO()
        Image.fromarray(array).save(data, "TIFF")
        given[name] = data.getvalue()
    for name, content in given.items():
        assert load_picture(content).planes == grey.tobytes() * 3, name


def test_pixels_that_mean_nothing_are_refused() -> None:
    for value, kind in (
        (-1, np.int32),
        (70000, np.int32),
        (300.0, np.float32),
        (np.nan, np.float32),
    ):
        data = io.BytesIO()
        Image.fromarray(np.full((4, 4), value, kind)).save(data, "TIFF")
        with pytest.raises(PictureError, match="pixels of 32 bits: expected"):
            load_picture(data.getvalue())
    with pytest.raises(PictureError, match="can't be decoded"):
        load_picture(Image.new("La", (4, 4)))


def test_exif_orientation_is_not_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", exif=exif)
    picture = load_picture(file.getvalue())
    assert (picture.width, picture.height) == (3, 5)


def test_what_is_no_picture(tmp_path: Path) -> None:
    text = tmp_path / "a.jpg"
    text.write_text("hello")
    cut = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(cut, "PNG")
    cases = [
        (tmp_path / "none.jpg", "none.jpg: can.t be read: no such file"),
        (tmp_path, "is a folder"),
        (text, "expected a picture"),
        (b"", "the bytes given"),
        (cut.getvalue()[:900], "can't be decoded"),
        (PIXELS.astype(np.float32), r"found <f4 of shape \(5, 3, 3\)"),
        (PIXELS[:, :, :2], r"found \|u1"),
        (np.zeros((0, 4, 3), np.uint8), "found"),
        (5, "found int"),
    ]
    for source, message in cases:
        with pytest.raises(PictureError, match=message):
            load_picture(source)


def test_absurd_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("1", (400, 400)).save(file, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    with pytest.raises(PictureError, match="too many pixels"):
        load_picture(file.getvalue())
