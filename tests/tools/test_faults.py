"""tools/faults: the finder on small files, the table against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.faults import ways
from tools.faults.finder import find

ROOT = Path(__file__).resolve().parents[2]
GIVES = {
    "open": ["file"],
    "file.read": [""],
    "media.sensor.Sensor": ["Sensor"],
    "Sensor.snapshot": ["Image"],
    "Image.to_numpy_ref": ["ndarray"],
    "socket.socket": ["Socket"],
    "Socket.accept": ["Socket", ""],
    "Socket.recv": [""],
    "_thread.start_new_thread": [""],
    "ulab.numpy.zeros": ["ndarray"],
    "ndarray.reshape": ["ndarray"],
}


def found(root: Path, **files: str) -> set[str]:
    """Return the calls that are found in files of firmware_app."""
    for name, text in files.items():
        path = root / "firmware_app" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return {call.name for call in find(root, GIVES)}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import network\nnetwork.WLAN(0)\n", {"network.WLAN"}),
        ("import network as n\nn.WLAN(0)\n", {"network.WLAN"}),
        ("from ulab import numpy as np\nnp.linalg.norm(1)\n", {"ulab.numpy.linalg.norm"}),
        ("import json\njson.loads('1')\n", set()),
        ("def f():\n    import aidemo\n    aidemo.new_call()\n", {"aidemo.new_call"}),
        (
            "with open('a') as file:\n    text = file.read()\n",
            {"open", "file.read", "file.close"},
        ),
        ("open('a').close()\n", {"open", "file.close"}),
        (
            "from media.sensor import Sensor\nclass C:\n    def f(self):\n        self.s = Sensor()\n"
            "    def g(self):\n        self.s.snapshot().to_numpy_ref().reshape(1)\n",
            {"media.sensor.Sensor", "Sensor.snapshot", "Image.to_numpy_ref", "ndarray.reshape"},
        ),
        (
            "from media.sensor import Sensor\nSensor.list_mode()\n",
            {"media.sensor.Sensor.list_mode"},
        ),
        (
            "import socket\nl = socket.socket()\nc, where = l.accept()\nc.recv(1)\n",
            {"socket.socket", "Socket.accept", "Socket.recv"},
        ),
        (
            "import socket, _thread\ndef run(s):\n    s.recv(1)\ns2 = socket.socket()\n"
            "_thread.start_new_thread(run, (s2,))\n",
            {"socket.socket", "_thread.start_new_thread", "Socket.recv"},
        ),
        ("def f(anything):\n    anything.snapshot()\n", {"Sensor.snapshot"}),
        ("values = []\nvalues.append(1)\n", set()),
    ],
)
def test_calls_of_one_file(tmp_path: Path, text: str, names: set[str]) -> None:
    assert found(tmp_path, one=text) == names


def test_objects_go_from_file_to_file(tmp_path: Path) -> None:
    names = found(
        tmp_path,
        give="from media.sensor import Sensor\ndef made():\n    return Sensor()\n",
        take="from firmware_app import give\nfrom firmware_app.use import use\nuse(give.made())\n",
        use="def use(camera):\n    camera.shutdown(True)\n",
    )
    assert names == {"media.sensor.Sensor", "Sensor.shutdown"}


def test_every_vendor_call_has_its_ways_of_failing() -> None:
    assert ways.faults(ROOT) == []
    rows = ways.read()
    assert len({call.name for call in ways.calls(rows)}) >= 40


def test_a_new_vendor_call_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "firmware_app"
    folder.mkdir()
    (folder / "new.py").write_text("import machine\nmachine.freq()\n")
    told = ways.faults(tmp_path)
    assert any(line.startswith("firmware_app/new.py:2: calls machine.freq:") for line in told)
    assert "ways.yaml: machine.chipid: nothing calls it any more" in told


def test_the_page_lists_what_nothing_survives() -> None:
    assert ways.page(ways.read()) in (ROOT / "docs" / "faults.md").read_text("utf-8")


def test_each_row_of_the_page_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    section = page.partition("## What the firmware does")[2]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 18
    for row in rows:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, row
        assert [each for each in named if not ways.guarded(each, ROOT)] == []


def test_a_guard_is_a_test_that_exists() -> None:
    assert ways.guarded("tests/tools/test_faults.py::test_a_guard_is_a_test_that_exists", ROOT)
    assert not ways.guarded("tests/tools/test_faults.py::test_nothing", ROOT)
    assert not ways.guarded("tests/nowhere.py::test_nothing", ROOT)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a.b: {ways: []}", "a.b: expected source"),
        ("a.b: {source: P}", "a.b: ways: expected a list"),
        ("a.b: {source: P, ways: [{explode: 1}]}", "a.b: a way: expected one of raise"),
        ("a.b: {source: P, ways: [{raise: [Odd]}]}", "a.b: expected one of OSError"),
    ],
)
def test_a_faulty_table(tmp_path: Path, text: str, part: str) -> None:
    table = tmp_path / "ways.yaml"
    table.write_text(text)
    with pytest.raises(ways.TableError, match=part):
        ways.read(table)
