"""Tables and the progress bar as a terminal shows them."""

from __future__ import annotations

import io

import pytest

from host_client.cli import terminal
from host_client.cli.progress import bar
from host_client.cli.table import clipped, table, width_of, wrapped


def test_columns_line_up_chinese_characters_included() -> None:
    lines = table("tasks", ["name", "size"], [["菠菜", "1"], ["a", "20"]], 80)
    assert lines == ["tasks", "name  size", "----  ----", "菠菜  1", "a     20"]


def test_long_cells_go_on_in_the_next_line() -> None:
    lines = table("t", ["a", "problem"], [["x", "one two three four"]], 14)
    assert lines[3:] == ["x  one two", "   three four"]
    # What has no spaces is cut where the column ends, and nothing is lost.
    lines = table("t", ["a", "b"], [["x", "0123456789" * 3]], 13)
    assert lines[3:] == ["x  0123456789", "   0123456789", "   0123456789"]
    assert all(width_of(line) <= 11 for line in table("t", ["a", "b"], [["x", "菠" * 9]], 11))


def test_or_are_cut() -> None:
    assert table("t", ["a", "b"], [["x", "0123456789"]], 11, fold=False)[3] == "x  0123456…"
    assert [clipped("菠菜叶", width) for width in (6, 5, 4)] == ["菠菜叶", "菠菜…", "菠…"]


def test_a_table_without_rows() -> None:
    assert table("none", ["a", "b"], [], 80) == ["none", "a  b", "-  -"]


class Screen(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two", ["one two"]),
        ("one two three four", ["one two", "  three", "  four"]),
        ("  one two three", ["  one two", "    three"]),
        ("菠菜 菠菜 菠菜", ["菠菜 菠菜", "  菠菜"]),
        ("see /a/long/path/to.it now", ["see /a/long/path/to.it", "  now"]),
        ("", [""]),
    ],
)
def test_lines_break_between_words(text: str, lines: list[str]) -> None:
    assert wrapped(text, 9).split("\n") == lines


def test_only_a_terminal_gets_broken_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and files get each line whole: programs read them."""
    monkeypatch.setenv("COLUMNS", "20")
    text = "k230: there is no task a; did you mean b?"
    for stream, said in (
        (Screen(), "k230: there is no\n  task a; did you\n  mean b?\n"),
        (io.StringIO(), f"{text}\n"),
    ):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr("sys.stdout", stream)
        terminal.tell(text)
        terminal.write_line(text)
        assert stream.getvalue() == said * 2


def test_progress_ends_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    with bar(as_json=False) as moved:
        assert moved is not None
        moved(1_000_000, 2_000_000, "a long name")
        moved(2_000_000, 2_000_000, "model")
    last = screen.getvalue().split("\r")[-1]
    assert "2.0 of 2.0 MB" in last
    assert last.startswith("model  " + "#" * 24)
    assert last.endswith("\n")
    with bar(as_json=True) as moved:
        assert moved is None
    before = screen.getvalue()
    with bar(as_json=False, counted=True) as moved:
        assert moved is not None
        moved(1, 4, "samples")
    assert "######..................  1 of 4" in screen.getvalue()[len(before) :]


def test_no_progress_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with bar(as_json=False) as moved:
        assert moved is None
