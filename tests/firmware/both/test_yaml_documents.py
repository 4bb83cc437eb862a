"""The hand-written YAML documents of tests/vectors/yaml; runs on CPython and MicroPython."""

import binascii
import json
import struct

from firmware_app.settings.yaml_subset import YamlError, load


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


def test_numbers_are_rounded_as_pyyaml_rounds_them() -> None:
    with open("tests/vectors/yaml/numbers.txt", encoding="utf-8") as file:
        rows = [line.split() for line in file.read().split("\n") if line and line[0] != "#"]
    assert len(rows) > 300
    for text, expected in rows:
        value = load("a: " + text, "t.yaml")
        assert isinstance(value, dict)
        assert binascii.hexlify(struct.pack("<f", value["a"])).decode() == expected, text
