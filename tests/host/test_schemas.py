"""Every line of JSON keeps to its schema in host_client/schemas/, and docs/json.md says the same."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from firmware_app.wire import messages
from host_client import Model, decode_result
from host_client.cli.app import cli
from host_client.commands.card import PackageInfo
from host_client.commands.gallery_answers import Enrolment, Recognition
from host_client.results.lines import Source, answer, rfc3339, short32
from host_client.results.messages import (
    Event,
    LogLine,
    Statistics,
    Status,
    SwitchReport,
    TaskInfo,
)
from host_client.results.settings import SetReport, Setting
from tests.host.scripted_board import pack_box
from tests.json_lines import check_line, validator
from tools import json_schemas
from tools.json_types import LINES

SCHEMAS = Path(__file__).resolve().parents[2] / "host_client" / "schemas"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"
MODEL = Model(
    [5, "fruit", "net", b"\x11" * 32, ["apple", "pear"], 640, 480, "bowl"], "0011aabb", "kitchen"
)
HEAD = [70000, 1 << 24, 5]
SOURCE = Source("0011aabb", "kitchen")
RESULTS: list[tuple[int, list[Any]]] = [
    (messages.CLASSIFICATION, [1, [1, 65535, 0, 13107]]),
    (messages.CLASSIFICATION, [0, [1, 13107]]),
    (messages.CLASSIFICATION, [0, []]),
    (messages.DETECTION, [pack_box(1, 2, 3, 4, score1000=987, kind=0)]),
    (messages.DETECTION, [[[3000, -2, 3, 4, 987, 1500]]]),
    (messages.DETECTION, [b""]),
    (messages.SEGMENTATION, [2, 1, b"\1\1\2\1", [1, 1]]),
    (messages.OCR_DETECTION, [[[None, 65535, [1, 2, 3, 4, 5, 6, 7, 8]]]]),
    (messages.OCR_RECOGNITION, [[["text", 1, None]]]),
    (messages.OCR, [[["text", 1, [1, 2, 3, 4, 5, 6, 7, 8]]]]),
    (messages.METRIC_LEARNING, [struct.pack("<3f", 0.1, -1.0, 1e-7)]),
    (messages.METRIC_LEARNING, [None, [None, 5000, 100]]),
    (messages.METRIC_LEARNING, [None, ["me", 9999, 100]]),
    (messages.MULTILABEL, [[0, 65535, 1, 32768]]),
    (messages.INSTANCE_SEGMENTATION, [b"", []]),
    (messages.INSTANCE_SEGMENTATION, [[[1, 2, 3, 4, 987, 1]], [[-1, 0, 9, 8, 3, 2, b"\0\6"]]]),
    (messages.INSTANCE_SEGMENTATION, [pack_box(1, 2, 3, 4, score1000=987, kind=0), [None]]),
    (messages.POSE, [b"", b""]),
    (messages.POSE, [[[1, 2, 3, 4, 987, 1]], [[-5, 6, -1, 7, 8, 1000]]]),
    (messages.ORIENTED_DETECTION, [struct.pack("<7h", 80, 80, 320, 80, 17999, 912, 1)]),
    (messages.IDENTITIES, [[["me", 9999, 100, 1, 2, 3, 4, 1, 500]]]),
    (messages.IDENTITIES, [[[None, None, None, 1, 2, 3, 4, 1, 500]]]),
]


def schema(name: str) -> Any:
    value = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(value)
    return value


def verbs(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every verb that has --json."""
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from verbs(part, (*words, name))
    elif any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(words)


def test_each_verb_has_its_types_and_each_type_its_schema() -> None:
    assert set(verbs(cli)) == set(json_schemas.VERBS)
    types = {name for names in json_schemas.VERBS.values() for name in names}
    assert types | {"error"} == {*LINES, *json_schemas.BY_HAND}
    for name, written in json_schemas.schemas().items():
        assert schema(name) == written, "run python -m tools.json_schemas"
    assert {path.stem for path in SCHEMAS.glob("*.json")} == types | {"error", "line"}
    page = PAGE.read_text("utf-8")
    assert json_schemas.page(page) == page, "run python -m tools.json_schemas"


def test_the_types_of_the_library_say_the_same() -> None:
    for name, row, left_out in (
        ("switch", SwitchReport, set()),
        ("task", TaskInfo, set()),
        ("settings_changed", SetReport, set()),
        ("setting", Setting, {"changed"}),
        ("package", PackageInfo, set()),
        ("enrolment", Enrolment, set()),
        ("recognition", Recognition, set()),
        ("status", Status, set()),
    ):
        head = {"board_id", "board_name"} if name == "status" else set()
        fields = {field.rstrip("?") for field in LINES[name][1]} | head
        assert fields - left_out == set(row.__annotations__), name


