"""ai2d: bit for bit against recorded hardware and golden vectors, and small cases by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from virtual_board.silicon.ai2d import plan as ai2d
from virtual_board.silicon.ai2d import tables as ai2d_tables
from virtual_board.silicon.ai2d.plan import Affine, Ai2dParams, Ai2dPlan
from virtual_board.silicon.base.errors import NativeFault, SiliconError

BILINEAR = (ai2d.TF_BILINEAR, ai2d.MODE_HALF_PIXEL)


def golden_input(channels: int, height: int, width: int) -> NDArray[np.uint8]:
    c, y, x = np.ogrid[:channels, :height, :width]
    value = 7 * x + 13 * y + 29 * c + (x * y) % 31 + ((x // 9 + y // 11) % 2) * 90
    planes: NDArray[np.uint8] = (value % 256).astype(np.uint8)
    return planes[None]


def golden_cases(shared: Path) -> list[tuple[dict[str, Any], NDArray[np.uint8]]]:
    with np.load(shared / "golden/ai2d.npz") as stored:
        cases = json.loads(bytes(stored["meta"]))
        return [(case, stored[f"c{case['case']:02d}_out"]) for case in cases]


def golden_plan(case: dict[str, Any], **changes: Any) -> Ai2dPlan:
    pad = case["pad_tblr"]
    params = Ai2dParams(
        crop=tuple(case["crop_xywh"]) if case["crop_xywh"] else None,
        pad=(0, 0, 0, 0, *pad) if pad else None,
        pad_values=tuple(case["pad_val"] or ()),
        resize=BILINEAR,
        **changes,
    )
    channels, height, width = case["in_chw"]
    shape = (1, channels, height, width)
    if changes:
        shape = (1, height, width, channels)
    return Ai2dPlan(shape, (1, channels, *case["out_hw"]), params)


def test_golden_vectors(shared: Path) -> None:
    for case, expected in golden_cases(shared):
        made = golden_plan(case).run(golden_input(*case["in_chw"]))
        np.testing.assert_array_equal(made[0], expected, err_msg=str(case))


def test_golden_vectors_from_packed_input(shared: Path) -> None:
    for case, expected in golden_cases(shared):
        if case["in_chw"][0] == 3 and not (case["pad_tblr"] and case["pad_tblr"][2]):
            packed = np.ascontiguousarray(golden_input(*case["in_chw"]).transpose(0, 2, 3, 1))
            made = golden_plan(case, src_format=ai2d.RGB_PACKED).run(packed)
            np.testing.assert_array_equal(made[0], expected, err_msg=str(case))


def test_recorded_hardware_run(shared: Path) -> None:
    folder = shared / "data/ai2d"
    source = np.fromfile(folder / "face_detection_ai2d_input.bin", np.uint8)
    expected = np.fromfile(folder / "face_detection_ai2d_output.bin", np.uint8)
    params = Ai2dParams(pad=(0, 0, 0, 0, 0, 125, 0, 0), pad_values=(104, 117, 123), resize=BILINEAR)
    made = Ai2dPlan((1, 3, 624, 1024), (1, 3, 320, 320), params).run(source)
    np.testing.assert_array_equal(made.reshape(-1), expected)


@pytest.mark.parametrize(
    ("source", "output", "tile"),
    [
        ((1280, 720), (224, 126), (45, 45)),
        ((640, 480), (640, 640), (256, 340)),
        ((640, 360), (640, 360), (256, 256)),
        ((800, 480), (512, 512), (164, 271)),
        ((384, 216), (224, 224), (176, 222)),
        ((416, 640), (640, 640), (392, 256)),
        ((671, 824), (367, 447), (140, 138)),
        ((320, 240), (192, 108), (164, 108)),
        ((240, 1200), (100, 300), (100, 68)),
        ((256, 256), (640, 640), (640, 640)),
    ],
)
def test_tile_sizes_are_those_of_nncase(
    source: tuple[int, int], output: tuple[int, int], tile: tuple[int, int]
) -> None:
    """Expected values: `ai2d_utils::resize_sram_search` of nncase-kpu 2.11.0."""
    x, y = (
        ai2d_tables.axis(size, out, align=False, bias_factor=0.5, bias_shift=-0.5)
        for size, out in zip(source, output, strict=True)
    )
    assert ai2d_tables.tile_size(x, y) == tile


def plan(source: tuple[int, ...], output: tuple[int, ...], **params: Any) -> Ai2dPlan:
    return Ai2dPlan(source, output, Ai2dParams(**params))


def test_doubling_by_hand() -> None:
    source = np.array([0, 100, 200], np.uint8).reshape(1, 1, 1, 3)
    made = plan((1, 1, 1, 3), (1, 1, 1, 6), resize=BILINEAR).run(source)
    assert made.reshape(-1).tolist() == [0, 25, 75, 125, 175, 200]


def test_bilinear_modes() -> None:
    source = np.array([0, 100, 200], np.uint8).reshape(1, 1, 1, 3)
    corner = plan((1, 1, 1, 3), (1, 1, 1, 5), resize=(ai2d.TF_BILINEAR, ai2d.MODE_ALIGN_CORNER))
    assert corner.run(source).reshape(-1).tolist() == [0, 50, 100, 150, 200]
    plain = plan((1, 1, 1, 3), (1, 1, 1, 6), resize=(ai2d.TF_BILINEAR, ai2d.MODE_NONE))
    assert plain.run(source).reshape(-1).tolist() == [0, 50, 100, 150, 200, 200]
    cv2 = plan((1, 1, 1, 3), (1, 1, 1, 6), resize=(ai2d.CV2_BILINEAR, ai2d.MODE_NONE))
    assert cv2.run(source).reshape(-1).tolist() == [0, 25, 75, 125, 175, 200]


def test_nearest_modes() -> None:
    source = np.arange(8, dtype=np.uint8).reshape(1, 1, 1, 8)
    for mode, expected in (
        (ai2d.MODE_NONE, [0, 2, 5]),
        (ai2d.MODE_HALF_PIXEL, [1, 4, 6]),
        (ai2d.MODE_ALIGN_CORNER, [0, 4, 7]),
    ):
        made = plan((1, 1, 1, 8), (1, 1, 1, 3), resize=(ai2d.TF_NEAREST, mode)).run(source)
        assert made.reshape(-1).tolist() == expected, mode


def test_crop_and_padding_without_resize() -> None:
    source = np.arange(48 * 4, dtype=np.uint8).reshape(1, 1, 4, 48)
    pads = (0, 0, 0, 0, 1, 0, 2, 1)
    made = plan(source.shape, (1, 1, 3, 7), crop=(10, 1, 4, 2), pad=pads, pad_values=(9,)).run(
        source
    )
    expected = np.full((3, 7), 9, np.uint8)
    expected[1:, 2:6] = source[0, 0, 1:3, 10:14]
    np.testing.assert_array_equal(made[0, 0], expected)
    edge = plan(
        source.shape, (1, 1, 3, 7), crop=(10, 1, 4, 2), pad=pads, pad_mode=ai2d.PAD_EDGE
    ).run(source)
    assert edge[0, 0, 1].tolist() == [58, 58, 58, 59, 60, 61, 61]


def test_single_plane_feeds_all_channels_and_packed_output() -> None:
    source = np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8)
    made = plan(source.shape, (1, 3, 8, 8)).run(source)
    np.testing.assert_array_equal(made, np.repeat(source, 3, axis=1))
    planes = np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4)
    packed = plan(planes.shape, (1, 4, 4, 3), dst_format=ai2d.RGB_PACKED).run(planes)
    np.testing.assert_array_equal(packed, planes.transpose(0, 2, 3, 1))


def test_affine_shift_and_fill() -> None:
    source = np.arange(1, 65, dtype=np.uint8).reshape(1, 1, 8, 8)
    moved = Affine(ai2d.CV2_BILINEAR, (1, 0, 2, 0, 1, 1), bound_val=200)
    made = plan(source.shape, source.shape, affine=moved).run(source)[0, 0]
    np.testing.assert_array_equal(made[1:, 2:], source[0, 0, :7, :6])
    assert set(made[0]) == {200}
    assert set(made[:, 0]) == {200}


def test_nv12_grey_stays_grey() -> None:
    data = np.full((1, 1, 12, 8), 128, np.uint8)
    data[0, 0, :8] = np.arange(64, dtype=np.uint8).reshape(8, 8)
    made = plan(data.shape, (1, 3, 8, 8), src_format=ai2d.YUV420_NV12).run(data)
    assert np.abs(made.astype(int) - data[:, :, :8].astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("source", "output", "params", "words"),
    [
        ((1, 3, 64, 32), (1, 3, 64, 64), {"pad": (0,) * 6 + (1, 0)}, "left padding"),
        ((3, 64, 64), (1, 3, 64, 64), {}, "4 input dimensions"),
        ((1, 3, 64, 64), (1, 3, 0, 64), {}, "output dimensions of 1 or more"),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"crop": (60, 0, 5, 9)}, "not inside the 64x64"),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"crop": (0, -1, 5, 9)}, "not inside the 64x64"),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"shift": 2}, "RAW16"),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"pad": (0,) * 4 + (5, 5, 0, 0)}, "each of 3 channels"),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"pad": (0,) * 7 + (-1,)}, "0 or more"),
        (
            (1, 3, 64, 64),
            (1, 3, 9, 9),
            {"pad": (0,) * 4 + (5, 4, 0, 0), "pad_values": (1, 2, 3)},
            "leaves nothing",
        ),
        (
            (1, 3, 64, 64),
            (1, 3, 9, 9),
            {"resize": BILINEAR, "affine": Affine(1, (1, 0, 0, 0, 1, 0))},
            "together",
        ),
        ((1, 3, 64, 64), (1, 3, 9, 9), {"affine": Affine(1, (1, 0, 0, 0, 0, 0))}, "no inverse"),
        ((1, 1, 9, 9), (1, 1, 9, 9), {"affine": Affine(1, (1, 0, np.nan, 0, 1, 0))}, "no inverse"),
        ((1, 8, 8, 3), (1, 1, 8, 8), {"src_format": ai2d.RGB_PACKED}, "3 output channels"),
        ((1, 1, 13, 8), (1, 3, 8, 8), {"src_format": ai2d.YUV420_NV12}, "even sides"),
    ],
)
def test_what_ends_the_process_on_the_board(
    source: tuple[int, ...], output: tuple[int, ...], params: dict[str, Any], words: str
) -> None:
    with pytest.raises(NativeFault, match=words):
        plan(source, output, **params)


def test_wrong_input_size_is_a_fault() -> None:
    built = plan((1, 3, 64, 64), (1, 3, 32, 32), resize=BILINEAR)
    with pytest.raises(NativeFault, match=r"built for uint8 \[1, 3, 64, 64\]"):
        built.run(np.zeros((1, 3, 64, 63), np.uint8))


def test_what_the_model_does_not_compute() -> None:
    with pytest.raises(SiliconError, match="uint8 only, output is float32"):
        plan((1, 3, 64, 64), (1, 3, 9, 9), dst_dtype="float32")
    with pytest.raises(SiliconError, match="RAW16"):
        plan((1, 3, 64, 64), (1, 3, 9, 9), src_format=ai2d.RAW16)
