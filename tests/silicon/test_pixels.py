"""Pixel formats and the picture codec."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.camera import codec, pixels

COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]], [[8, 4, 8], [7, 3, 7]]], np.uint8
)


def test_rgb565_is_little_endian_and_cuts_low_bits() -> None:
    packed = pixels.to_rgb565(COLOURS)
    assert packed.shape == (3, 2, 2)
    assert packed.reshape(-1, 2).view("<u2").reshape(-1).tolist() == [
        0xF800,
        0x07E0,
        0x001F,
        0xFFFF,
        0x0821,
        0x0000,
    ]


def test_rgb565_expands_by_repeating_high_bits() -> None:
    back = pixels.from_rgb565(pixels.to_rgb565(COLOURS))
    assert back[2].tolist() == [[8, 4, 8], [0, 0, 0]]
    assert back[1, 1].tolist() == [255, 255, 255]
    ramp = np.arange(256, dtype=np.uint8)
    grey = np.repeat(ramp[None, :, None], 3, axis=2)
    once = codec.through_rgb565(grey)
    assert np.abs(once.astype(int) - grey).max() <= 7
    np.testing.assert_array_equal(codec.through_rgb565(once), once)


def test_grey_and_planar() -> None:
    assert pixels.to_gray(COLOURS)[:2].tolist() == [[75, 149], [29, 255]]
    np.testing.assert_array_equal(pixels.to_planar(COLOURS), COLOURS.transpose(2, 0, 1))


def test_nv12_layout() -> None:
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[:, :2] = (255, 0, 0)
    rgb[:, 4:] = (255, 255, 255)
    data = pixels.to_nv12(rgb)
    assert data.shape == (6, 6)
    assert data[0].tolist() == [76, 76, 0, 0, 255, 255]
    assert data[4].tolist() == [84, 255, 128, 128, 128, 128]
    with pytest.raises(SiliconError, match="even sides, found 5x4"):
        pixels.to_nv12(rgb[:, :5])


def test_encode_by_name() -> None:
    for name, shape in (
        ("RGB565", (4, 6, 2)),
        ("RGB888", (4, 6, 3)),
        ("RGBP888", (3, 4, 6)),
        ("GRAYSCALE", (4, 6)),
        ("YUV420SP", (6, 6)),
    ):
        made = pixels.encode(np.zeros((4, 6, 3), np.uint8), name)
        assert made.shape == shape
        assert made.flags.c_contiguous
    with pytest.raises(SiliconError, match=r"expected one of RGB565.*found 'RAW'"):
        pixels.encode(COLOURS, "RAW")


def test_orientation_and_crop() -> None:
    rgb = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    both = pixels.orient(rgb, hmirror=True, vflip=True)
    np.testing.assert_array_equal(both, rgb[::-1, ::-1])
    cut = pixels.orient(rgb, hmirror=True, crop=(1, 2, 2, 1))
    np.testing.assert_array_equal(cut, rgb[2:3, 1:3][:, ::-1])
    with pytest.raises(SiliconError, match="not inside 4x3"):
        pixels.orient(rgb, crop=(3, 0, 2, 1))


def encoded(rgb: NDArray[Any], form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_lossless_files_are_exact_and_rgb565_on_the_board(form: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    data = encoded(rgb, form)
    np.testing.assert_array_equal(codec.read_rgb(data), rgb)
    np.testing.assert_array_equal(codec.decode_rgb565(data), pixels.to_rgb565(rgb))


def test_grey_and_16_bit_files() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    np.testing.assert_array_equal(codec.read_rgb(encoded(grey, "PNG"))[..., 1], grey)
    deep = grey.astype(np.uint16) << 8
    np.testing.assert_array_equal(codec.read_rgb(encoded(deep, "PNG"))[..., 2], grey)


def test_jpeg_quality() -> None:
    rows, columns = np.mgrid[0:64, 0:64].astype(np.uint8)
    rgb = np.stack((rows * 3, columns * 3, rows + columns), axis=-1)
    sizes = [len(codec.encode_jpeg(rgb, quality)) for quality in (10, 35, 50, 90)]
    assert sizes == sorted(sizes)
    back = codec.read_rgb(codec.encode_jpeg(rgb, 95))
    assert np.abs(back.astype(int) - rgb).mean() < 2
    assert codec.read_rgb(codec.encode_jpeg(rgb[..., 0])).shape == (64, 64, 3)
    with pytest.raises(SiliconError, match="expected 1 to 100, found 0"):
        codec.encode_jpeg(rgb, 0)


def test_bad_files() -> None:
    with pytest.raises(SiliconError, match=r"not a picture that can be read \(JPEG, PNG, BMP\)"):
        codec.decode_rgb565(b"hello")
    whole = codec.encode_jpeg(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="cannot be decoded"):
        codec.read_rgb(whole[:-80])


def test_jpegs_decode_as_in_the_golden_run(shared: Path) -> None:
    golden = json.loads((shared / "golden/e2e.json").read_text())
    for entry in golden["images"]:
        rgb = codec.read_rgb((shared / "data/pictures" / f"veg_{entry['file']}").read_bytes())
        assert hashlib.sha256(rgb.tobytes()).hexdigest() == entry["rgb_hwc_sha256"]