def test_units_stand_at_the_end_of_names() -> None:
    """Bytes, milliseconds and microseconds are integers; no other unit of these is used."""

    def names(found: Any) -> Iterator[tuple[str, Any]]:
        for name, part in found.get("properties", {}).items():
            yield name, part
            yield from names(part)
        for part in (found.get("items"), *found.get("anyOf", [])):
            if part:
                yield from names(part)

    for path in SCHEMAS.glob("*.json"):
        for name, part in names(schema(path.stem)):
            assert not name.endswith(("_kb", "_mb", "_s", "seconds", "_size")) or name in (
                "bytes_per_s", "link_bytes_per_s", "results_per_s", "img_size",  # a package has this name
            ), (path.name, name)  # fmt: skip
            if name.endswith(("_bytes", "_us")) and "type" in part:
                kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
                assert set(kinds) <= {"integer", "null", "object"}, (path.name, name)


def test_lines_of_ten_boards_are_told_apart() -> None:
    """A program that knows the schemas alone puts each line to its board, whatever it is."""
    lines: list[dict[str, Any]] = []
    for number in range(10):
        source = Source(f"{number:016x}", f"board {number}", 640, 480)
        model = Model(
            [5, "fruit", "net", b"\x11" * 32, ["apple", "pear"], 640, 480, "bowl"],
            source.board_id or "", source.board_name or "",
        )  # fmt: skip
        lines += [
            decode_result([kind, *HEAD, *fields], model, None, 1.0, 0.1).to_dict()
            for kind, fields in RESULTS[number::10]
        ]
        lines.append(Event(5, "problem", {"code": "camera"}, 1.0, 0, 0.001, source).to_dict())
        lines.append(Statistics(5, {"results": 3}, 1.0, 0.001, source).to_dict())
        lines.append(LogLine(5, 30, "hot", None, None, source).to_dict())
        lines.append(answer("restart", {"restarting": True}, source))
    found: dict[str, set[str]] = {}
    for row in lines:
        validator("line").validate(row)
        found.setdefault(row["board_id"], set()).add(check_line(row))
    assert found == {
        f"{n:016x}": {"result", "event", "statistics", "log", "restart"} for n in range(10)
    }


def check(name: str, row: dict[str, Any]) -> None:
    text = json.dumps(row, allow_nan=False)
    jsonschema.validate(json.loads(text), schema(name), jsonschema.Draft202012Validator)
    unknown = set(row) - set(schema(name)["properties"])
    for branch in schema(name).get("oneOf", []):
        unknown -= set(branch["properties"])
    assert not unknown, f"not in the schema: {unknown}"


@pytest.mark.parametrize(("kind", "fields"), RESULTS)
@pytest.mark.parametrize("at", [(None, None), (1_700_000_000.1234567, 0.00123)])
def test_results(kind: int, fields: list[Any], at: tuple[Any, Any]) -> None:
    row = decode_result([kind, *HEAD, *fields], MODEL, None, *at).to_dict()
    check("result", row)
    assert (row["board_id"], row["board_name"]) == ("0011aabb", "kitchen")
    assert (row["width"], row["height"]) == (640, 480)
    if at[0] is not None:
        assert (row["time"], row["time_uncertainty_ms"]) == ("2023-11-14T22:13:20.123Z", 1.2)
    for rows in ("top", "boxes", "labels", "objects"):
        for item in row.get(rows, []):
            assert item["class_id"] in (0, 1, 1500)


def test_a_wrong_line_is_refused() -> None:
    row = decode_result([messages.DETECTION, *HEAD, b""], MODEL).to_dict()
    for change in ({"boxes": None}, {"task": "flying"}, {"schema": 2}, {"time_ms": 1.5}):
        with pytest.raises(jsonschema.ValidationError):
            check("result", {**row, **change})
    del row["board_id"]
    with pytest.raises(jsonschema.ValidationError):
        check("result", row)


def test_other_lines() -> None:
    check("event", Event(5, "problem", {"code": "camera"}, 1.0, 0, 0.001, SOURCE).to_dict())
    check("event", Event(5, "later", {"b": b"\x00"}).to_dict())
    check("statistics", Statistics(5, {"results": 3}, 1.0, 0.001, SOURCE).to_dict())
    check("log", LogLine(5, 30, "hot", None, None, SOURCE).to_dict())


def test_numbers_are_as_short_as_they_are_exact() -> None:
    for score in (0, 1, 13107, 32768, 64224, 65534, 65535):
        row = decode_result([messages.MULTILABEL, *HEAD, [0, score]], MODEL).to_dict()
        text = json.dumps(row["labels"][0]["score"])
        assert round(float(text) * 65535) == score
        assert len(text) <= 7
    for value in (0.1, 1 / 3, -2.5, 1e-7, 3.4e38, 0.0):
        exact = struct.unpack("<f", struct.pack("<f", value))[0]
        assert struct.pack("<f", short32(exact)) == struct.pack("<f", exact)
    assert short32(struct.unpack("<f", struct.pack("<f", 0.1))[0]) == 0.1


def test_times() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_700_000_000.9996) == "2023-11-14T22:13:21.000Z"
    assert rfc3339(1e300) == rfc3339(float("nan")) == "1970-01-01T00:00:00.000Z"


def test_the_page_has_every_field() -> None:
    page = PAGE.read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    for name in ("result", "event", "statistics", "log"):
        fields = set(schema(name)["properties"])
        for branch in schema(name).get("oneOf", []):
            fields |= set(branch["properties"])
        assert fields <= named, (name, fields - named)
