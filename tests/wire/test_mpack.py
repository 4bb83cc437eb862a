"""firmware_app.wire.mpack against the msgpack library, in both interpreters, on generated values."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_app.wire import mpack

from .support import BoardSide

INTEGERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([2**power + d for power in (5, 7, 8, 15, 16, 31, 32) for d in (-1, 0, 1)]),
    st.sampled_from([d - 2**power for power in (5, 7, 8, 15, 16, 31, 32) for d in (-1, 0, 1)]),
)
TEXTS = st.one_of(st.text(max_size=40), st.sampled_from(["x" * n for n in (31, 32, 255, 256, 700)]))
SCALARS = st.one_of(
    st.none(), st.booleans(), INTEGERS, TEXTS, st.binary(max_size=40), st.just(bytes(300))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20),
        st.dictionaries(st.one_of(TEXTS, INTEGERS), inner, max_size=18),
    ),
    max_leaves=40,
)
SETTINGS = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _library(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False)


def _one_key_at_most(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_one_key_at_most, value))
    if isinstance(value, dict):
        return len(value) < 2 and all(map(_one_key_at_most, value.values()))
    return True


@pytest.mark.slow
@given(VALUES)
@SETTINGS
def test_same_as_the_library(value: Any) -> None:
    data = msgpack.packb(value)
    assert mpack.pack(value) == data
    assert mpack.unpack(data) == value


@pytest.mark.slow
@given(VALUES)
@SETTINGS
def test_same_under_micropython(board: BoardSide, value: Any) -> None:
    data = msgpack.packb(value)
    answer = board.ask("P " + data.hex())
    assert not answer.startswith("!"), answer
    again = bytes.fromhex(answer)
    assert _library(again) == value
    # MicroPython does not keep the order of a dict's keys.
    assert again == data or not _one_key_at_most(value)


EDGES = st.sampled_from([2**power + d for power in (7, 8, 16, 32) for d in (-1, 0, 1)])


@pytest.mark.slow
@given(
    st.integers(0, 127),
    st.one_of(EDGES, st.integers(0, 2**33)),
    st.one_of(EDGES, st.integers(0, 2**33)),
    st.one_of(EDGES, st.integers(0, 300)),
    st.one_of(
        st.tuples(st.binary(max_size=300)),
        st.tuples(st.binary(max_size=300), st.binary(max_size=300)),
        st.lists(SCALARS, max_size=20),
        st.lists(VALUES, max_size=3),
    ),
)
@SETTINGS
def test_results(
    board: BoardSide, kind: int, number: int, ms: int, generation: int, fields: Any
) -> None:
    message = [kind, number, ms, generation, *fields]
    data = msgpack.packb(message)
    packed = [bytearray(item) if isinstance(item, bytes) else item for item in message]
    assert mpack.pack_result(packed) == data
    again = bytes.fromhex(board.ask("R " + data.hex()))
    assert _library(again) == _library(data)
    assert again == data or not _one_key_at_most(message)


def _agree(data: bytes, board: BoardSide) -> None:
    """Both interpreters accept the same bytes as the same value, or neither does."""
    answer = board.ask("P " + data.hex())
    try:
        value = mpack.unpack(data)
    except ValueError:
        assert answer.startswith("!"), (data.hex(), answer)
        return
    assert not answer.startswith("!"), (data.hex(), answer)
    assert _library(bytes.fromhex(answer)) == _library(mpack.pack(value))


@pytest.mark.slow
@given(VALUES, st.data())
@SETTINGS
def test_damaged_bytes_are_judged_alike(board: BoardSide, value: Any, data: st.DataObject) -> None:
    packed = bytearray(msgpack.packb(value))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(packed) - 1))
        packed[at] = data.draw(st.integers(0, 127))  # a lone byte above is rarely still UTF-8
    _agree(bytes(packed[: data.draw(st.integers(1, len(packed)))]), board)


@given(st.binary(min_size=1, max_size=60))
@SETTINGS
def test_any_bytes_raise_nothing_but_value_error(data: bytes) -> None:
    try:
        value = mpack.unpack(data)
    except ValueError:
        return
    library = msgpack.unpackb(data, strict_map_key=False, unicode_errors="strict")
    assert repr(value) == repr(library)


@pytest.mark.parametrize("depth", [16, 17, 30, 2000])
def test_depth(depth: int, board: BoardSide) -> None:
    for data in (b"\x91" * (depth - 1) + b"\x90", b"\x81\x01" * (depth - 1) + b"\x80"):
        answer = board.ask("P " + data.hex())
        if depth <= mpack.MAX_DEPTH:
            assert mpack.pack(mpack.unpack(data)) == data
            assert answer == data.hex()
        else:
            with pytest.raises(ValueError, match=r"array|map"):
                mpack.unpack(data)
            assert answer.startswith("!")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xca" + struct.pack(">f", 0.5), 0.5),
        (b"\xcb" + struct.pack(">d", -2.25), -2.25),
        (b"\xd3" + struct.pack(">q", 5), 5),
        (b"\xdf\0\0\0\1\xd0\xff\xc3", {-1: True}),
    ],
)
def test_forms_that_are_not_the_shortest(data: bytes, value: Any, board: BoardSide) -> None:
    assert mpack.unpack(data) == value
    assert _library(bytes.fromhex(board.ask("P " + data.hex()))) == value


@pytest.mark.parametrize("value", [{1}, object(), [[object()]], 2**64, -(2**63) - 1])
def test_what_cannot_be_packed(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError, struct.error)):
        mpack.pack(value)


@pytest.mark.parametrize("text", ["", "K230", "x" * 31, "x" * 32, "Ж" * 16, "漢" * 300])
def test_a_text_in_utf8_is_packed_as_the_string(text: str) -> None:
    rows = [[mpack.Text(text.encode()), 65535, [0, 127, 128, 255, 256, 65535, 65536, -1]]]
    assert str(rows[0][0]) == text
    assert mpack.pack(rows) == msgpack.packb([[text, *rows[0][1:]]])
    assert mpack.pack(rows[0][0]) == msgpack.packb(text)
