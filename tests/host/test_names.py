"""A name that nothing has is answered with the nearest one and the list: every kind that is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from host_client.cli.app import cli, run
from host_client.cli.names import Verbs, nearest, no_such
from tests.host.board_thread import BoardThread

NAMES = ["classification", "detection", "ocr", "my mug", "菠菜", "cup"]
GALLERY = {
    "labels": [["cup", 3, 0, None], ["my mug", 1, 0, None]],
    "selected": "default",
    "problem": "",
    "samples": 4,
    "total_labels": 2,
    "negatives": 0,
    "capacity": 9,
    "bytes": 1,
    "dimension": 2,
    "sha256": b"\1",
    "threshold": 5000,
    "margin": 10,
    "combine": "best",
    "nearest": 1,
    "galleries": [["copy", 100], ["default", 1]],
}
UNKNOWN = ("not_found", "there is none")
MUTE = (
    "switch",
    "package.remove",
    "gallery.show",
    "gallery.rename",
    "gallery.threshold",
    "gallery.remove",
    "gallery.delete",
)
# Command line without the URL, what is said, whether the board is asked.
TYPED: list[tuple[list[str], str]] = [
    (["switch", "URL", "clasification"], "no task clasification; did you mean classification?"),
    (["switch", "URL", "zzz"], "no task zzz (known: classification, my_det)"),
    (["packages", "remove", "URL", "shaeps"], "no package shaeps; did you mean shapes?"),
    (["gallery", "select", "URL", "cpy"], "no gallery cpy; did you mean copy?"),
    (["gallery", "select", "URL", "Copy"], "no gallery Copy; did you mean copy?"),
    (["gallery", "delete", "URL", "defualt"], "no gallery defualt; did you mean default?"),
    (["gallery", "show", "URL", "cups"], "no label cups; did you mean cup?"),
    (["gallery", "rename", "URL", "my mgu", "x"], "no label my mgu; did you mean my mug?"),
    (["gallery", "remove", "URL", "mymug"], "no label mymug; did you mean my mug?"),
    (["gallery", "threshold", "URL", "cpu", "0.5"], "no label cpu; did you mean cup?"),
]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("clasification", "classification"),
        ("Detection", "detection"),
        ("my-mug", "my mug"),
        ("菠", "菠菜"),
        ("cpu", "cup"),
        ("zzz", None),
        ("", None),
    ],
)
def test_nearest(typed: str, meant: str | None) -> None:
    assert nearest(typed, NAMES) == meant


def test_the_list_is_bounded() -> None:
    text = no_such("label", "x", [f"l{number:03}" for number in range(100)])
    assert text.endswith("l011 and 88 more)")
    assert no_such("label", "x", []) == "there is no label x (known: none)"


@pytest.mark.parametrize(("words", "said"), TYPED)
def test_names_on_a_board(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        scripted.board.answers = {name: lambda _: UNKNOWN for name in MUTE} | {
            "tasks": lambda _: [
                {"name": "my_det", "task": "detection", "active": False},
                {"name": "classification", "task": "classification", "active": True},
            ],
            "packages": lambda _: [{"name": "shapes", "size": 1, "in_use": True}],
            "gallery.list": lambda _: GALLERY,
        }
        assert run([scripted.board.url if word == "URL" else word for word in words]) == 7
        commands = [row[1] for row in scripted.board.commands]
    error = capsys.readouterr().err
    assert error.startswith(f"k230: there is {said}"), error
    assert "(known: " in error and error.count("\n") == 1
    if words[1] == "select":
        assert "--new creates an empty one" in error
        assert "gallery.select" not in commands  # nothing was made


def test_a_new_gallery_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with BoardThread() as scripted:
        selected: list[Any] = []

        def select(arguments: dict[str, Any]) -> dict[str, Any]:
            selected.append(arguments["name"])
            return {"total_samples": 0}

        scripted.board.answers = {"gallery.select": select, "gallery.list": lambda _: GALLERY}
        url = scripted.board.url
        assert run(["gallery", "select", url, "fresh", "--new"]) == 0
        assert run(["gallery", "select", url, "copy", "--new"]) == 7
        assert "select it without --new" in capsys.readouterr().err
        assert run(["gallery", "select", url, "copy"]) == 0
        assert run(["gallery", "select", url, "none"]) == 0
        assert selected == ["fresh", "copy", None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stauts"], "there is no command stauts; did you mean status? (known: "),
        (["gallery", "lst"], "there is no command lst; did you mean list? (known: "),
        (["sim", "rn"], "there is no command rn; did you mean run? (known: "),
        (["key", "ad"], "there is no command ad; did you mean add? (known: "),
        (["config", "validat", "a"], "no command validat; did you mean validate? (known: "),
        (["packages", "remov", "tcp://b", "a"], "no command remov; did you mean remove? (known: "),
        (["status", "tcp://b", "--jsn"], "--json"),
        (["completion", "bsh"], "'bash', 'zsh', 'fish'"),
        (["verify", "p", "--task", "clasification"], "did you mean classification? (known: class"),
        (["install", "--task", "detecton"], "did you mean detection? (known: class"),
        (["push", "tcp://b", "p", "--task", "multi-label"], "did you mean multilabel?"),
        (["sim", "run", "--task", "ocr_detect"], "did you mean ocr_detection?"),
    ],
)
def test_names_of_our_own(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    assert said in capsys.readouterr().err


def test_every_group_helps() -> None:
    def groups(command: Any) -> list[Any]:
        below = [groups(each) for each in getattr(command, "commands", {}).values()]
        own = [command] if hasattr(command, "commands") else []
        return own + [group for each in below for group in each]

    assert len(groups(cli)) >= 6
    assert all(isinstance(group, Verbs) for group in groups(cli))


def test_keys_of_boards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run(["key", "add", "board-1", "ab" * 32]) == 0
    assert run(["key", "remove", "bord-1"]) == 7
    assert "there is no board bord-1; did you mean board-1?" in capsys.readouterr().err
