"""A `.kmodel`'s header as the KPU needs it; firmware_app/package/kmodel.py reads the file.

The layout is that module's, which follows nncase 2.11 (`src/Native/include/nncase/runtime/model.h`,
`src/Nncase.CodeGen/CodeGen/LinkedModel.cs`, `runtime/type_serializer.cpp`). The board's loader takes
a little more than the firmware does: tensors of no fixed size.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from firmware_app.package.kmodel import NAMES, Reader, Tensor

TYPECODES = {name: code for code, name in NAMES.items()}
"""nncase's type codes; also what `kpu.inputs_desc(i)["tensor_datatype"]` holds."""

_BYTES = dict(zip(NAMES.values(), (1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2), strict=True))


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type name (numpy's, or `bfloat16`) and shape; an unknown dimension is -1."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of one dense tensor; 0 when a dimension is unknown."""
        if any(side < 0 for side in self.shape):
            return 0
        return math.prod(self.shape) * _BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class KmodelHeader:
    """What the headers of a complete version 7 kmodel say."""

    kinds: tuple[str, ...]
    """Kind of each module: code for the host processor (`stackvm`) or the KPU (`k230`)."""
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    trailing: int
    """Bytes after the last module; 0 in files as nncase writes them."""


def read_header(data: bytes, name: str = "kmodel") -> KmodelHeader:
    """Return the header of the kmodel in `data`, which must be the whole file.

    Raises ValueError with one sentence, which begins with `name`, when the file is not a complete
    version 7 kmodel for K230.
    """
    reader = Reader(io.BytesIO(data), name, any_size=True)
    model = reader.kmodel()
    return KmodelHeader(
        tuple(reader.kinds),
        tuple(_type(tensor) for tensor in model.inputs),
        tuple(_type(tensor) for tensor in model.outputs),
        trailing=len(data) - reader.end,
    )


def _type(tensor: Tensor) -> TensorType:
    return TensorType(tensor.dtype, tensor.shape)
