"""One cause has one exit code, whichever verb meets it (docs/cli.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_client.cli.app import run

PACKAGE = Path(__file__).parents[2] / "models/packages/shapes_cls/mp_deployment_source"
SIM = ("--camera", "none", "--seconds", "1")
# Cause -> exit code, what is said, command lines. doctor and verify end with 11 whatever they find.
CAUSES: dict[str, tuple[int, str, list[list[str]]]] = {
    "no package": (
        8,
        "expected a package folder or a zip file, found nothing",
        [
            ["sim", "infer", "--package", "none", "a.jpg"],
            ["sim", "run", "--package", "none", *SIM],
            ["install", "--card", "card", "--package", "none"],
        ],
    ),
    "no YAML": (
        8,
        "none.yaml: ",
        [
            ["config", "validate", "none.yaml"],
            ["install", "--card", "card", "--config", "none.yaml"],
        ],
    ),
    "no card": (
        10,
        "--card none: expected the folder of a mounted card, found none",
        [["install", "--card", "none"], ["uninstall", "--card", "none"]],
    ),
    "no card for a virtual board": (
        9,
        "--sdcard none: expected a folder, found nothing",
        [
            ["sim", "run", "--sdcard", "none", *SIM],
            ["sim", "infer", "--sdcard", "none", "a.jpg"],
            ["sim", "exec", "script.py", "--sdcard", "none"],
        ],
    ),
    "no file for a virtual board": (
        9,
        "none",
        [
            ["sim", "exec", "none"],
            ["sim", "run", "--sdcard", "card", "--air", "none", *SIM],
            ["sim", "run", "--sdcard", "card", "--timing", "none", *SIM],
            ["sim", "run", "--sdcard", "card", "--camera", "none.mp4", "--seconds", "1"],
        ],
    ),
    "no key": (
        2,
        "key file none: ",
        [
            ["status", "tcp://127.0.0.1:1", "--key", "@none"],
            ["key", "add", "board-1", "@none"],
            ["sim", "run", "--sdcard", "card", "--key", "@none", *SIM],
        ],
    ),
    "no board": (
        3,
        "no service listens there",
        [
            ["status", "tcp://127.0.0.1:1"],
            ["watch", "tcp://127.0.0.1:1"],
            ["gallery", "list", "tcp://127.0.0.1:1"],
            ["restart", "tcp://127.0.0.1:1"],
        ],
    ),
    "no port": (
        10,
        "the port does not exist",
        [["install", "--port", "none"], ["uninstall", "--port", "none"]],
    ),
    "trouble": (
        11,
        "none",
        [
            ["doctor", "none"],
            ["doctor", "--card", "none"],
            ["doctor", "--package", "none"],
            ["doctor", "serial:///none"],
            ["verify", "none"],
        ],
    ),
    "a file where the drawings go": (
        12,
        "--out: expected a folder that can be written",
        [["verify", str(PACKAGE), "--out", "script.py"]],
    ),
}
ROWS = [(cause, words) for cause, (_, _, lines) in CAUSES.items() for words in lines]


@pytest.mark.parametrize(("cause", "words"), ROWS)
def test_one_cause_has_one_exit_code(
    cause: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("K230_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card").mkdir()
    (tmp_path / "script.py").touch()
    code, said, _ = CAUSES[cause]
    assert run(words) == code
    found = capsys.readouterr()
    text = found.err + found.out
    assert said in text and text.count("\n") == 1
