"""Read a .kmodel's headers before the native loader does: what it refuses ends the process.

A seekable binary file in, a Kmodel out; some kilobytes are read, of any size.
Layout after nncase 2.11 (runtime/model.h, runtime/type_serializer.cpp), little-endian:
model header of 32 bytes (LDMK, version, flags, alignment, modules, entry module, entry
function, reserved), then the modules: header of 40 bytes (kind[16], version, sections,
functions, reserved, u64 size), functions, sections. A function: 32 bytes (parameters, sections,
u64 entry point, u64 text size, u64 size), the types of its parameters and of what it returns. A
section: 56 bytes (name[16], flags, reserved, u64 size, body start, body size, memory size).
Each size includes its header.
"""

import struct

MAX_SIZE = 512 * 1024 * 1024
NAMES = {
    0: "bool",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "uint8",
    7: "uint16",
    8: "uint32",
    9: "uint64",
    10: "float16",
    11: "float32",
    12: "float64",
    13: "bfloat16",
}
_OLDER = {
    4: "version 4 (nncase 0.2, for the K210)",
    5: "version 5 (nncase 1.x, for the K210 or K510)",
    6: "version 6 (nncase 2.0 to 2.3)",
}
_REMEDY = ": expected version 7; convert the model again with nncase 2.11 for the target k230"
_KINDS = ("stackvm", "k230")
_MAX_MODULES = 16
_MAX_PARTS = 4096
_MAX_RANK = 8
_SIGNATURE = 2048  # bytes read of the entry function: all its types


class KmodelError(ValueError):
    """The file is no kmodel that the K230 can load; str() names the file and the reason."""


class Tensor:
    """Type of an input or output: dtype (numpy's name, or bfloat16) and shape."""

    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        self.dtype = dtype
        self.shape = shape

    def __repr__(self) -> str:
        return self.dtype + " " + "x".join([str(side) for side in self.shape])


class Kmodel:
    """What the headers say: name (of the file), size in bytes, inputs, outputs, uses_kpu."""

    def __init__(
        self, name: str, size: int, inputs: list[Tensor], outputs: list[Tensor], uses_kpu: bool
    ) -> None:
        self.name = name
        self.size = size
        self.inputs = inputs
        self.outputs = outputs
        self.uses_kpu = uses_kpu


def read(path: str) -> Kmodel:
    """Return what the headers of this file say; raise KmodelError for a file not to load."""
    try:
        with open(path, "rb") as file:
            return read_from(file, path)
    except OSError:
        raise KmodelError(path + ": can't be read")


def read_from(file: object, name: str) -> Kmodel:
    """The same for a seekable binary file, or io.BytesIO; name is for messages."""
    return Reader(file, name).kmodel()


