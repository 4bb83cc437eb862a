"""Headers of kmodels: real ones, ones made here, damaged ones."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest

from virtual_board.silicon.kpu.kmodel import TensorType, read_header

TENSOR_IN = (
    b"\x02\x06\x01" + b"".join(b"\x01" + struct.pack("<I", n) for n in (1, 3, 8, 8)) + b"\xff"
)
TENSOR_OUT = b"\x02\x0b\x01" + b"\x01" + struct.pack("<I", 1) + b"\x00" + b"\xff"
SCALAR = b"\x02\x04\x00"


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def section(name: bytes, body: bytes) -> bytes:
    size = 56 + len(padded(body))
    head = struct.pack("<16s2I4Q", name, 0, 0, size, 0, len(body), len(body))
    return head + padded(body)


def function(parameters: int, types: bytes) -> bytes:
    types = padded(types)
    return struct.pack("<2I3Q", parameters, 0, 0, 0, 32 + len(types)) + types


def module(kind: bytes, functions: list[bytes], sections: list[bytes]) -> bytes:
    body = b"".join(functions + sections)
    counts = (1, len(sections), len(functions), 0)
    return struct.pack("<16s4IQ", kind, *counts, 40 + len(body)) + body


def kmodel(*modules: bytes, version: int = 7, entry: tuple[int, int] = (0, 0)) -> bytes:
    return struct.pack("<4s7I", b"LDMK", version, 0, 8, len(modules), *entry, 0) + b"".join(modules)


def small() -> bytes:
    entry = function(1, TENSOR_IN + b"\x03" + TENSOR_OUT + SCALAR + b"\xff")
    code = module(b"stackvm", [entry], [section(b".text", b"12345"), section(b".rdata", b"")])
    return kmodel(code, module(b"k230", [function(0, SCALAR)], [section(b".text", bytes(16))]))


def refusal(data: bytes) -> str:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read_header(data)
    return str(caught.value)


def test_fields_of_a_complete_file() -> None:
    header = read_header(small())
    assert (header.kinds, header.trailing) == (("stackvm", "k230"), 0)
    assert header.inputs == (TensorType("uint8", (1, 3, 8, 8)),)
    assert header.inputs[0].nbytes == 192
    assert header.outputs == (TensorType("float32", (1, -1)), TensorType("int32", ()))
    assert [tensor.nbytes for tensor in header.outputs] == [0, 4]


def test_bytes_after_the_last_module_are_counted() -> None:
    assert read_header(small() + b"xyz").trailing == 3


def test_every_truncation_is_noticed() -> None:
    data = small()
    for length in range(1, len(data)):
        assert "truncated" in refusal(data[:length]), length
    assert "empty" in refusal(b"")


def test_damage_never_raises_anything_else() -> None:
    data, dice = small(), random.Random(7)
    for _ in range(5000):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.choice((0, 1, 3, 255, dice.randrange(256)))
        with contextlib.suppress(ValueError):
            read_header(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (kmodel(version=5) + bytes(64), "version 5 (nncase 1.x, "),
        (kmodel(version=5) + b"k210".ljust(16, b"\0") + bytes(64), "K210"),
        (kmodel(version=6), "version 6 (nncase 2.0 to 2.3)"),
        (kmodel(version=4) + bytes(8), "K210"),
        (struct.pack("<7I", 3, 1, 0, 20, 1000, 2000, 1) + bytes(40), "version 3 (nncase 0.1"),
        (kmodel(version=8), "version 8"),
        (b"PK\x03\x04 a zip file", "not a kmodel"),
        (kmodel(), "modules, found 0"),
        (kmodel(module(b"k210", [], [])), "of kind k210"),
        (kmodel(module(b"stackvm", [function(0, SCALAR)], []), entry=(9, 0)), "no entry function"),
        (
            kmodel(module(b"stackvm", [function(0, SCALAR)], []), entry=(0, 4)),
            "no entry function 4",
        ),
        (kmodel(module(b"stackvm", [function(1, b"\x04")], [])), "no tensor: type 4"),
        (kmodel(module(b"stackvm", [function(1, b"\x02\x55")], [])), "unknown type 85"),
    ],
)
def test_other_files_are_named(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_version_7_is_asked_for() -> None:
    assert "expected version 7" in refusal(kmodel(version=6))


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("veg_cls", (1, 3, 224, 224), [(1, 6)]),
        ("embedding", (1, 3, 224, 224), [(1, 256)]),
        ("insect_det", (1, 3, 640, 640), [(1, 80, 80, 33), (1, 40, 40, 33), (1, 20, 20, 33)]),
        ("ocr_det_512", (1, 3, 512, 512), [(1, 512, 512, 2)]),
        ("ocr_rec_32x608", (1, 3, 32, 608), [(1, 152, 6625)]),
    ],
)
def test_real_kmodels(
    shared: Path, name: str, inputs: tuple[int, ...], outputs: list[tuple[int, ...]]
) -> None:
    data = (shared / "data/kmodels" / f"{name}.kmodel").read_bytes()
    header = read_header(data)
    assert header.trailing == 0
    assert header.inputs == (TensorType("uint8", inputs),)
    assert header.outputs == tuple(TensorType("float32", shape) for shape in outputs)
    assert "truncated" in refusal(data[:-1])
