"""clients/c/k230_wire.h, compiled strictly: the vectors and noise, beside the Python decoder."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.wire_fuzz import damaged
from firmware_app.wire import messages, packets

from .support import ROOT, joined, load, value_of

FILE = load()
HEADER = ROOT / "clients" / "c" / "k230_wire.h"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
MAX_PAYLOAD = messages.MAX_SEALED


def _compiler() -> str:
    for name in (os.environ.get("CC", ""), "gcc", "cc", "clang"):
        if name and shutil.which(name):
            return name
    if os.environ.get("CI"):
        pytest.fail("no C compiler, and CI must test the C decoder: install gcc")
    pytest.skip("no C compiler (gcc, cc, clang): the C decoder is not tested")


def _build(target: Path, source: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [_compiler(), *STRICT, *flags, f"-I{HEADER.parent}", "-o", str(target), str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decoder as a program, with the sanitizers where the compiler has them."""
    folder = tmp_path_factory.mktemp("c")
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    sanitize = SANITIZERS
    built = _build(folder / "probe", probe, *SANITIZERS)
    if built.returncode or subprocess.run([folder / "probe"], check=False).returncode:
        sanitize = []
    source = Path(__file__).with_name("decode_main.c")
    target = folder / "decode"
    done = _build(target, source, f"-DK230_MAX_PAYLOAD={MAX_PAYLOAD}", "-O1", *sanitize)
    assert done.returncode == 0, done.stderr
    return target


