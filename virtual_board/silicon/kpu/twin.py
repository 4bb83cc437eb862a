"""Run a model's ONNX twin where the vendor's KPU simulator has no wheel."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.kpu.kmodel import TensorType

Array = NDArray[Any]


def available() -> bool:
    """Tell whether onnxruntime is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def find_twin(kmodel: Path) -> Path | None:
    """Return the `.onnx` that belongs to a kmodel file, or None.

    Looked for beside the kmodel, then one folder up: the same stem first, else the only `.onnx`.
    """
    for folder in (kmodel.parent, kmodel.parent.parent):
        same = folder / (kmodel.stem + ".onnx")
        if same.is_file():
            return same
        others = sorted(folder.glob("*.onnx")) if folder.is_dir() else []
        if len(others) == 1:
            return others[0]
    return None


class Twin:
    """An ONNX model with the inputs and outputs of its kmodel.

    The picture input is NCHW with values 0 to 255, as uint8 or float32.
    """

    def __init__(self, path: Path, name: str, outputs: Sequence[TensorType]) -> None:
        onnxruntime: Any = importlib.import_module("onnxruntime")
        self._name, self._path, self._outputs = name, path, tuple(outputs)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own, unrelated classes
            raise SiliconError(
                "RuntimeError",
                f"model {name}: cannot load its ONNX twin {path.name}: {_line(error)}",
            ) from None
        if len(self._session.get_outputs()) != len(self._outputs):
            raise SiliconError(
                "RuntimeError",
                f"model {name}: expected {len(self._outputs)} outputs as in the kmodel, "
                f"its ONNX twin {path.name} has {len(self._session.get_outputs())}",
            )

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the outputs with the kmodel's types and shapes."""
        feeds = {}
        for spec, array in zip(self._session.get_inputs(), inputs, strict=True):
            dtype = np.uint8 if spec.type == "tensor(uint8)" else np.float32
            feeds[spec.name] = array.astype(dtype)
        try:
            made = self._session.run(None, feeds)
        except Exception as error:  # as above
            raise SiliconError(
                "RuntimeError", f"model {self._name}: its ONNX twin failed: {_line(error)}"
            ) from None
        return [self._fit(i, array) for i, array in enumerate(made)]

    def _fit(self, index: int, array: Array) -> Array:
        expected = self._outputs[index]
        dtype = np.dtype("float32" if expected.dtype == "bfloat16" else expected.dtype)
        if expected.nbytes and array.size != np.prod(expected.shape, dtype=np.int64):
            raise SiliconError(
                "RuntimeError",
                f"model {self._name}: output {index} expected shape {list(expected.shape)} as in "
                f"the kmodel, its ONNX twin {self._path.name} gave {list(array.shape)}",
            )
        shape = expected.shape if expected.nbytes else array.shape
        return np.ascontiguousarray(array, dtype=dtype).reshape(shape)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
