"""kmodel headers, good and bad; runs on CPython and MicroPython."""

import io
import struct

from firmware_app.package.kmodel import KmodelError, read, read_from
from tests.firmware.both.fake_card import FLOAT32, UINT8, kmodel, tensor

GOOD = kmodel([tensor(UINT8, 1, 3, 224, 224)], [tensor(FLOAT32, 1, 6)])
REMEDY = ": expected version 7; convert the model again with nncase 2.11 for the target k230"


def _refused(data: bytes) -> str:
    try:
        read_from(io.BytesIO(data), "m.kmodel")
    except KmodelError as error:
        return str(error)
    raise AssertionError("accepted")


def test_types_are_read() -> None:
    found = read_from(io.BytesIO(GOOD), "m.kmodel")
    assert [repr(each) for each in found.inputs] == ["uint8 1x3x224x224"]
    assert [repr(each) for each in found.outputs] == ["float32 1x6"]
    assert found.outputs[0].shape == (1, 6) and found.size == len(GOOD) and found.uses_kpu


def test_several_outputs_are_read() -> None:
    outputs = [tensor(FLOAT32, 1, side, side, 33) for side in (80, 40, 20)]
    found = read_from(io.BytesIO(kmodel([tensor(UINT8, 1, 3, 640, 640)], outputs)), "m")
    assert [each.shape for each in found.outputs] == [(1, s, s, 33) for s in (80, 40, 20)]


def test_bytes_behind_the_end_do_no_harm() -> None:
    assert read_from(io.BytesIO(GOOD + bytes(100)), "m").outputs[0].shape == (1, 6)


def test_other_generations_are_named() -> None:
    for version, words in (
        (4, "version 4 (nncase 0.2, for the K210)"),
        (5, "version 5 (nncase 1.x, for the K210 or K510)"),
        (6, "version 6 (nncase 2.0 to 2.3)"),
        (8, "version 8"),
    ):
        data = b"LDMK" + struct.pack("<I", version) + GOOD[8:]
        assert _refused(data) == "m.kmodel: kmodel of " + words + REMEDY
    old = struct.pack("<4I", 3, 1, 0, 20) + bytes(100)
    assert _refused(old) == "m.kmodel: kmodel of version 3 (nncase 0.1, for the K210)" + REMEDY


def test_other_files_are_named() -> None:
    start = "m.kmodel: not a kmodel: expected it to start with LDMK, found "
    for data, words in (
        (b"PK\x03\x04" + bytes(60), "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"\x20\0\0\0TFL3" + bytes(60), "a TFLite model"),
        (b"\x08\x07\x12\x07pytorch" + bytes(60), "an ONNX model"),
        (bytes(64), "zeros (an interrupted copy?)"),
        (b"{}", "7b 7d"),
    ):
        message = _refused(data)
        assert message.startswith(start + words), message
    assert _refused(b"") == "m.kmodel: the file is empty"


def test_every_truncation_is_refused() -> None:
    for size in range(len(GOOD)):
        message = _refused(GOOD[:size])
        assert "truncated" in message or "empty" in message, (size, message)


def test_no_damaged_byte_escapes_as_another_error() -> None:
    for at in range(len(GOOD)):
        for value in (0x00, 0x01, 0x7F, 0xFF):
            data = bytearray(GOOD)
            data[at] = value
            try:
                found = read_from(io.BytesIO(bytes(data)), "m.kmodel")
            except KmodelError as error:
                assert str(error).startswith("m.kmodel: ")
            else:
                assert len(found.inputs) + len(found.outputs) >= 1


def test_other_targets_are_refused() -> None:
    data = kmodel([tensor(UINT8, 1, 3, 8, 8)], [tensor(FLOAT32, 1, 2)], b"k510")
    assert _refused(data) == (
        "m.kmodel: not made for the K230: module 2 of 2 is of kind k510, expected stackvm or k230"
    )


def test_sizes_that_are_not_fixed_are_refused() -> None:
    unknown = bytes([2, UINT8, 1, 1, 1, 0, 0, 0, 0, 0xFF])
    message = _refused(kmodel([unknown], [tensor(FLOAT32, 1, 2)]))
    assert message == "m.kmodel: an input or output has no fixed size"


def test_missing_file_is_one_sentence() -> None:
    try:
        read("no/such/file.kmodel")
    except KmodelError as error:
        assert str(error) == "no/such/file.kmodel: can't be read"
    else:
        raise AssertionError("accepted")
