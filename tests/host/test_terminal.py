"""What boards, packages and files call themselves never reaches the terminal raw, nor ends a command."""

from __future__ import annotations

import ast
import functools
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host_client.cli import app, output, terminal
from host_client.cli.app import run
from tests.host.board_thread import BoardThread

ROOT = Path(__file__).parents[2]
# What a stranger's text may hold, and how it is shown.
ODD = {
    "plain": "plain",
    "菠菜 Grün ‑ 😀": "菠菜 Grün ‑ 😀",
    "[/x] cup [red] :100:": "[/x] cup [red] :100:",
    "two\nlines": "two\\nlines",
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "title\x1b]0;gone\x07": "title\\x1b]0;gone\\x07",
    "c1 \x9b2J": "c1 \\x9b2J",
    "back\x08space\rreturn\ttab\x00\x7f": "back\\x08space\\rreturn\\ttab\\x00\\x7f",
    "gpj\u202egnp.exe": "gpj\\u202egnp.exe",
    "a\u2028b\u2029c\x85d": "a\\u2028b\\u2029c\\x85d",
    "zero\u200bwidth\ufeff": "zero\\u200bwidth\\ufeff",
    "tag\U000e0041": "tag\\U000e0041",
    "\udcb2\udce2.jpg": "\\udcb2\\udce2.jpg",
}


@pytest.mark.parametrize("text", ODD)
def test_shown(text: str) -> None:
    assert terminal.shown(text) == ODD[text]
    assert terminal.shown(terminal.shown(text)) == ODD[text]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "gbk", "cp1252"])
@pytest.mark.parametrize("text", ODD)
def test_json_is_exact_safe_and_fits_the_encoding(text: str, encoding: str) -> None:
    line = terminal.json_line({text: [text]}, encoding)
    assert json.loads(line) == {text: [text]}
    assert terminal.shown(line) == line
    assert len(line.splitlines()) == 1
    line.encode(encoding)


