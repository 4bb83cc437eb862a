"""The YAML subset: whatever is accepted reads as PyYAML reads it."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_app.settings import yaml_scalar
from firmware_app.settings.yaml_subset import (
    MAX_DEPTH,
    MAX_LINE,
    MAX_TEXT,
    YamlError,
    load,
    load_with_lines,
)

thousands = settings(
    max_examples=3000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def same(left: object, right: object) -> bool:
    """Equal in value and type, floats after rounding to single precision."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("<f", left) == struct.pack("<f", right)
    return left == right


def agrees(text: str) -> bool:
    """True where the text is accepted; fails where PyYAML reads it differently."""
    try:
        ours = load(text, "t.yaml")
    except YamlError as error:
        assert str(error).startswith(f"t.yaml line {error.line}: ")
        assert 1 <= error.line <= text.count("\n") + 1
        assert "\n" not in str(error)
        return False
    theirs = yaml.safe_load(text)
    assert same(ours, theirs), (text, ours, theirs)
    return True


# Characters and words chosen for where YAML 1.1 surprises.
PIECES = st.sampled_from(
    [*"abyn01289.,:-+_#?!&*|>%@`=~'\"[]{}<xeET \n\n\r\t\\/", "  ", ": ", "- ", "\n  ", "\n- "]
    + ["\r\n", "---\n", "...\n", "key: ", "b:\n", "null", "true", "off", "0x1", "1.5", "1e3"]
    + ["é", "标", "：", "\u00a0", "\u3000", "\x85", "\u2028", "\ufeff", "\U0001f600", "\x00"]
    + ['"x"', "'y'", "[1, 2]", "{a: 1}", " # note", "\\u00e9", "- - ", "a: b\n", "2024-01-02"]
)
SOUP = st.lists(PIECES, max_size=14).map("".join)
NUMBER_SOUP = st.text("0123456789.-+:_eExabfn, TZo", min_size=1, max_size=12)


@pytest.mark.slow
@thousands
@given(SOUP)
def test_soup_is_refused_or_read_as_pyyaml_reads_it(text: str) -> None:
    agrees(text)


@pytest.mark.slow
@thousands
@given(st.text(max_size=30))
def test_any_text_is_refused_or_read_as_pyyaml_reads_it(text: str) -> None:
    agrees(text)
    agrees("k: " + text)
    agrees('k: "' + text + '"')
    agrees("- [" + text + "]")


@pytest.mark.slow
@thousands
@given(NUMBER_SOUP)
def test_what_looks_like_a_number_is_refused_or_read_as_pyyaml_reads_it(text: str) -> None:
    agrees("k: " + text)
    agrees("[" + text + "]")
    agrees("{k: " + text + "}")


# Lines built with random indentation: the block structure itself.
LINES = (
    ["a:", "b:", "c: 1", "d: x y", "-", "- a", "- b: 1", "- c:", "- - 1", "- - e: 2", "# c"]
    + ["", "f: [1, {g: h}]", "'q r': 's'", '"t" : "u"', "- [v]", "- {w: x}", "a : b", "text"]
    + ["c: # note", "- # note", "-   b: 3", "- -", "- - -", "e: ~", "f: 'it''s'"]
)
LINE = st.sampled_from([" " * indent + line for indent in range(6) for line in LINES])


