"""The hand-written YAML documents of tests/vectors/yaml; runs on CPython and MicroPython."""

import json

from firmware_app.yaml_subset import YamlError, load


def test_documents_read_or_refuse_as_recorded() -> None:
    with open("tests/vectors/yaml/documents.json", encoding="utf-8") as file:
        rows = json.load(file)
    assert len(rows) > 150
    for row in rows:
        try:
            value = load(row["text"], "t.yaml")
        except YamlError as error:
            assert str(error) == "t.yaml " + row["error"], (row, str(error))
        else:
            assert "error" not in row and value == row["value"], (row, value)


def test_numbers_are_exact_in_this_interpreter() -> None:
    values = load("a: 0.1\nb: 0.8000000000000003\nc: 16777217.0\nd: -123456.789\n", "t.yaml")
    assert isinstance(values, dict)
    # The nearest single-precision numbers, as exact fractions.
    nearest = (("a", 13421773, 27), ("b", 13421773, 24), ("c", 16777216, 0), ("d", -15802469, 7))
    for key, numerator, shift in nearest:
        single = numerator / (1 << shift)
        assert abs(values[key] - single) <= abs(single) / (1 << 24), key
