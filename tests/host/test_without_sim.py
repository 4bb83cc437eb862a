"""The client on a machine that has not the extra `sim`: nothing of the virtual board is imported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_client.cli.app import cli, run
from tests.host.board_thread import BoardThread

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "models" / "packages" / "shapes_cls" / "mp_deployment_source"
SIM = ("numpy", "cv2", "pyclipper", "yaml", "onnxruntime", "nncase", "_nncase")
UNIX = ("fcntl", "termios", "pty", "tty", "pwd", "grp", "resource")
# Runs command lines, each a list in JSON; says the exit code of each.
SCRIPT = """
import importlib.abc, json, sys
missing = set(json.loads(sys.argv[1]))
if "fcntl" in missing:  # of these, Windows has others
    import asyncio, subprocess, tempfile, click, mpremote.transport_serial, serial.tools.list_ports
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in missing or name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
for name in missing:  # what the interpreter had at its start
    sys.modules.pop(name, None)
import host_client, host_client.sync
from host_client.cli.app import run
codes = [run(line) for line in json.loads(sys.argv[2])]
sys.stdout.flush()
print(json.dumps(codes))
"""


def k230(
    folder: Path, *lines: list[str], missing: tuple[str, ...] = (*SIM, "virtual_board.silicon")
) -> tuple[list[int], str, str]:
    """Run command lines where modules are missing; return exit codes, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(missing), json.dumps(lines)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out, _, codes = done.stdout.rstrip().rpartition("\n")
    return json.loads(codes), out, done.stderr


def commands() -> list[list[str]]:
    """Return every command, those of groups included."""
    found = []
    for name, command in cli.commands.items():
        found.append([name])
        found += [[name, inner] for inner in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("unix", [(), UNIX], ids=["sim", "sim-and-unix"])
def test_every_help(tmp_path: Path, unix: tuple[str, ...]) -> None:
    lines = [[*command, "--help"] for command in commands()]
    codes, out, _ = k230(
        tmp_path, ["--help"], ["--version"], *lines, missing=(*SIM, "virtual_board.silicon", *unix)
    )
    assert codes == [0] * (len(lines) + 2)
    assert out.count("Usage:") == len(lines) + 1


def test_the_client_against_a_board(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "shapes"), "zip", PACKAGE)
    yaml = str(ROOT / "configs" / "service.yaml")
    with BoardThread() as scripted:
        url = scripted.board.url
        scripted.board.answers["status"] = lambda _: {"uptime_ms": 5}
        codes, out, err = k230(
            tmp_path,
            ["watch", url, "--count", "1", "--json"],
            ["status", url, "--json"],
            ["push", url, archive, "--json"],
            ["doctor", "--package", archive],
            ["config", "validate", yaml],
        )
    # The scripted board takes no packages: the push got as far as asking it.
    assert codes == [0, 0, 7, 0, 0], out + err
    assert any(command[1] == "push" for command in scripted.board.commands)


@pytest.mark.parametrize(
    "line",
    [
        ["demo"],
        ["sim", "run", "--package", str(PACKAGE)],
        ["sim", "infer", "--package", str(PACKAGE), "x.png"],
        ["sim", "exec", "x.py"],
        ["verify", str(PACKAGE)],
    ],
    ids=" ".join,
)
def test_what_needs_the_virtual_board_names_the_extra(line: list[str], tmp_path: Path) -> None:
    json_too = [] if line[:2] == ["sim", "exec"] else [[*line, "--json"]]
    codes, out, err = k230(tmp_path, line, *json_too)
    assert codes == [9] * (1 + len(json_too))
    assert err.strip().count("\n") == 0
    assert err.startswith("k230: the virtual board is not installed (numpy, cv2, ")
    assert err.rstrip().endswith('pip install "k230-vision[sim]"')
    if json_too:
        error = json.loads(out)["error"]
        assert (error["code"], error["message"]) == ("simulation", err.strip()[len("k230: ") :])


def test_windows_has_no_virtual_board(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert run(["demo", "--json"]) == 9
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["message"].startswith("the virtual board needs Linux or macOS")
