"""Read the header of a `.kmodel` without the native loader.

The layout follows nncase 2.11 (`src/Native/include/nncase/runtime/model.h`, the writer in
`src/Nncase.CodeGen/CodeGen/LinkedModel.cs`, the types in `runtime/type_serializer.cpp`). All
integers are little-endian, there is no padding inside a header:

==========  =====  ==============================================================================
part        bytes  fields
==========  =====  ==============================================================================
model       32     identifier `LDMK`, version, flags, alignment, modules, entry_module,
                   entry_function, reserved: eight u32. Entries are 0xFFFFFFFF when absent.
module      40     kind (16 bytes, NUL padded: `stackvm`, `k230`), version u32, sections u32,
                   functions u32, reserved u32, size u64. Then the functions, then the sections.
function    32     parameters u32, sections u32, entrypoint u64, text_size u64, size u64. Then one
                   type per parameter, the return type, the sections, zeros up to 8 bytes.
section     56     name (16 bytes, NUL padded), flags u32, reserved u32, size u64, body_start u64,
                   body_size u64, memory_size u64. Then the body at `body_start` after this header.
==========  =====  ==============================================================================

Every `size` counts its own header and everything inside, so a file is complete exactly when
`32 + sum(module.size) <= file size`; in files written by nncase both are equal. The functions and
sections of a module fill it the same way. A section with flag 1 has its body inside `.rdata`.

A type is a byte stream: 0 invalid, 1 any, 2 tensor, 3 tuple (types up to 0xFF), 4 callable. A
tensor is its element type (one byte, `DTYPES`; 0xF0 pointer + element type; 0xF1 value type + 16
bytes uuid + u32 size), then 0 for a scalar, or 1 and dimensions up to 0xFF: each is 1 + u32 (fixed)
or 0 (unknown).

Files of other generations: version 7 is nncase 2.4 and later, 6 is nncase 2.0 to 2.3, 5 is nncase
1.x, 4 is nncase 0.2 (K210; the fourth u32 is the target, 1 = K210). nncase 0.1 (K210) wrote version
3 without an identifier: the u32 words 3, flags (0 or 1), 0. The header does not tell which 2.x
wrote it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

IDENTIFIER = b"LDMK"
VERSION = 7
MODULE_KINDS = ("stackvm", "k230")
NO_ENTRY = 0xFFFFFFFF

DTYPES = {
    0x00: "bool",
    0x02: "int8",
    0x03: "int16",
    0x04: "int32",
    0x05: "int64",
    0x06: "uint8",
    0x07: "uint16",
    0x08: "uint32",
    0x09: "uint64",
    0x0A: "float16",
    0x0B: "float32",
    0x0C: "float64",
    0x0D: "bfloat16",
}
"""nncase type codes; also what `kpu.inputs_desc(i)["tensor_datatype"]` holds."""

TYPECODES = {name: code for code, name in DTYPES.items()}
_SIZES = dict(zip(DTYPES.values(), (1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2), strict=True))


_MODEL = struct.Struct("<4s7I")
_MODULE = struct.Struct("<16s4IQ")
_FUNCTION = struct.Struct("<2I3Q")
_SECTION = struct.Struct("<16s2I4Q")
_MAX_MODULES = 64
_MAX_RANK = 16

_K210_KIND = b"k210".ljust(16, b"\0")
_OLDER = {
    6: "version 6 (nncase 2.0 to 2.3)",
    5: "version 5 (nncase 1.x)",
    4: "version 4 (nncase 0.2, for the K210)",
}


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
        return math.prod(self.shape) * _SIZES[self.dtype]


@dataclass(frozen=True, slots=True)
class Module:
    """One module of a kmodel: code for the host processor (`stackvm`) or the KPU (`k230`)."""

    kind: str
    version: int
    n_functions: int
    n_sections: int
    size: int


@dataclass(frozen=True, slots=True)
class KmodelHeader:
    """What the headers of a complete version 7 kmodel say."""

    identifier: bytes
    version: int
    flags: int
    alignment: int
    entry_module: int
    entry_function: int
    modules: tuple[Module, ...]
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    trailing: int
    """Bytes after the last module; 0 in files as nncase writes them."""

    @property
    def n_modules(self) -> int:
        """Number of modules."""
        return len(self.modules)


def read_header(data: bytes | memoryview) -> KmodelHeader:
    """Return the header of the kmodel in `data`, which must be the whole file.

    Raises ValueError with one sentence when the file is not a complete version 7 kmodel for K230.
    """
    data = memoryview(data).cast("B")
    _check_generation(data)
    _need(data, _MODEL.size, "the model header")
    identifier, version, flags, alignment, count, entry_module, entry_function, _ = (
        _MODEL.unpack_from(data)
    )
    if not 1 <= count <= _MAX_MODULES:
        raise ValueError(
            f"kmodel is damaged: it counts {count} modules, expected 1 to {_MAX_MODULES}"
        )
    modules: list[Module] = []
    signature: tuple[tuple[TensorType, ...], tuple[TensorType, ...]] | None = None
    position = _MODEL.size
    for index in range(count):
        what = f"module {index + 1} of {count}"
        _need(data, position + _MODULE.size, f"the header of {what}")
        module = _read_module(data, position, what)
        body = data[position : position + module.size]
        starts = _walk(body, module, what)
        if index == entry_module:
            if entry_function >= len(starts):
                raise ValueError(
                    f"kmodel is damaged: its entry is function {entry_function}, "
                    f"but {what} has {len(starts)} functions"
                )
            signature = _read_signature(body, starts[entry_function])
        modules.append(module)
        position += module.size
    if signature is None:
        raise ValueError(f"kmodel has no entry function (entry module {entry_module} of {count})")
    return KmodelHeader(
        bytes(identifier),
        version,
        flags,
        alignment,
        entry_module,
        entry_function,
        tuple(modules),
        *signature,
        trailing=len(data) - position,
    )


def _check_generation(data: memoryview) -> None:
    if len(data) == 0:
        raise ValueError("kmodel is empty (0 bytes)")
    if len(data) >= 12 and data[:4] != IDENTIFIER:
        first, flags, arch = struct.unpack_from("<3I", data)
        if first == 3 and flags <= 1 and arch == 0:
            raise ValueError(
                "kmodel is of version 3 (nncase 0.1, for the K210): "
                "expected version 7, compile the model with nncase 2.x for target k230"
            )
    if data[:4] != IDENTIFIER[: len(data)]:
        raise ValueError(
            f"not a kmodel: expected the file to start with {IDENTIFIER!r}, "
            f"found {bytes(data[:4])!r}"
        )
    _need(data, 8, "the model header")
    (version,) = struct.unpack_from("<I", data, 4)
    if version != VERSION:
        found = _OLDER.get(version, f"version {version}")
        if version == 5 and _K210_KIND in bytes(data):
            found = "version 5 (nncase 1.x, for the K210)"
        raise ValueError(
            f"kmodel is of {found}: expected version 7, "
            "compile the model with nncase 2.x for target k230"
        )


def _need(data: memoryview, size: int, what: str) -> None:
    if len(data) < size:
        raise ValueError(
            f"kmodel is truncated: expected at least {size} bytes for {what}, found {len(data)}"
        )


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "backslashreplace")


def _read_module(data: memoryview, position: int, what: str) -> Module:
    raw, version, sections, functions, _, size = _MODULE.unpack_from(data, position)
    kind = _text(raw)
    if kind not in MODULE_KINDS:
        raise ValueError(
            f"kmodel is not for the K230: {what} is of kind {kind!r}, "
            f"expected one of {', '.join(MODULE_KINDS)}"
        )
    if size < _MODULE.size:
        raise ValueError(
            f"kmodel is damaged: {what} has size {size}, expected at least {_MODULE.size}"
        )
    _need(data, position + size, what)
    return Module(kind, version, functions, sections, size)


def _walk(body: memoryview, module: Module, what: str) -> list[int]:
    """Return where the functions start, having checked that all parts stay inside the module."""
    position = _MODULE.size
    starts = []
    for index in range(module.n_functions):
        starts.append(position)
        inside = position + _FUNCTION.size <= len(body)
        size = _FUNCTION.unpack_from(body, position)[4] if inside else 0
        position = _step(body, position, size, _FUNCTION.size, f"function {index} of {what}")
    for index in range(module.n_sections):
        inside = position + _SECTION.size <= len(body)
        fields = _SECTION.unpack_from(body, position) if inside else (b"", 0, 0, 0, 0, 0, 0)
        name = _text(fields[0]) or str(index)
        size, start, length, merged = fields[3], fields[4], fields[5], fields[1] & 1
        where = f"section {name} of {what}"
        if not merged and _SECTION.size + start + length > max(size, _SECTION.size):
            raise ValueError(f"kmodel is damaged: the body of {where} passes its end")
        position = _step(body, position, size, _SECTION.size, where)
    return starts


def _step(body: memoryview, position: int, size: int, least: int, what: str) -> int:
    if size < least or position + size > len(body):
        raise ValueError(
            f"kmodel is damaged: {what} has size {size}, "
            f"expected {least} to {max(len(body) - position, 0)} bytes"
        )
    return position + size


def _read_signature(
    body: memoryview, position: int
) -> tuple[tuple[TensorType, ...], tuple[TensorType, ...]]:
    parameters, _, _, _, size = _FUNCTION.unpack_from(body, position)
    reader = _TypeReader(body[position + _FUNCTION.size : position + size])
    inputs = tuple(one for _ in range(min(parameters, size)) for one in reader.read())
    return inputs, tuple(reader.read())


class _TypeReader:
    """Reads nncase's type signatures from a function's bytes."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def read(self, *, nested: bool = False) -> list[TensorType]:
        """Return the tensors of the next type: one, or a tuple's fields."""
        token = self._u8()
        if token == 3 and not nested:
            fields: list[TensorType] = []
            while bytes(self._data[self._position : self._position + 1]) != b"\xff":
                fields += self.read(nested=True)
            self._position += 1
            return fields
        if token != 2:
            raise ValueError(
                f"kmodel is damaged: expected a tensor type in its entry function, "
                f"found type token {token}"
            )
        dtype = DTYPES.get(code := self._u8())
        if dtype is None:
            raise ValueError(f"kmodel has an input or output of unsupported type code {code:#x}")
        return [TensorType(dtype, self._shape())]

    def _shape(self) -> tuple[int, ...]:
        if self._u8() == 0:
            return ()
        shape: list[int] = []
        while (token := self._u8()) != 0xFF:
            if token > 1 or len(shape) == _MAX_RANK:
                raise ValueError(
                    f"kmodel is damaged: bad dimension {len(shape)} in the entry function"
                )
            shape.append(self._u32() if token else -1)
        return tuple(shape)

    def _take(self, size: int) -> memoryview:
        part = self._data[self._position : self._position + size]
        if len(part) < size:
            raise ValueError("kmodel is damaged: the types of the entry function pass its end")
        self._position += size
        return part

    def _u8(self) -> int:
        return self._take(1)[0]

    def _u32(self) -> int:
        return int.from_bytes(self._take(4), "little")
