"""The tables of codes in docs/protocol.md hold every code of the firmware and the client, and no other."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import host_client
from firmware_app.base import problems, restarts
from host_client.base.exceptions import EXIT_CODES_OF_FAILURES, REFUSALS, CommandFailed, K230Error

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
# Calls whose argument number N is a code (from the end where negative), and what says it.
CODED = {
    "CommandError": (0, "FAILURE"),
    "fail": (-2, "FAILURE"),  # of a session, which takes the request first, and of a call
    "refuse": (0, "REFUSED"),
    "_refusal": (0, "REFUSED"),
}


def section(number: int) -> str:
    return re.split(r"^## \d+\. ", PAGE, flags=re.M)[number]


def rows(number: int) -> list[list[str]]:
    lines = [line for line in section(number).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def errors() -> set[tuple[str, str, str]]:
    """Return (code, who, exit code) as the table has them."""
    found = set()
    for code, who, exit_code, _ in rows(10):
        for each in who.split(", "):
            found.add((code.strip("`"), each, exit_code if each == "client" else ""))
    return found


def constants(node: ast.expr) -> Iterator[str]:
    """Yield the codes that an expression can be; a name stands for codes that are found elsewhere."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)
    elif not isinstance(node, (ast.Name, ast.Attribute)):
        raise AssertionError(f"a code that the test can't read: {ast.unparse(node)}")


def said_by_the_board() -> set[tuple[str, str, str]]:
    found = set()
    for path in (ROOT / "firmware_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func).split(".")[-1]
                place, who = CODED.get(name, (0, ""))
                if who and len(node.args) > max(place, 0):
                    found |= {(code, who, "") for code in constants(node.args[place])}
            elif isinstance(node, ast.List) and len(node.elts) > 2:
                if ast.unparse(node.elts[0]) == "messages.FAILURE":
                    found |= {(code, "FAILURE", "") for code in constants(node.elts[2])}
            elif (
                isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "code"
                and isinstance(node.value, ast.IfExp)
                and path.parent.name == "link"
            ):
                found |= {(code, "FAILURE", "") for code in constants(node.value)}
    return found


def kinds(base: type[K230Error] = K230Error) -> set[type[K230Error]]:
    """Return all errors of the package, whichever module has them."""
    for module in pkgutil.walk_packages(host_client.__path__, "host_client."):
        importlib.import_module(module.name)
    found = {base}
    for kind in base.__subclasses__():
        found |= kinds(kind)
    return {kind for kind in found if kind.__module__.startswith("host_client.")}


def test_the_table_has_every_error_and_no_other() -> None:
    client = {
        (kind.code, "client", str(kind.exit_code)) for kind in kinds() if kind is not CommandFailed
    }
    assert errors() == said_by_the_board() | client


def test_every_refusal_becomes_an_error_of_its_own_or_is_no_end() -> None:
    refused = {code for code, who, _ in errors() if who == "REFUSED"}
    # version is taken by itself; session ends nothing; card comes within a session.
    assert set(REFUSALS) == refused - {"version", "session", "card"}


def test_errors_of_the_library_have_codes_of_their_own_and_are_exported() -> None:
    library = {kind for kind in kinds() if kind.__module__ == "host_client.base.exceptions"}
    codes = [kind.code for kind in library if kind is not CommandFailed]
    assert len(codes) == len(set(codes))
    assert {kind.__name__ for kind in library} <= set(host_client.__all__)


def test_the_table_has_every_problem_and_no_other() -> None:
    codes = {value for name, value in vars(problems).items() if name.isupper()}
    table = section(9).split("| what is wrong |")[1].split("\n\n")[0]
    assert codes == set(re.findall(r"^\| `(\w+)` \|", table, re.M))


def test_the_table_has_every_reason_of_a_restart_and_no_other() -> None:
    codes = {value for name, value in vars(restarts).items() if name.isupper()}
    table = section(9).split("| why the board restarted last |")[1].split("\n\n")[0]
    assert codes == set(re.findall(r"^\| `(\w+)` \|", table, re.M))


def test_problems_are_named_by_the_constants() -> None:
    for path in (ROOT / "firmware_app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if "problems" in ast.unparse(node.func.value) and node.func.attr in ("set", "add"):
                name = ast.unparse(node.args[0]).split(".")[-1]
                assert name.isupper() and hasattr(problems, name), (path, ast.unparse(node))


CATALOGUES = ("errors.md", "errors.zh-CN.md")


def catalogue(page: str) -> list[list[list[str]]]:
    """Return the rows of each table of an error catalogue."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    tables = re.split(r"^## ", text, flags=re.M)[1:]
    return [
        [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in table.splitlines()
            if line.startswith("| `")
        ]
        for table in tables
    ]


def _in_table(head: str) -> list[str]:
    """Return the codes of a table of section 9, in their order."""
    table = section(9).split(head)[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.M)


@pytest.mark.parametrize("page", CATALOGUES)
def test_the_catalogue_has_every_code_in_the_order_of_the_protocol(page: str) -> None:
    failures, problems_, reasons, causes = catalogue(page)
    expected = []
    for code, who, exit_code, _ in rows(10):
        name = code.strip("`")
        if exit_code == "–" and "FAILURE" in who:
            exit_code = str(EXIT_CODES_OF_FAILURES.get(name, 7))  # noqa: PLW2901
        expected.append((name, exit_code))
    assert [(row[0].strip("`"), row[1]) for row in failures] == expected
    assert [row[0].strip("`") for row in problems_] == _in_table("| what is wrong |")
    assert [row[0].strip("`") for row in reasons] == _in_table("| why the board restarted last |")
    source = (ROOT / "host_client" / "link" / "strangers.py").read_text("utf-8")
    named = set(re.findall(r'Cause\(\s*"(\w+)"', source))
    assert {row[0].strip("`") for row in causes} == named


@pytest.mark.parametrize("page", CATALOGUES)
def test_each_row_of_the_catalogue_says_what_to_do(page: str) -> None:
    for table in catalogue(page):
        widths = {len(row) for row in table}
        assert len(widths) == 1
        for row in table:
            assert all(row), row
            if page == "errors.zh-CN.md":
                assert re.search(r"[\u4e00-\u9fff]", row[-2]), row
                assert re.search(r"[\u4e00-\u9fff]|^`k230 ", row[-1]), row
