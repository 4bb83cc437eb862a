"""Every child dies with its parent, and temporary folders go, whoever is ended and how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

ROOT = Path(__file__).parents[2]
SPIN = "print('running')\nwhile True:\n    pass\n"
FLOOD = "while True:\n    print('running', 'x' * 200)\n"
PACKAGE = ROOT / "models/packages/shapes_cls/mp_deployment_source"
LIMIT_S = 10.0


def below(pid: int) -> dict[int, str]:
    """Return the processes below one, with their command lines."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found[int(child)] = (
            Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        )
        found |= below(int(child))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Run:
    """A k230 command in a process group of its own, with its own temporary folder."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.temporary = folder / "temporary"
        self.config = folder / "config"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from host_client.cli import main; main()", *words],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.temporary), "XDG_CONFIG_HOME": str(self.config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.children: dict[int, str] = {}

    def wait_for(self, word: bytes) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if word in line:
                self.children = below(self.process.pid)
                return
        raise AssertionError("it ended before")

    def child(self, part: str) -> int:
        return next(pid for pid, command in self.children.items() if part in command)

    def over(self, files: bool = True) -> None:
        """Nothing of it is left in a while."""
        assert self.process.stdout is not None
        self.process.stdout.close()
        stop = time.monotonic() + LIMIT_S
        self.process.wait(LIMIT_S)
        while any(map(alive, self.children)) or (files and any(self.temporary.iterdir())):
            left = [command for pid, command in self.children.items() if alive(pid)]
            assert time.monotonic() < stop, (left, list(self.temporary.iterdir()))
            time.sleep(0.02)


@pytest.mark.parametrize("script", [SPIN, FLOOD], ids=["spins", "prints"])
@pytest.mark.parametrize("whole_group", [False, True], ids=["command", "group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_exec_is_ended(
    script: str, whole_group: bool, number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(script)
    run = Run(tmp_path, "sim", "exec", str(tmp_path / "script.py"))
    run.wait_for(b"running")
    assert len(run.children) >= 3  # supervisor, reaper, interpreter
    (os.killpg if whole_group else os.kill)(run.process.pid, number)
    run.over()
    assert run.process.returncode == 128 + number


@pytest.mark.parametrize("who", ["supervisor", "boot.py"])
def test_one_of_them_is_killed(who: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SPIN)
    run = Run(tmp_path, "sim", "exec", str(tmp_path / "script.py"))
    run.wait_for(b"running")
    os.kill(run.child(who), signal.SIGKILL)
    run.over()
    assert run.process.returncode == 9


def test_the_command_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(FLOOD)
    run = Run(tmp_path, "sim", "exec", str(tmp_path / "script.py"))
    run.wait_for(b"running")
    run.process.kill()
    run.over(files=False)
    assert not list(run.temporary.glob("k230-board-*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_takes_its_card_and_key_with_it(number: signal.Signals, tmp_path: Path) -> None:
    run = Run(tmp_path, "sim", "run", "--package", str(PACKAGE), "--camera", "none")
    run.wait_for(b"k230-ready")
    assert list(run.temporary.glob("k230-card-*"))
    keys = run.config / "k230" / "keys"
    assert "127.0.0.1" in keys.read_text()
    os.kill(run.process.pid, number)
    run.over()
    assert run.process.returncode == 128 + number
    assert "127.0.0.1" not in keys.read_text()