@pytest.mark.slow
@settings(thousands, max_examples=6000)
@given(st.lists(LINE, max_size=9), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_block_structures_are_refused_or_read_as_pyyaml_reads_them(
    lines: list[str], end: str, mark: str
) -> None:
    agrees(mark + end.join(lines) + end)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HARD_TEXT = st.text("abc-_ :#,'\"")
FLOATS = st.integers(-(10**8), 10**8).map(lambda number: number / 10**4)
KEYS = st.text("abcdefgh_0123456789 é标-", min_size=1, max_size=12)


def scalars(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """All kinds of scalars, texts among them."""
    return st.one_of(
        st.none(), st.booleans(), st.integers(-(10**15), 10**15), FLOATS, text, HARD_TEXT
    )


def documents(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> Any:
    """Lists and mappings; what a test can't use is left out of the leaves, not of the trees."""

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)

    return around(st.recursive(leaves, around, max_leaves=5))


DATA = documents(scalars(TEXT), KEYS)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@pytest.mark.slow
@settings(thousands, max_examples=2000)
@given(DATA, st.booleans(), st.integers(2, 6), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_what_pyyaml_dumps_with_quotes_is_accepted(
    data: Any, unicode: bool, indent: int, start: bool, end: str
) -> None:
    text = yaml.safe_dump(
        data,
        default_style='"',
        allow_unicode=unicode,
        indent=indent,
        width=math.inf,
        explicit_start=start,
        line_break=end,
    )
    # That style writes numbers as tags: !!int "1".
    if "!!" in text or depth(data) > MAX_DEPTH or "? " in text or text.startswith("--- "):
        agrees(text)
    else:
        assert agrees(text)
        assert same(load(text, "t.yaml"), data)


def is_clear(value: object) -> bool:
    """True where a plain dump of the scalar stays inside the subset."""
    if isinstance(value, float):
        return "e" not in repr(value)
    if isinstance(value, str):
        try:
            yaml_scalar.plain(value or "~")
        except yaml_scalar.ScalarError:
            # ScalarError as it stands; PyYAML may or may not put it in quotes.
            return yaml.safe_dump(value).startswith(("'", '"'))
    return True


ASCII = st.text(st.characters(max_codepoint=0x7E, exclude_characters="\t\n"), max_size=20)
ASCII_KEYS = st.text("abcdefgh_0123456789 -", min_size=1, max_size=12)


@pytest.mark.slow
@settings(thousands, max_examples=4000)
@given(
    documents(scalars(ASCII).filter(is_clear), ASCII_KEYS.filter(is_clear)),
    st.sampled_from([False, True, None]),
    st.integers(2, 6),
    st.booleans(),
)
def test_what_pyyaml_dumps_is_accepted(
    data: Any, flow: bool | None, indent: int, start: bool
) -> None:
    text = yaml.safe_dump(
        data, default_flow_style=flow, indent=indent, width=math.inf, explicit_start=start
    )
    if depth(data) > MAX_DEPTH or "? " in text or text.startswith("--- "):
        agrees(text)
    else:
        assert agrees(text)
        assert same(load(text, "t.yaml"), data)


@pytest.mark.slow
@settings(thousands, max_examples=5000)
@given(st.integers(0, 10**19 - 1), st.integers(1, 19))
def test_numbers_are_rounded_as_a_pc_rounds_them(mantissa: int, places: int) -> None:
    assert yaml_scalar.decimal(mantissa, places) == mantissa / 10**places


@pytest.mark.slow
@pytest.mark.parametrize("bits", [24])
@settings(thousands, max_examples=2000)
@given(st.integers(1, 10**17), st.integers(1, 17))
def test_numbers_are_rounded_to_single_precision_as_a_pc_rounds_them(
    bits: int, mantissa: int, places: int
) -> None:
    expected = struct.unpack("<f", struct.pack("<f", mantissa / 10**places))[0]
    before = yaml_scalar._SIGNIFICAND
    yaml_scalar._SIGNIFICAND = bits
    try:
        assert yaml_scalar.decimal(mantissa, places) == expected
    finally:
        yaml_scalar._SIGNIFICAND = before


def test_lines_of_every_path() -> None:
    text = "# c\na: 1\nb:\n- x\n- {y: 1, z: 2}\nc:\n  d:\n\n    - e: 1\n"
    data, lines = load_with_lines(text, "t.yaml")
    assert data == {"a": 1, "b": ["x", {"y": 1, "z": 2}], "c": {"d": [{"e": 1}]}}
    assert lines == {
        (): 2,
        ("a",): 2,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 1): 5,
        ("b", 1, "y"): 5,
        ("b", 1, "z"): 5,
        ("c",): 6,
        ("c", "d"): 7,
        ("c", "d", 0): 9,
        ("c", "d", 0, "e"): 9,
    }


def test_limits() -> None:
    for opening, closing in (("[", "]"), ("{a: ", "}")):
        fits = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
        assert agrees("- 1\n") and agrees(fits)
        with pytest.raises(YamlError, match="nested deeper"):
            load(opening + fits + closing, "t.yaml")
    with pytest.raises(YamlError, match="nested deeper"):
        load("- " * 400 + "1", "t.yaml")
    with pytest.raises(YamlError, match="longer than"):
        load("a: " + "x" * MAX_LINE, "t.yaml")
    with pytest.raises(YamlError, match="more than"):
        load("#\n" * MAX_TEXT, "t.yaml")


def test_error_carries_its_parts() -> None:
    with pytest.raises(YamlError) as caught:
        load("a: 1\nb: on\n", "configs/service.yaml")
    error = caught.value
    assert (error.name, error.line) == ("configs/service.yaml", 2)
    assert isinstance(error, ValueError)
    assert str(error) == (
        "configs/service.yaml line 2: on is not clear: write true or false, "
        "or put it in quotes if it is text"
    )


def test_number_vectors_are_what_pyyaml_reads() -> None:
    path = Path(__file__).parents[1] / "vectors" / "yaml" / "numbers.txt"
    for line in path.read_text().splitlines()[1:]:
        text, expected = line.split()
        assert struct.pack("<f", yaml.safe_load(text)).hex() == expected


def test_document_vectors_are_what_pyyaml_reads() -> None:
    path = Path(__file__).parents[1] / "vectors" / "yaml" / "documents.json"
    for row in json.loads(path.read_text(encoding="utf-8")):
        if "error" not in row:
            assert same(row["value"], yaml.safe_load(row["text"]))
