"""Verbs and options completed by a real bash; the other shells' scripts and their questions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_client.cli.app import cli, run

ROOT = Path(__file__).parents[2]
MAIN = "from host_client.cli import main; main()"


def environment(folder: Path) -> dict[str, str]:
    """Return an environment that has a `k230` command."""
    command = folder / "k230"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{MAIN}" "$@"\n')
    command.chmod(0o755)
    return os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash(tmp_path: Path) -> None:
    # The command line is COMP_WORDS, the last word the one that is being typed.
    asked = ["k230 sw", "k230 status --w", "k230 gallery exp", "k230 completion z"]
    script = ["source <(k230 completion bash)", "complete -p k230"]
    for line in asked:
        words = line.split()
        script += [
            f"COMP_WORDS=({line}) COMP_CWORD={len(words) - 1} COMPREPLY=()",
            "_k230_completion k230",
            'echo "${COMPREPLY[@]}"',
        ]
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(script)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    registered, *answers = done.stdout.splitlines()
    assert "-F _k230_completion k230" in registered, done.stderr
    assert answers == ["switch", "--wait", "export", "zsh"], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_K230_COMPLETE={shell}_complete" in script
    words = {"_K230_COMPLETE": f"{shell}_complete", "COMP_WORDS": "k230 sw"}
    words["COMP_CWORD"] = "sw" if shell == "fish" else "1"
    done = subprocess.run(
        [tmp_path / "k230"],
        env=environment(tmp_path) | words,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "switch" in done.stdout.split() or "plain,switch" in done.stdout, done
    assert "status" not in done.stdout


def test_every_verb_is_offered(tmp_path: Path) -> None:
    words = {"_K230_COMPLETE": "bash_complete", "COMP_WORDS": "k230 ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [tmp_path / "k230"],
        env=environment(tmp_path) | words,
        capture_output=True,
        text=True,
        check=True,
    )
    offered = {line.partition(",")[2] for line in done.stdout.splitlines()}
    assert offered == set(cli.commands)


def test_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
