"""The strict JSON reader; runs on CPython and MicroPython."""

from firmware_app.package.json_text import MAX_DEPTH, MAX_SIZE, JsonError, load

GOOD: tuple[tuple[bytes, object], ...] = (
    (b"{}", {}),
    (b" [ ] ", []),
    (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    (b'{\r\n"a": [1, -2, 0],\r\n"b": null}\r\n', {"a": [1, -2, 0], "b": None}),
    (b'[true, false, "x", ""]', [True, False, "x", ""]),
    (b"[0.5, -0.25, 1e3, 2.5E-1, 100.0]", [0.5, -0.25, 1000.0, 0.25, 100.0]),
    ('["菠菜", "1.0μH", "😀"]'.encode(), ["菠菜", "1.0μH", "😀"]),
    (b'["\\u83e0\\u83dc", "\\ud83d\\ude00", "\\u00b5"]', ["菠菜", "😀", "µ"]),
    (b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]', ['"\\/\b\f\n\r\t']),
    (b'{"a": {"b": [[{}]]}}', {"a": {"b": [[{}]]}}),
)
BAD = (
    (b"", "line 1: the text ends where a value is expected"),
    (b"{", 'line 1: expected a key in "quotes", found the end of the text'),
    (b'{"a" 1}', 'line 1: expected : after the key "a"'),
    (b'{"a": 1 "b": 2}', 'line 1: expected , or }, found "'),
    (b'{"a": 1,\n}', "line 2: a comma before }"),
    (b"[1, 2,]", "line 1: a comma before ]"),
    (b"[1,,2]", "line 1: expected a value, found ,"),
    (b"[1 2]", "line 1: expected , or ], found 2"),
    (b"[1", "line 1: expected , or ], found the end of the text"),
    (b"{'a': 1}", 'line 1: expected a key in "quotes", found \''),
    (b'{"a": 1, // c\n}', 'line 1: expected a key in "quotes", found / (JSON has no comments)'),
    (b"\xff\xfe{\x00}\x00", "line 1: text that is UTF-16: save the file as UTF-8"),
    (b'{"a": 1, "a": 2}', 'line 1: the key "a" appears twice'),
    (b'{"a": 1}\n\nx', "line 3: text after the end"),
    (b"[01]", "line 1: 01 is not a number: it starts with 0"),
    (b"[1.]", "line 1: 1. is not a number"),
    (b"[-]", "line 1: - is not a number"),
    (b"[1-2]", "line 1: 1-2 is not a number"),
    (b"[1e]", "line 1: 1e is not a number"),
    (b"[1e99]", "line 1: 1e99 is beyond the range of the board's numbers"),
    (b"[NaN]", "line 1: expected a value, found N"),
    (b"[// c\n1]", "line 1: expected a value, found / (JSON has no comments)"),
    (b'["a', "line 1: the text ends inside quotes"),
    (b'["a\nb"]', "line 1: a line break or control character inside quotes"),
    (b'["\\x41"]', "line 1: a \\ that starts no escape: write \\\\ for \\"),
    (b'["\\u12"]', "line 1: \\u needs four hexadecimal digits"),
    (b'["\\ud83d"]', "line 1: half a character written as \\u"),
    (b'["\xb2\xa4"]', "line 1: text that is not UTF-8: save the file as UTF-8"),
    (b"[" * (MAX_DEPTH + 1), "line 1: nested deeper than " + str(MAX_DEPTH) + " levels"),
    (b" " * (MAX_SIZE + 1), "line 1: the file has more than " + str(MAX_SIZE) + " bytes"),
)


def test_good_text_is_read() -> None:
    for data, expected in GOOD:
        assert load(data) == expected, (data, load(data))


def test_bad_text_is_refused_with_its_line() -> None:
    for data, message in BAD:
        try:
            load(data)
        except JsonError as error:
            assert str(error) == message, (data[:40], str(error))
        else:
            raise AssertionError(data[:40])


def test_long_decimals_are_rounded_correctly() -> None:
    value = load(b"[0.8000000000000003]")
    assert isinstance(value, list)
    # 13421773 / 2**24 is the nearest single-precision number.
    assert abs(value[0] - 13421773 / (1 << 24)) < 1e-7
