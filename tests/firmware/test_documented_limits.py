"""Types, defaults and limits that the documentation states are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from firmware_app.gallery import format as gallery_format
from firmware_app.gallery import quality
from firmware_app.link import transfers
from firmware_app.settings import service_fields, task_fields
from firmware_app.wire import log_lines, messages, mpack, seal
from host_client.cli.app import cli
from tests.virtual_board.scripts import run_script

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
LIMITS = {field.path: field for field in service_fields.FIELDS}


def _with_commas(number: int) -> str:
    return f"{number:,}"


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("protocol", f"TCP (port {service_fields.DEFAULT_PORT})"),
        ("protocol", f"number of its TCP port ({service_fields.DEFAULT_PORT})"),
        ("protocol", f"1…{_with_commas(messages.MAX_PAYLOAD)} bytes; sealed (section 3) "),
        ("protocol", f"{messages.MAX_SEALED - messages.MAX_PAYLOAD} more, so a body has at most "),
        ("protocol", f"at most {_with_commas(messages.MAX_SEALED + 4)} bytes. A receiver"),
        ("protocol", f"nest at most {mpack.MAX_DEPTH} deep"),
        ("protocol", f"nonce (binary, {messages.NONCE_SIZE})"),
        ("protocol", f"data (binary, at most {_with_commas(messages.CHUNK_SIZE)})"),
        ("protocol", f"The key is {messages.KEY_SIZE} bytes"),
        ("protocol", f"tag ({seal.TAG_SIZE} bytes)"),
        ("protocol", f"up to {LIMITS['network.max_clients'].high}"),
        (
            "protocol",
            "level (integer: "
            + ", ".join(f"{level} {name}" for level, name in sorted(log_lines.NAMES.items())),
        ),
        ("gallery", f"(cosine {quality.DUPLICATE} or more)"),
        ("gallery", f"At most {quality.MAX_SAMPLES} samples"),
        ("gallery", f"A body has at most {_with_commas(gallery_format.MAX_BODY)} bytes"),
        ("gallery", f"text (UTF-8, 1…{gallery_format.MAX_TEXT} bytes)"),
        ("cli", f"any tty; {service_fields.DEFAULT_BAUDRATE} where no speed is given"),
        ("tasks", "more than 1920 × 1088 pixels"),
    ],
)
def test_documented(page: str, sentence: str) -> None:
    assert sentence in " ".join(PAGES[page].split())


def test_largest_picture() -> None:
    assert messages.MAX_PIXELS == 1920 * 1088
    assert transfers.MAX_PICTURE == 3 * messages.MAX_PIXELS


def test_message_types_of_the_page() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", PAGES["protocol"], re.MULTILINE)
    first_result = min(messages.RESULT_TASKS)
    names = {
        name: value
        for name, value in vars(messages).items()
        if name.isupper() and isinstance(value, int) and "_" not in name and value < first_result
    }
    assert {name: int(number) for number, name in rows} == names


def test_result_types_of_the_page() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z_]+)(?: with a detector)? \|", PAGES["protocol"], re.M)
    assert {int(number): name for number, name in rows} == messages.RESULT_TASKS


def test_commands_of_the_pages(tmp_path: Path) -> None:
    section = PAGES["protocol"].split("## 5. Commands")[1].split("\n## ")[0]
    named = re.findall(r"^\| `([a-z.]+)` \|", section, re.MULTILINE)
    named += re.findall(r"^\| `((?:enroll|recognize|gallery)[a-z.]*)` \|", PAGES["gallery"], re.M)
    script = "from firmware_app.commands.table import LONG, SHORT\nfor name in SHORT: print(name)\n"
    known = run_script(tmp_path, script + "for name in LONG: print(name)").lines
    assert sorted(named) == sorted(known)


def test_verbs_of_the_page() -> None:
    for verb in cli.commands:
        assert re.search(rf"`(k230 )?{verb}\b", PAGES["cli"]), f"docs/cli.md lacks {verb}"


def test_records_of_a_gallery_file() -> None:
    rows = re.findall(r"^\| (\d) ([A-Z_]+) \|", PAGES["gallery"], re.MULTILINE)
    assert rows
    for number, name in rows:
        assert getattr(gallery_format, name) == int(number)


def test_every_task_has_a_result_a_class_and_a_row_in_the_docs() -> None:
    assert set(messages.RESULT_TASKS.values()) == set(task_fields.TASKS)
    tree = ast.parse((ROOT / "firmware_app/tasks/prepare.py").read_text(encoding="utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert set(task_fields.TASKS) - named <= {"ocr"}  # what is left when no other task matches
    for task in task_fields.TASKS:
        assert f"`{task}.yaml`" in PAGES["tasks"], task


@pytest.mark.parametrize("level", log_lines.NAMES)
def test_log_lines_are_read_as_they_are_written(level: int) -> None:
    text = "a: b, 1.234 error: c"
    line = log_lines.line(61_007, level, text)
    assert log_lines.parse(line) == (61_007, log_lines.NAMES[level], text)
    assert log_lines.level_of(log_lines.NAMES[level]) == level


@pytest.mark.parametrize(
    "text", ["--- start 3: power", "", "x", "1.5 info: x", "1.500 x", "Traceback: 1"]
)
def test_other_lines_are_no_log_lines(text: str) -> None:
    assert log_lines.parse(text) is None
