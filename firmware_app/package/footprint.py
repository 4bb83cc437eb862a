"""What a kmodel takes of the media memory, read from its headers.

The KPU's modules copy their `.text` and `.rdata` there when they are loaded; what lies in `stackvm`
modules stays where the file was read to (kendryte/nncase v2.11 src/Native/src/runtime: get_or_read_section
with allocate_shared for the first, without for the second). While a model runs, each of its functions
writes new tensors: they are counted as if all of them lived to the end, which is more than a run
needs. Nothing here was measured on a board.
"""

import struct

from firmware_app.package.kmodel import Reader, Types

PAGE = 4096  # media memory comes in pieces of it
_BYTES = {"float16": 2, "bfloat16": 2, "uint8": 1, "int8": 1, "bool": 1, "uint16": 2, "int16": 2}
_WIDE = {"int64": 8, "uint64": 8, "float64": 8}
_SIGNATURE = 2048  # bytes of a function's types


class Footprint:
    """loaded: bytes while the model is in the KPU; work: bytes more while it runs; size: of the file."""

    def __init__(self, size: int, loaded: int, work: int) -> None:
        self.size = size
        self.loaded = loaded
        self.work = work


def rounded(size: int) -> int:
    """Return what so many bytes take of the media memory."""
    return (size + PAGE - 1) // PAGE * PAGE


def tensor_bytes(tensor) -> int:
    """Return the bytes of a kmodel.Tensor; 0 where a side is unknown."""
    size = _BYTES.get(tensor.dtype) or _WIDE.get(tensor.dtype) or 4
    for side in tensor.shape:
        size *= max(0, side)
    return size


def read(path: str) -> Footprint:
    """Return the footprint of a file that kmodel.read() takes; OSError, KmodelError."""
    with open(path, "rb") as file:
        return read_from(file, path)


def read_from(file: object, name: str) -> Footprint:
    """The same for a seekable binary file, or io.BytesIO; name is for messages."""
    reader = Reader(file, name, any_size=True)
    model = reader.kmodel()
    ends = 0
    for tensor in model.inputs + model.outputs:
        ends += rounded(tensor_bytes(tensor))
    finals = 0
    for tensor in model.outputs:
        finals += tensor_bytes(tensor)
    at = 32
    loaded = 0
    inner = 0  # of all parameters of all functions: what one writes another reads
    most = 0
    for kind in reader.kinds:
        head = struct.unpack("<3IQ", reader.piece(at, 40, "a module")[20:])
        sections, functions, size = head[0], head[1], head[3]
        place = at + 40
        for index in range(functions + sections):
            if index < functions:
                raw = reader.piece(place, 32, "a function")
                length = struct.unpack("<Q", raw[24:])[0]
                if kind == "k230":
                    taken = _parameters(reader, place, length)
                    inner += taken
                    most = max(most, taken)
            else:
                raw = reader.piece(place, 56, "a section")
                length = struct.unpack("<Q", raw[24:32])[0]
                if kind == "k230":
                    loaded += rounded(length)
            place += length
        at += size
    # Each tensor between functions is written by one and read by another: it was counted twice.
    return Footprint(reader.size, loaded + ends, rounded(max(most, (inner + finals) // 2)))


def _parameters(reader: Reader, place: int, length: int) -> int:
    """Return the bytes of a function's parameters; types that are no tensors count nothing."""
    data = reader.piece(place, min(length, _SIGNATURE), "a function")
    types = Types(data[32:], True)
    total = 0
    try:
        for _ in range(struct.unpack("<I", data[:4])[0]):
            for tensor in types.read(False):
                total += tensor_bytes(tensor)
    except (IndexError, ValueError):
        pass  # it was not looked at when the file was checked, either
    return total
