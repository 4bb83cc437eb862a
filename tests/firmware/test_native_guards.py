"""What ends the process on the board can't be reached: board/npu.py beside a unit that notes each call.

The rules are those of CanMV's port/kpu/nncase_wrap.cpp, whose C++ exceptions nobody catches.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from firmware_app.package import fit
from firmware_app.package.deploy_fields import PackageError
from firmware_app.package.footprint import Footprint
from firmware_app.package.kmodel import NAMES, Kmodel, Tensor

NEEDS = Footprint(6, 0, 0)
KNOWN = {np.dtype(name) for name in NAMES.values() if name not in ("bfloat16",)}


class Abort(BaseException):
    """The process would have ended: nothing catches it."""


class Output:
    """A tensor of the fake unit."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def to_numpy(self) -> Any:
        return self.array


class Kpu:
    """A model with two outputs; `fails` names the call that raises."""

    fails = ""
    outputs = 2

    def __init__(self) -> None:
        self.ran = False

    def _may_fail(self, name: str) -> None:
        if Kpu.fails == name:
            raise RuntimeError(name)

    def load_kmodel(self, data: bytes) -> None:
        self._may_fail("load_kmodel")

    def inputs_size(self) -> int:
        return 1

    def outputs_size(self) -> int:
        return Kpu.outputs

    def inputs_desc(self, index: int) -> dict[str, int]:
        return {"tensor_size": 3 * 8 * 8}

    def outputs_desc(self, index: int) -> dict[str, int]:
        return {"tensor_size": 4}

    def set_input_tensor(self, index: int, tensor: Any) -> None:
        self._may_fail("set_input_tensor")

    def run(self) -> None:
        self._may_fail("run")
        self.ran = True

    def get_output_tensor(self, index: int) -> Output:
        if not self.ran or not 0 <= index < Kpu.outputs:
            raise Abort(f"get_output_tensor({index})")
        return Output(np.zeros(4, np.float32))

    def __del__(self) -> None:
        pass


class Ai2d:
    """Sets up nothing, and minds the one rule that the source names."""

    built = 0

    def __init__(self) -> None:
        self.left = 0

    def set_dtype(self, *_: Any) -> None:
        pass

    set_crop_param = set_resize_param = set_affine_param = set_dtype

    def set_pad_param(self, flag: bool, pads: list[int], mode: int, values: list[int]) -> None:
        self.left = pads[6]

    def build(self, in_shape: list[int], out_shape: list[int]) -> Any:
        if in_shape[3] <= 32 and self.left > 0:
            raise Abort(f"ai2d pad: width {in_shape[3]}, left {self.left}")
        Ai2d.built += 1
        return types.SimpleNamespace(run=lambda source, output: None)


def _from_numpy(array: Any) -> Output:
    if not isinstance(array, np.ndarray) or array.dtype not in KNOWN:
        raise Abort(f"from_numpy of {type(array)}")
    return Output(array)


@pytest.fixture
def npu() -> Iterator[Any]:
    """Load board/npu.py beside the fake unit."""
    unit: Any = types.ModuleType("nncase_runtime")
    unit.kpu = Kpu
    unit.ai2d = Ai2d
    unit.from_numpy = _from_numpy
    unit.shrink_memory_pool = lambda: None
    unit.ai2d_format = types.SimpleNamespace(NCHW_FMT=0)
    unit.interp_method = types.SimpleNamespace(tf_bilinear=0, cv2_bilinear=1)
    unit.interp_mode = types.SimpleNamespace(half_pixel=0)
    ulab: Any = types.ModuleType("ulab")
    ulab.numpy = np
    names = ("nncase_runtime", "ulab", "firmware_app.board.arrays", "firmware_app.board.npu")
    before = {name: sys.modules.pop(name, None) for name in names}
    sys.modules["nncase_runtime"], sys.modules["ulab"] = unit, ulab
    Kpu.fails, Kpu.outputs, Ai2d.built = "", 2, 0
    try:
        yield importlib.import_module("firmware_app.board.npu")
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update({name: module for name, module in before.items() if module is not None})


def test_a_narrow_picture_gets_no_left_pad_of_the_units(npu: Any) -> None:
    for width in range(1, 41):
        for left in (0, 1, 7):
            npu.Scaler((width, 40), (64, 64), (0, 0, left, 0))
            if width > 20:
                npu.Scaler((64, 40), (64, 64), (0, 0, left, 0), region=(3, 0, width, 40))
            try:
                quad = [0, 0, width, 0, width, 20, 0, 20]
                npu.Turner((width, 40), (64, 64), (0, 0, left, 0), 0, quad)
            except npu.NpuError:
                assert left
                assert width <= 32
    assert Ai2d.built > 100


def test_outputs_are_taken_of_a_model_that_has_run(npu: Any) -> None:
    for outputs in (1, 2, 5):
        Kpu.outputs = outputs
        Kpu.fails = ""
        model = npu.Model(b"kmodel", 8, 8, NEEDS)
        assert len(model.run(Output(None))) == outputs
        for fails in ("set_input_tensor", "run"):
            Kpu.fails = fails
            with pytest.raises(npu.NpuError, match=fails):
                npu.Model(b"kmodel", 8, 8, NEEDS).run(Output(None))
    Kpu.fails, Kpu.outputs = "", 0
    with pytest.raises(npu.NpuError, match="found none"):
        npu.Model(b"kmodel", 8, 8, NEEDS)
    Kpu.fails, Kpu.outputs = "load_kmodel", 2
    with pytest.raises(npu.NpuError, match="load_kmodel"):
        npu.Model(b"kmodel", 8, 8, NEEDS)


def test_tensors_are_made_of_known_types(npu: Any) -> None:
    scaler = npu.Scaler((20, 20), (64, 64), (0, 0, 4, 0))  # with a border made in Python
    scaler.run(npu.tensor(np.zeros((1, 3, 20, 20), np.uint8)))
    npu.Scaler((64, 64), (32, 32)).run(npu.tensor(np.zeros((1, 3, 64, 64), np.uint8)))
    with pytest.raises(Abort):  # the rule is minded here
        npu.frame_tensor([1, 2, 3])


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("float16", (1, 4)),
        ("bfloat16", (1, 4)),
        ("int64", (1, 4)),
        ("bool", (1, 4)),
        ("float32", (1, 1, 1, 1, 4)),
    ],
)
def test_models_with_other_outputs_than_float32_are_refused(
    dtype: str, shape: tuple[int, ...]
) -> None:
    package: Any = types.SimpleNamespace(
        task="detection",
        head="YOLOv8",
        family="yolov8",
        keypoints=None,
        img_size=(32, 32),
        config_path="deploy_config.json",
    )
    inputs = [Tensor("uint8", (1, 3, 32, 32))]
    boxes = Tensor("float32", (1, 6, 21))
    fit.check(package, Kmodel("m.kmodel", 1, inputs, [boxes], True), ["a", "b"])
    more = Kmodel("m.kmodel", 1, inputs, [boxes, Tensor(dtype, shape)], True)
    with pytest.raises(PackageError, match="expects outputs of float32"):
        fit.check(package, more, ["a", "b"])
