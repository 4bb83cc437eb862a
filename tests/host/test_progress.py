"""Progress on stderr: n of m, seconds; other output takes its place; nothing without a terminal."""

from __future__ import annotations

import io
import time

import pytest

from host_client.cli import output
from host_client.cli.progress import bar, counted, waiting


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def looked_at(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Let stderr be a terminal; in the test's body, as pytest sets stderr again before it."""
    stream = Screen()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "80")
    return stream


def visible(text: str) -> list[str]:
    """Return the lines that a terminal shows."""
    lines = []
    for row in text.split("\n"):
        shown = ""
        for part in row.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_lines_take_the_place_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    monkeypatch.setattr("sys.stdout", screen)  # one terminal for both
    with counted(False, ["a", "b", "c"], "pictures") as items:
        for item in items:
            output.print_line(f"{item}: done")
    shown = visible(screen.getvalue())
    assert shown == ["a: done", "b: done", "c: done", ""]
    assert "pictures  ........................  0 of 3" in screen.getvalue()


@pytest.mark.parametrize("items", [[], ["one"]])
def test_one_thing_needs_no_bar(items: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    with counted(False, items, "pictures") as each:
        assert list(each) == items
    assert screen.getvalue() == ""


def test_what_is_over_at_once_needs_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    with bar(False) as moved:
        assert moved is not None
        moved(57, 57, "bytes")
    assert screen.getvalue() == ""
    with bar(False) as moved:
        assert moved is not None
        moved(50_000, 200_000, "bytes")
        moved(200_000, 200_000, "bytes")
    assert "50.0 of 200.0 kB" in screen.getvalue()
    assert "200.0 of 200.0 kB" in visible(screen.getvalue())[0]


def test_an_error_leaves_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)

    def fail() -> None:
        with counted(False, [1, 2], "pictures") as items:
            for _ in items:
                raise ValueError("bad picture")

    with pytest.raises(ValueError, match="bad picture"):
        fail()
    output.note("after")
    assert visible(screen.getvalue()) == ["after", ""]


def test_a_wait_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = looked_at(monkeypatch)
    monkeypatch.setattr("host_client.cli.progress._TICK", 0.001)
    monkeypatch.setattr("host_client.cli.progress._QUIET", 0.0)
    with waiting(False, "starting"):
        for _ in range(10_000):
            if "starting  0 s" in screen.getvalue():
                break
            time.sleep(0.001)
    assert "starting  0 s" in screen.getvalue()
    assert visible(screen.getvalue()) == [""]


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_with_json_or_without_a_terminal(
    as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Screen() if as_json else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with bar(as_json) as moved, waiting(as_json, "starting") as say:
        assert moved is None
        say("more")
    with counted(as_json, [1, 2], "pictures") as items:
        assert list(items) == [1, 2]
    assert stream.getvalue() == ""