def _decode(program: Path, stream: bytes) -> tuple[list[dict[str, Any]], int]:
    """What the program prints: the messages, and how many packets it rejected."""
    done = subprocess.run([program], input=stream, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    lines = done.stdout.decode().splitlines()
    return [json.loads(line) for line in lines[:-1]], int(lines[-1])


@pytest.mark.slow
def test_the_header_and_the_example_compile_without_a_word(tmp_path: Path) -> None:
    for source in (HEADER.with_name("example.c"), Path(__file__).with_name("decode_main.c")):
        for optimise in ("-O0", "-O2", "-Os"):
            done = _build(tmp_path / "out", source, optimise)
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""


def test_the_header_needs_three_headers_and_no_function_but_theirs(tmp_path: Path) -> None:
    text = HEADER.read_text()
    assert re.findall(r"#include <(.*)>", text) == ["stddef.h", "stdint.h", "string.h"]
    assert not re.search(r"\b(malloc|calloc|realloc|free|printf|alloca)\s*\(", text)
    alone = tmp_path / "alone.c"
    alone.write_text(
        '#include "k230_wire.h"\n'
        "int main(void) { static k230_decoder d; k230_init(&d); return k230_push(&d, 1); }\n"
    )
    assert _build(tmp_path / "alone", alone).returncode == 0


def test_the_header_is_cpp_as_well(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler (g++, clang++)")
    source = tmp_path / "sketch.cpp"
    source.write_text('#include "k230_wire.h"\nint main() { return K230_DETECTION - 33; }\n')
    command = [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    done = subprocess.run(
        [*command, f"-I{HEADER.parent}", "-o", str(tmp_path / "sketch"), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_example_reads_a_stream(tmp_path: Path) -> None:
    done = _build(tmp_path / "example", HEADER.with_name("example.c"))
    assert done.returncode == 0, done.stderr
    named = [14, 3, "detection", "cups", bytes(32), ["cup", "plate"], 640, 480]
    words = struct.pack("<II", 10 | 875 << 11 | 20 << 21, 30 | 1 << 11 | 40 << 21)
    stream = packets.encode(named) + b"\xff\x01\x00" + packets.encode([33, 7, 8, 3, words])
    shown = subprocess.run(
        [tmp_path / "example"], input=stream, capture_output=True, check=True
    ).stdout.decode()
    assert shown == (
        "detection runs cups: 2 labels\n"
        "frame 7: plate 87.5% at 10,20 30x40\n"
        "1 packets were damaged\n"
    )


@pytest.mark.parametrize("row", FILE["messages"], ids=[row["name"] for row in FILE["messages"]])
def test_message(program: Path, row: dict[str, Any]) -> None:
    found, rejected = _decode(program, bytes.fromhex(row["packet"]))
    assert rejected == 0
    assert [one["message"] for one in found] == [row["message"]]
    assert found[0]["whole"]
    _check_typed(value_of(row["message"]), found[0]["typed"])


def _check_typed(message: list[Any], typed: Any) -> None:
    """Compare the typed readers with the message, read here in Python."""
    kind, fields = message[0], message[1:]
    if kind == messages.MODEL:
        fields[3] = {"bin": fields[3].hex()}
        assert typed == fields[:8]  # what this reader knows
        return
    if not messages.CLASSIFICATION <= kind <= messages.ORIENTED_DETECTION:
        assert typed is None
        return
    assert [typed.pop("seq"), typed.pop("time_ms"), typed.pop("generation")] == fields[:3]
    rest = fields[3:]
    if kind == messages.DETECTION:
        assert typed == {"boxes": _boxes(rest[0])}
    elif kind == messages.INSTANCE_SEGMENTATION:
        assert typed.pop("boxes") == _boxes(rest[0])
        for mask, row in zip(typed["masks"], rest[1], strict=True):
            assert (mask and mask[:6]) == (row and row[:6])
            if mask:
                assert sum(length for _, length in mask[6]) == row[4] * row[5]
                assert [on for on, _ in mask[6]] == [i % 2 for i in range(len(mask[6]))]
    elif kind == messages.POSE:
        assert typed.pop("boxes") == _boxes(rest[0])
        points = rest[1]
        if isinstance(points, bytes):
            numbers = list(struct.unpack(f"<{len(points) // 2}h", points))
        else:
            numbers = [number for row in points for number in row]
        assert typed["keypoints"] == numbers
    elif kind == messages.ORIENTED_DETECTION:
        rows = rest[0]
        if isinstance(rows, bytes):
            rows = [list(row) for row in struct.iter_unpack("<7h", rows)]
        assert typed == {"rotated": rows}
    elif kind == messages.CLASSIFICATION:
        assert typed == {"decided": rest[0], "classes": rest[1]}
    elif kind == messages.MULTILABEL:
        assert typed == {"decided": 0, "classes": rest[0]}
    elif kind in (messages.OCR, messages.OCR_DETECTION, messages.OCR_RECOGNITION):
        assert typed == {"lines": rest[0]}
    elif kind == messages.IDENTITIES:
        assert typed == {"identities": rest[0]}
    elif kind == messages.SEGMENTATION:
        assert (typed["width"], typed["height"], typed["areas"]) == (rest[0], rest[1], rest[3])
        assert sum(length for _, length in typed["runs"]) == rest[0] * rest[1]
        areas = [0] * len(rest[3])
        for label, length in typed["runs"]:
            areas[label] += length
        assert areas == rest[3]
    else:
        assert typed.pop("embedding") == (None if rest[0] is None else {"bin": rest[0].hex()})
        assert typed == ({} if rest[1] is None else {"identity": rest[1]})


def _boxes(boxes: Any) -> Any:
    if isinstance(boxes, bytes):
        return [
            [a % 2048, a >> 21, b % 2048, b >> 21, a >> 11 & 1023, b >> 11 & 1023]
            for a, b in struct.iter_unpack("<II", boxes)
        ]
    return boxes


@pytest.mark.parametrize("row", FILE["streams"], ids=[row["name"] for row in FILE["streams"]])
def test_stream(program: Path, row: dict[str, Any]) -> None:
    found, rejected = _decode(program, joined(row["stream"]))
    if row["name"] == "sealed without a session":  # reported as such: this reader has no keys
        assert "sealed" in found.pop(0)
        rejected += 1
    assert [one["message"] for one in found] == row["messages"]
    assert rejected == row["rejected"]


def test_sealed_packets_are_reported_and_not_read(program: Path) -> None:
    steps = FILE["sealed"]["steps"]
    found, rejected = _decode(program, b"".join(bytes.fromhex(row["packet"]) for row in steps))
    assert rejected == 0
    assert len(found) == len(steps)
    assert sum("sealed" in one for one in found) == len(steps) - 2  # two of them are plain


@pytest.mark.parametrize("part", ["sealed", "encrypted"])
def test_sealed_and_encrypted_packets_are_opened_with_the_key(tmp_path: Path, part: str) -> None:
    source = Path(__file__).with_name("unseal_main.c")
    done = _build(tmp_path / "unseal", source, "-O1", f"-DK230_MAX_PAYLOAD={MAX_PAYLOAD}")
    assert done.returncode == 0 and not done.stderr, done.stderr
    greeting = FILE["handshake"]
    steps = FILE[part]["steps"]
    flags = "7" if part == "encrypted" else "3"
    opened = subprocess.run(
        [tmp_path / "unseal", greeting["key"], greeting["hello"], greeting["welcome"], flags],
        input=b"".join(bytes.fromhex(row["packet"]) for row in steps),
        capture_output=True,
        check=True,
    ).stdout.decode()
    lines = [line.split(" ") for line in opened.splitlines()]
    names = ("client_proof", "board_proof", "client_seal", "board_seal")
    for name, value in lines[:6]:
        assert value == greeting[name], name
    assert [line[0] for line in lines[:4]] == list(names)
    found = iter(lines[6:])
    for row in steps:
        kind, *values = next(found)
        if row["message"] is None:
            assert kind == "dropped", row["name"]
            continue
        payload = bytes.fromhex(values[0])
        assert packets.payload_of(value_of(row["message"])) == payload, row["name"]
        kind, again = next(found)
        assert kind == "sealed" and packets.packet_of(bytes.fromhex(again)).hex() == row["packet"]
    assert next(found, None) is None


@pytest.mark.parametrize("size", [64, 1000])
def test_a_small_buffer_rejects_what_is_longer(tmp_path: Path, size: int) -> None:
    source = Path(__file__).with_name("decode_main.c")
    done = _build(tmp_path / "small", source, f"-DK230_MAX_PAYLOAD={size}")
    assert done.returncode == 0, done.stderr
    rows = FILE["messages"]
    stream = b"".join(bytes.fromhex(row["packet"]) for row in rows)
    fitting = [
        row["message"] for row in rows if len(packets.payload_of(value_of(row["message"]))) <= size
    ]
    found, rejected = _decode(tmp_path / "small", stream)
    assert [one["message"] for one in found] == fitting
    assert rejected == len(rows) - len(fitting)


@pytest.mark.parametrize("seed", range(12))
def test_noise(program: Path, seed: int) -> None:
    """The same stream, damaged, through both decoders: the same messages, the same count."""
    chance = random.Random(seed)
    rows = [row for row in FILE["messages"] if len(row["packet"]) < 2000]
    stream = b"".join(bytes.fromhex(chance.choice(rows)["packet"]) for _ in range(400))
    stream = damaged(stream, chance, 30 * (1 + seed))
    decoder = packets.Decoder()
    expected = decoder.feed(stream)
    found, rejected = _decode(program, stream)
    assert [value_of(one["message"]) for one in found] == expected
    assert rejected == decoder.rejected


@pytest.mark.parametrize("seed", range(6))
def test_intact_packets_of_damaged_payloads(program: Path, seed: int) -> None:
    """Bad msgpack behind a good CRC, as only a faulty or hostile sender makes it."""
    chance = random.Random(seed)
    rows = [row for row in FILE["messages"] if "payload" in row]
    stream = b"".join(
        packets.packet_of(damaged(bytes.fromhex(chance.choice(rows)["payload"]), chance, 1))
        for _ in range(3000)
    )
    found, rejected = _decode(program, stream)
    assert len(found) + rejected == 3000
    assert rejected > 500
    assert all("sealed" in one or one["whole"] for one in found)


def test_random_bytes(program: Path) -> None:
    chance = random.Random(9)
    stream = chance.randbytes(300_000)
    decoder = packets.Decoder()
    assert decoder.feed(stream) == []
    assert _decode(program, stream) == ([], decoder.rejected)


def test_the_header_names_the_protocols_version() -> None:
    found = re.search(r"#define K230_PROTOCOL_VERSION (\d+)", HEADER.read_text())
    assert found is not None
    assert int(found[1]) == messages.PROTOCOL_VERSION