def test_numbers_that_json_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": float("nan"), "b": [float("inf"), 1.5, (float("-inf"),)], 3: b"\1"})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5, [None]], "3": "01"}


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "cp1252", "utf-8"])
def test_no_text_ends_the_output(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    terminal.prepare()
    for text in (*ODD, "✓ – … ▶"):
        output.print_line(text)
        output.print_json({"text": text})
        output.print_table(text, ["name"], [[text]])
    assert b"\x1b" not in raw.getvalue()
    lines = raw.getvalue().decode(encoding).split("\n")
    if encoding == "ascii":
        assert "+ - ... >" in lines
    assert len(lines) == 6 * (len(ODD) + 1) + 1  # a line, an object, and title, heads, rule, row


BAD = "\x1b[2J\x1b]0;x\x07[/x] a\nb\u202e"
PAGE = {
    "labels": [[BAD, 1, 0, None]],
    "selected": BAD,
    "problem": BAD,
    "samples": 1,
    "total_labels": 1,
    "negatives": 0,
    "capacity": 9,
    "bytes": 1,
    "dimension": 2,
    "sha256": b"\1",
    "threshold": 5000,
    "margin": 10,
    "combine": BAD,
    "nearest": 1,
    "galleries": [[BAD, 1]],
}
ANSWERS: dict[str, Any] = {
    "status": {"task": BAD, BAD: BAD, "problems": [{"code": BAD, "text": BAD}]},
    "tasks": [{"name": BAD, "task": BAD, "package": BAD, "active": True, "problem": BAD}],
    "packages": [
        {"name": BAD, "task": BAD, "model": BAD, "size": 1, "in_use": True, "problem": BAD}
    ],
    "config": {"service": {BAD: BAD}, "task": {"labels": [BAD, {BAD: BAD}]}},
    "set": {"generation": 1, "changed": [BAD], "saved": True, BAD: BAD},
    "settings": [[BAD, 2, BAD, {BAD: [BAD]}]],
    "logs": {"text": f"{BAD}\n", "next": None},
    "gallery.list": PAGE,
}
VERBS = (
    ["status"],
    ["settings"],
    ["tasks"],
    ["packages"],
    ["config", "get"],
    ["logs"],
    ["gallery", "list"],
)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_every_verb_escapes_what_a_board_says(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with BoardThread() as scripted:
        scripted.board.answers = {
            name: functools.partial(lambda answer, _: answer, answer)
            for name, answer in ANSWERS.items()
        }
        url = scripted.board.url
        for verb in (*VERBS, ["set", "a=1"]):
            words = [*verb[:2], url] if verb[0] != "set" else ["set", url, "a=1"]
            assert run([*words, *(["--json"] if as_json else [])]) == 0, verb
            out, err = capsys.readouterr()
            assert not {"\x1b", "\x07", "\u202e"} & {*out, *err}, verb
            rows = [json.loads(line) for line in out.splitlines()] if as_json else []
            if as_json and verb != ["logs"]:  # whose lines end at line ends
                assert BAD in texts(rows), verb
            elif not as_json:
                assert "\\x1b[2J" in out, verb


def texts(value: Any) -> list[str]:
    """Return all texts in a value of JSON."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def test_one_file_writes_to_the_terminal() -> None:
    """Whatever else prints would not escape."""
    for path in sorted((ROOT / "host_client").rglob("*.py")):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "click.echo", "click.secho"), (path, node.lineno)
                assert not called.endswith(("stdout.write", "stderr.write")), (path, node.lineno)


def test_the_debug_log_escapes_too(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("host_client", logging.DEBUG, "", 0, "said %s", (BAD,), None)
    text = app._Escaping("%(message)s").format(record)
    assert text == "said \\x1b[2J\\x1b]0;x\\x07[/x] a\nb\\u202e"


# The command as a process: encodings, and outputs that nobody takes.


def k230(*words: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from host_client.cli import main; main()", *words]
    if shell:
        command = ["/bin/sh", "-c", f'"$0" "$@" {shell}', *command]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        timeout=60,
        cwd=ROOT,
        env=os.environ | environment,
    )


def test_ctrl_c_while_the_command_is_loaded(tmp_path: Path) -> None:
    """Wherever in its imports it comes: exit code 130, and not a word."""
    module = tmp_path / "click.py"  # the first library that is loaded
    module.write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)")
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from host_client.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_the_package_loads_its_libraries_with_the_first_name() -> None:
    code = "import sys, host_client.cli; print(sorted({'click', 'serial', 'PIL'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)
    assert done.stdout == b"[]\n"


def calm(done: subprocess.CompletedProcess[bytes]) -> bool:
    said = done.stdout + done.stderr
    return not any(word in said for word in (b"Traceback", b"a bug in k230", b"Exception ignored"))


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "gbk"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["gbk", "cp1252", "ascii", "locale"],
)
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "json"])
def test_no_encoding_ends_a_command(
    environment: dict[str, str], option: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "水果 ✓"
    place.mkdir()
    done = k230("doctor", *option, "--package", str(place), **environment)
    assert done.returncode == 11, done.stderr
    assert calm(done)
    if option:
        assert (
            json.loads(done.stdout.decode(environment.get("PYTHONIOENCODING", "ascii")))["state"]
            == "trouble"
        )
    assert done.stdout.startswith((b"x package", b"\\u2717", b"{"))


@pytest.mark.parametrize(
    ("shell", "code", "words"),
    [
        ("> /dev/full", 12, b"k230: the output can't be written: no space left on device"),
        (">&-", 12, b"k230: the output can't be written: "),
        ("2>&-", 11, b""),
        ("2> /dev/full", 11, b""),
        ("> /dev/full 2>&1", 12, b""),
        ("< /dev/null <&-", 11, b""),
        ("| true", 0, b""),
    ],
)
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "json"])
def test_an_output_that_takes_nothing(
    shell: str, code: int, words: bytes, option: list[str], tmp_path: Path
) -> None:
    done = k230("doctor", *option, "--package", str(tmp_path), shell=shell)
    assert done.returncode == code, done.stderr
    assert calm(done)
    assert done.stderr.startswith(words) and done.stderr.count(b"\n") <= 1


def test_help_goes_the_same_way() -> None:
    assert k230("--help", shell="> /dev/full").returncode == 12
    assert calm(k230("--help", shell="> /dev/full"))
    assert calm(k230("--version", shell=">&-"))
    assert k230("verify", "--help", PYTHONIOENCODING="ascii").returncode == 0