class Reader:
    """Reads pieces of the file and checks that they are there.

    After kmodel(): kinds, the kind of each module, and end, the position after the last one.
    any_size: take inputs and outputs of no fixed size, too; such a side is -1.
    """

    def __init__(self, file: object, name: str, any_size: bool = False) -> None:
        self.file = file
        self.name = name
        self.any_size = any_size
        self.kinds: list[str] = []
        self.end = 32
        self.size: int = file.seek(0, 2)  # type: ignore[attr-defined]

    def error(self, problem: str) -> KmodelError:
        return KmodelError(self.name + ": " + problem)

    def piece(self, position: int, size: int, what: str) -> bytes:
        if position + size > self.size:
            raise self.error(
                "truncated: expected at least "
                + str(position + size)
                + " bytes for "
                + what
                + ", found "
                + str(self.size)
            )
        self.file.seek(position)  # type: ignore[attr-defined]
        data: bytes = self.file.read(size)  # type: ignore[attr-defined]
        if len(data) != size:
            raise self.error("only " + str(len(data)) + " of " + str(size) + " bytes were read")
        return data

    def kmodel(self) -> Kmodel:
        self.generation()
        head = struct.unpack("<8I", self.piece(0, 32, "the model header"))
        count, entry_module, entry_function = head[4], head[5], head[6]
        if not 1 <= count <= _MAX_MODULES:
            raise self.error(
                "damaged: expected 1.." + str(_MAX_MODULES) + " modules, found " + str(count)
            )
        if entry_module >= count:
            raise self.error("damaged: it has no entry function")
        signature: tuple[list[Tensor], list[Tensor]] | None = None
        for index in range(count):
            what = "module " + str(index + 1) + " of " + str(count)
            raw = self.piece(self.end, 40, what)
            kind = _text(raw[:16])
            sections, functions, _, size = struct.unpack("<3IQ", raw[20:])
            if kind not in _KINDS:
                raise self.error(
                    "not made for the K230: "
                    + what
                    + " is of kind "
                    + kind
                    + ", expected stackvm or k230"
                )
            if self.end + size > self.size:
                self.piece(self.end, size, what)
            self.kinds.append(kind)
            start, length = self.walk(
                self.end,
                size,
                functions,
                sections,
                what,
                entry_function if index == entry_module else -1,
            )
            if index == entry_module:
                signature = self.signature(start, length)
            self.end += size
        assert signature is not None
        return Kmodel(self.name, self.size, signature[0], signature[1], "k230" in self.kinds)

    def generation(self) -> None:
        """Refuse what is no kmodel, or one of another generation."""
        if self.size == 0:
            raise self.error("the file is empty")
        if self.size > MAX_SIZE:
            raise self.error("too large: " + str(self.size) + " bytes")
        head = self.piece(0, min(self.size, 16), "the model header")
        if len(head) >= 12 and head[:4] == b"\x03\0\0\0" and head[8:12] == b"\0\0\0\0":
            raise self.error("kmodel of version 3 (nncase 0.1, for the K210)" + _REMEDY)
        if head[:4] != b"LDMK"[: len(head)]:
            raise self.error("not a kmodel: expected it to start with LDMK, found " + _what(head))
        if len(head) < 8:
            self.piece(0, 32, "the model header")
        version = struct.unpack("<I", head[4:8])[0]
        if version != 7:
            generation = _OLDER.get(version, "version " + str(version))
            raise self.error("kmodel of " + generation + _REMEDY)

    def walk(
        self, module: int, size: int, functions: int, sections: int, what: str, wanted: int
    ) -> tuple[int, int]:
        """Check that the parts fill the module; return (position, size) of the wanted function."""
        end = module + size
        at = module + 40
        wanted_part = (0, 0)
        if wanted >= functions:
            raise self.error("damaged: it has no entry function " + str(wanted))
        if size < 40 or functions > _MAX_PARTS or sections > _MAX_PARTS:
            raise self.error("damaged: the parts of " + what + " do not fit together")
        for index in range(functions + sections):
            least = 32 if index < functions else 56
            inner = 0
            if at + least <= end:
                raw = self.piece(at, least, what)
                if index < functions:
                    length = struct.unpack("<Q", raw[24:])[0]
                else:
                    flags, _, length, start, body, _ = struct.unpack("<2I4Q", raw[16:])
                    inner = 0 if flags & 1 else start + body
                if least + inner <= length <= end - at:
                    if index == wanted:
                        wanted_part = (at, length)
                    at += length
                    continue
            raise self.error("damaged: the parts of " + what + " do not fit together")
        return wanted_part

    def signature(self, start: int, length: int) -> tuple[list[Tensor], list[Tensor]]:
        data = self.piece(start, min(length, _SIGNATURE), "the entry function")
        parameters = struct.unpack("<I", data[:4])[0]
        types = Types(data[32:], self.any_size)
        try:
            inputs: list[Tensor] = []
            for _ in range(parameters):
                inputs.extend(types.read(False))
            return inputs, types.read(False)
        except IndexError:
            raise self.error("damaged: the types of the entry function pass its end")
        except ValueError as error:
            raise self.error(str(error))


class Types:
    """Reads type signatures; IndexError where the bytes end."""

    def __init__(self, data: bytes, any_size: bool) -> None:
        self.data = data
        self.any_size = any_size
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def read(self, nested: bool) -> list[Tensor]:
        """Return the tensors of the next type: one, or the fields of a tuple."""
        token = self.byte()
        if token == 3 and not nested:
            fields: list[Tensor] = []
            while self.data[self.at] != 0xFF:
                fields.extend(self.read(True))
            self.at += 1
            return fields
        if token != 2:
            raise ValueError(
                "its entry function takes or gives something that is no tensor: type " + str(token)
            )
        code = self.byte()
        if code not in NAMES:
            raise ValueError("an input or output has the unknown type " + str(code))
        shape: list[int] = []
        if self.byte():
            while True:
                token = self.byte()
                if token == 0xFF:
                    break
                if token == 0 and not self.any_size:
                    raise ValueError("an input or output has no fixed size")
                if token > 1 or len(shape) == _MAX_RANK:
                    raise ValueError("damaged: bad shape in the entry function")
                side = 0 if token else -1
                for shift in (0, 8, 16, 24)[: 4 * token]:
                    side |= self.byte() << shift
                shape.append(side)
        return [Tensor(NAMES[code], tuple(shape))]


def _text(raw: bytes) -> str:
    raw = raw.split(b"\0")[0]
    return "".join([chr(code) if 0x20 < code < 0x7F else "?" for code in raw])


def _what(head: bytes) -> str:
    """Name what a file with these first bytes is."""
    if head[:2] == b"PK":
        return (
            "a zip archive (if it is a PyTorch .pt: export it to ONNX, and compile that with nncase"
            " 2.11 for the target k230)"
        )
    if head[:8] == b"version ":
        return "a Git LFS pointer (fetch the file itself with git lfs pull)"
    if head[4:8] == b"TFL3":
        return "a TFLite model"
    if head[:1] == b"\x08" and head[2:3] == b"\x12":
        return "an ONNX model (compile it with nncase 2.11 for the target k230)"
    if not any(head):
        return "zeros (an interrupted copy?)"
    return " ".join([f"{code:02x}" for code in head[:4]])
