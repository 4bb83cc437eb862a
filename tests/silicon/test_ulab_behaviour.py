"""Scripts in the vendor's style, buffers, and the mistakes that firmware must not rely on."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
from ulab_runner import micropython, run_script  # type: ignore[import-not-found,unused-ignore]

pytestmark = pytest.mark.skipif(micropython() is None, reason="no micropython command found")


def value(expression: str, before: str = "") -> str:
    """Return what the expression prints."""
    outcome = run_script(f"from ulab import numpy as np\n{before}\nprint(repr(({expression})))\n")
    assert outcome.fault is None, outcome.fault
    output: str = outcome.output
    return output.rstrip("\n")


def test_detections_as_the_vendor_reads_them() -> None:
    before = (
        "d = np.ndarray([[0, 0.9, 10.0, 20.0, 30.0, 40.0], [1, 0.8, -11.5, 21.5, 31.5, 41.2]])\n"
        "boxes = np.ndarray(d[:, 2:6], dtype=np.int16)\n"
    )
    assert value("boxes.tolist()", before) == "[[10, 20, 30, 40], [-12, 22, 32, 41]]"
    assert (
        value("[int(b[0]) for b in boxes], len(boxes), boxes[1][3]", before) == "([10, -12], 2, 41)"
    )
    assert value("d[:,1]", before) == "array([0.9, 0.8], dtype=float32)"


def test_softmax_and_metric_learning() -> None:
    before = (
        "def softmax(x):\n    e = np.exp(x - np.max(x))\n    return e / np.sum(e)\n"
        "s = softmax(np.array([1.0, 3.0, 2.0]))\n"
        "lib = np.array([np.array([3.0, 4.0]), np.array([0.0, 2.0])], dtype=np.float)\n"
    )
    shares = ast.literal_eval(value("s.tolist(), np.argmax(s)", before))
    assert shares[1] == 1
    total = sum(math.exp(x) for x in (1, 3, 2))
    assert shares[0] == pytest.approx([math.exp(x) / total for x in (1, 3, 2)], rel=1e-6)
    assert value("np.dot(lib, lib[0]), np.linalg.norm(lib, axis=1)", before) == (
        "(array([25.0, 8.0], dtype=float32), array([5.0, 2.0], dtype=float32))"
    )


def test_a_picture_from_rows_to_planes() -> None:
    before = (
        "a = np.array(range(24), dtype=np.uint8).reshape((2, 4, 3))\n"
        "c = a.reshape((8, 3)).transpose().copy().reshape((3, 2, 4))\n"
    )
    assert value("c[1].tolist()", before) == "[[1, 4, 7, 10], [13, 16, 19, 22]]"


def test_buffers_share_the_data_of_dense_arrays(tmp_path: Path) -> None:
    data = tmp_path / "floats.bin"
    data.write_bytes(bytes([0, 0, 128, 63] * 4))
    before = (
        "import struct\na = np.zeros((2, 2))\n"
        f"with open({str(data)!r}, 'rb') as f:\n    n = f.readinto(a)\n"
        "struct.pack_into('<f', a, 4, 2.5)\nm = memoryview(a)\nm[3] = 7.0\n"
        "row = a[1]\nrow[0] = -1\n"
    )
    assert value("n, a.tolist(), len(m), bytes(row)", before) == (
        r"(16, [[1.0, 2.5], [-1.0, 7.0]], 4, b'\x00\x00\x80\xbf\x00\x00\xe0@')"
    )
    for use in ("memoryview(a.T)", "bytes(a[:, 1])", f"open({str(data)!r}, 'rb').readinto(a.T)"):
        attempt = (
            f"{before}try:\n    {use}\n    r = 'worked'\nexcept TypeError:\n    r = 'refused'\n"
        )
        assert value("r", attempt) == "'refused'"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("np.sum(np.array([1.0, 2.0, 6.0]), axis=0)", "3.0"),  # the mean
        ("np.sum(np.ones(300, dtype=np.uint8), axis=0)", "44"),  # wrapped
        ("np.array([3], dtype=np.uint8) / 2", "array([1.0], dtype=float32)"),  # truncated
        ("np.sort(np.array([2, -1], dtype=np.int8), axis=0)", "array([2, -1], dtype=int8)"),
        ("np.zeros(3)[[0, 2]]", "None"),
        ("bool(np.zeros(3) > 1)", "True"),
        ("np.array(i for i in range(3))", "array([], dtype=float32)"),
        ("np.array([-1], dtype=np.int16) - 0.5", "array([65534.5], dtype=float32)"),
        ("np.array([-1], dtype=np.int16) > 0.5", "array([True], dtype=bool)"),
        ("np.all([1, 0]), np.any([1, 0])", "(True, False)"),
        ("np.array(np.ones(2), dtype=np.bool)", "array([False, False], dtype=bool)"),
        ("np.diff(np.array([1.0, 2.0, 4.0]), n=2)", "array([-1.0], dtype=float32)"),
    ],
)
def test_silently_wrong_as_on_the_board(expression: str, expected: str) -> None:
    assert value(expression) == expected


def test_counting_a_mask_drifts_as_on_the_board() -> None:
    # 320 x 320 with every third element set: the single-precision mean loses count.
    before = "m = np.zeros(102400, dtype=np.uint8)\nm[::3] = 1\n"
    assert abs(int(value("np.sum(m)", before)) - 34134) <= 3


def test_operations_on_large_arrays_are_right() -> None:
    before = (
        "a = np.zeros((80, 80, 33))\na[10, 20, 5] = 3\na[79, 79, 32] = 1\n"
        "r = np.argmax(a, axis=2)\n"
    )
    assert value("r.shape, r[10, 20], r[79, 79], r[0, 0], r.dtype == np.int16", before) == (
        "((80, 80), 5, 32, 0, True)"
    )
    assert value("np.argmax(a)", before) == str((10 * 80 + 20) * 33 + 5)


def test_names_the_board_lacks_are_missing() -> None:
    names = ["int32", "float32", "abs", "transpose", "stack", "vstack", "cumsum", "unique", "isnan"]
    assert value(f"[n for n in {names!r} if hasattr(np, n)]") == "[]"
    methods = ["astype", "max", "sum", "mean", "squeeze"]
    assert value(f"[n for n in {methods!r} if hasattr(np.zeros(1), n)]") == "[]"


def test_products_are_summed_in_order_however_large() -> None:
    before = (
        "import array\n"
        "def in_order(a, b):\n"
        "    one = array.array('f', [0.0])\n"
        "    for x, y in zip(a.tolist()[0], b.T[0].tolist()):\n"
        "        product = array.array('f', [x * y])\n"
        "        one[0] += product[0]\n"
        "    return one[0]\n"
        "def same(rows, count, columns):\n"
        "    a = np.sin(np.arange(rows * count) * 1.7).reshape((rows, count)) * 1e3\n"
        "    b = np.cos(np.arange(count * columns) * 0.9).reshape((count, columns))\n"
        "    c = np.dot(a, b)\n"
        "    return c.shape == (rows, columns) and float(c[0, 0]) == in_order(a[:1], b[:, :1].copy())\n"
    )
    for shape in ((1, 32, 81), (3, 32, 1), (1, 90, 2), (20, 10, 10), (40, 30, 40), (1, 1, 9)):
        assert value(f"same{shape}", before) == "True", shape
