"""New versions of the service that break in different places: the one before comes back by itself.

main.py runs in MicroPython on a virtual card; this test is the power switch. The watchdog bites where
nothing is heard of a version on trial for a moment.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from virtual_board.interpreter import find_interpreter

ROOT = Path(__file__).parents[2]
GOOD = "def main():\n    print('GOOD %s')\n    while True:\n        pass\n"
BITE_S = 0.3  # without a word, under the watchdog
LOST_S = 20.0
_LOOP = "    while True:\n        pass\n"

BROKEN = {
    "exception in main": "def main():\n    raise TypeError('no')\n",
    "a plain exception, as the IDE's": "def main():\n    raise Exception('no')\n",
    "exception in Service()": "class S:\n    def __init__(self):\n        self.x\ndef main():\n    S()\n",
    "no main": "x = 1\n",
    "main is no function": "main = 3\n",
    "main wants an argument": "def main(x):\n    pass\n",
    "main returns": "def main():\n    pass\n",
    "exits at import": "import sys\nsys.exit()\n",
    "exits in main": "import sys\ndef main():\n    sys.exit(1)\n",
    "no Python": "def (:\n",
    "empty": "",
    "not even text": "\x00\x01\x02\n",
    "a module is missing": "from firmware_app import nothing_like_this\n",
    "another version of a module": "from firmware_app.version import NEWER\n",
    "imports itself": "from firmware_app.service import main\n",
    "no memory": "x = bytearray(1 << 40)\n",
    "endless recursion": "def main():\n    main()\n",
    "hangs at import": "while True:\n    pass\n",
    "hangs in main": "def main():\n" + _LOOP,
    "hangs in its constructor": "class S:\n    def __init__(self):\n        while True:\n"
    "            pass\ndef main():\n    S()\n",
    "stops the watchdog's object": "trial_dog = None\ndef main():\n    trial_dog.stop()\n    raise OSError(5)\n",
    "restarts the board at import": "import machine\nmachine.reset()\n",
    "restarts the board in main": "import machine\ndef main():\n    machine.reset()\n",
    "a string is raised": "raise 'no'\n",
    "an error of its own kind": "class E(BaseException):\n    pass\nraise E('no')\n",
    "removes its own folder": "import os\nos.remove('/sdcard/firmware_app/service.py')\nraise ValueError\n",
}


class Board:
    """A card, and starts of it one after another."""

    def __init__(self, folder: Path) -> None:
        self.card = folder / "card"
        self.data = folder / "data"
        self.card.mkdir(parents=True)
        self.data.mkdir()
        shutil.copy(ROOT / "firmware_app" / "main.py", self.card / "main.py")
        self.put("firmware_app", GOOD % "1")

    def put(self, name: str, service: str) -> None:
        """Write a version into a folder of the card."""
        folder = self.card / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "version.py").write_text("VERSION = '1'\n")
        (folder / "service.py").write_text(service)

    def start(self) -> str:
        """Start once; return the last word: GOOD n, RESET, BITTEN, REPL."""
        command = find_interpreter(os.environ.get("K230_TEST_MICROPYTHON"))
        script = Path(__file__).parent / "both" / "update_start.py"
        modules = ROOT / "virtual_board" / "modules"
        process = subprocess.Popen(
            [command, str(script), str(modules), str(self.card), str(self.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            return self._watch(process.stdout.fileno())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def _watch(self, out: int) -> str:
        said = b""
        stop = time.monotonic() + LOST_S
        while time.monotonic() < stop:
            watched = said.count(b"DOG\n") > 2 * said.count(b"NO DOG\n")
            if not select.select([out], [], [], BITE_S if watched else 1.0)[0]:
                if watched:
                    return "BITTEN"
                continue
            data = os.read(out, 4096)
            said += data
            for word in (b"GOOD 1", b"GOOD 2", b"RESET"):
                if word in said:
                    return word.decode()
            if not data:
                return "REPL"
        raise AssertionError(f"the board hangs for good: {said.decode(errors='replace')}")

    def until_good(self) -> list[str]:
        """Start until a version works; return the last words."""
        words: list[str] = []
        while not words or words[-1] in ("RESET", "BITTEN"):
            assert len(words) < 6, words
            words.append(self.start())
        return words


@pytest.mark.parametrize("how", BROKEN)
def test_a_version_that_breaks_gives_way(tmp_path: Path, how: str) -> None:
    board = Board(tmp_path)
    board.put("firmware_app.new", BROKEN[how])
    words = board.until_good()
    assert words[-1] == "GOOD 1", words
    waits = "hangs" in how or "restarts" in how
    assert len(words) == (4 if waits else 2), words  # others give way at once
    assert (board.data / "update_failed").read_text()
    # Nothing of it is left, and the next update is taken.
    assert sorted(each.name for each in board.card.iterdir()) == ["firmware_app", "main.py"]
    board.put("firmware_app.new", GOOD % "2")
    assert board.until_good() == ["GOOD 2"]


def test_a_version_without_one_before_it_never_ends_in_the_repl(tmp_path: Path) -> None:
    board = Board(tmp_path)
    main = board.card / "main.py"
    main.write_text(main.read_text().replace("RETRY_S = 10", "RETRY_S = 0"))
    (board.card / "firmware_app" / "service.py").write_text("def main():\n    pass\n")
    assert [board.start() for _ in range(5)] == ["RESET"] * 5


def test_an_update_over_one_on_trial_keeps_the_proven_one(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.put("firmware_app.new", GOOD % "2")
    assert board.start() == "GOOD 2"  # its trial has not ended
    board.put("firmware_app.new", BROKEN["no main"])
    assert board.until_good() == ["RESET", "GOOD 1"]


def test_a_staged_update_that_is_replaced_is_not_lost(tmp_path: Path) -> None:
    """Power went off between the renames of firmware_update.stage()."""
    board = Board(tmp_path)
    board.put("firmware_app.dropped", GOOD % "2")
    assert board.start() == "GOOD 2"
    # Behind them, the other one counts, and half of the first one is no version.
    board = Board(tmp_path / "other")
    board.put("firmware_app.new", GOOD % "2")
    (board.card / "firmware_app.dropped").mkdir()
    (board.card / "firmware_app.dropped" / "service.py").write_text("x = 1\n")
    assert board.start() == "GOOD 2"
    assert not (board.card / "firmware_app.dropped").exists()
