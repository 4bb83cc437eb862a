"""Files in memory, and kmodels made of headers alone; for tests on both interpreters."""

import struct

from firmware_app.package.reader import Files


class FakeFiles(Files):
    """A card whose files are given as {path: bytes}; folders follow from the paths."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def names(self, folder: str) -> list[str]:
        if not self.is_folder(folder):
            raise OSError(2)
        start = folder.rstrip("/") + "/"
        found = {p[len(start) :].split("/")[0] for p in self.contents if p.startswith(start)}
        return sorted(found)

    def is_folder(self, path: str) -> bool:
        start = path.rstrip("/") + "/"
        return any(each.startswith(start) for each in self.contents)

    def is_file(self, path: str) -> bool:
        return path in self.contents

    def size(self, path: str) -> int:
        return len(self.contents[path])

    def read(self, path: str) -> bytes:
        return self.contents[path]


def tensor(code: int, *sides: int) -> bytes:
    return (
        bytes([2, code, 1])
        + b"".join([b"\x01" + struct.pack("<I", side) for side in sides])
        + b"\xff"
    )


def kmodel(inputs: list[bytes], outputs: list[bytes], kind: bytes = b"k230") -> bytes:
    """Return a file whose headers are those of a kmodel with these types."""
    returned = outputs[0] if len(outputs) == 1 else b"\x03" + b"".join(outputs) + b"\xff"
    types = b"".join(inputs) + returned
    types += bytes(-len(types) % 8)
    function = struct.pack("<2I3Q", len(inputs), 0, 0, 0, 32 + len(types)) + types
    body = struct.pack("<16s2I4Q", b".rdata", 0, 0, 56 + 8, 0, 8, 8) + bytes(8)
    first = struct.pack("<16s4IQ", b"stackvm", 1, 1, 1, 0, 40 + len(function) + len(body))
    second = struct.pack("<16s4IQ", kind, 1, 1, 0, 0, 40 + len(body))
    head = struct.pack("<4s7I", b"LDMK", 7, 0, 8, 2, 0, 0, 0)
    return head + first + function + body + second + body


UINT8 = 6
FLOAT32 = 11
