"""tools.guards sees a vendor call without its guard, and a write whose result nobody looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import guards

ROOT = Path(__file__).resolve().parents[2]
NAMES = guards.declared(ROOT)

GOOD = """
def f(self):
    try:
        return machine.chipid()
    except Exception as error:
        vendor.passed_on(error)
"""


@pytest.mark.quick
def test_the_firmware() -> None:
    assert guards.faults(ROOT) == []
    assert {"chipid", "UART", "snapshot", "isconnected", "load_kmodel", "__del__"} <= NAMES


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return machine.chipid()\n",
        GOOD.replace("except Exception as error", "except OSError as error"),
        GOOD.replace("vendor.passed_on(error)", "return None"),
        GOOD.replace("return machine.chipid()", "return lambda: machine.chipid()"),
        "def f():\n    sensor = Sensor(id=2)\n",
        "def f(self):\n    self._sensor.snapshot(chn=2)\n",
    ],
)
def test_an_unguarded_call(source: str) -> None:
    assert len(list(guards.unguarded_calls(source, NAMES))) == 1


@pytest.mark.parametrize("source", [GOOD, "def f(self):\n    self.stop()\n    bytearray(4)\n"])
def test_a_guarded_call(source: str) -> None:
    assert list(guards.unguarded_calls(source, NAMES)) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("file.write(data)\n", 1),
        ("self._file.write(data)\n", 1),
        ("with open(p) as f:\n    f.write(a); f.write(b)\n", 2),
        ("json.dump(x, file)\n", 1),
        ("print(x, file=file)\n", 1),
        ("count = file.write(data)\n", 0),
        ("files.write(file, data)\nself.write(INFO, x)\nself._log.write(INFO, x)\nprint(x)\n", 0),
    ],
)
def test_a_write(source: str, count: int) -> None:
    assert len(list(guards.unchecked_writes(source))) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('path.endswith((".py", ".mpy"))\n', 1),
        ('_ENDS = (".py", ".mpy")\npath.lower().startswith(_ENDS, 1)\n', 1),
        ('_END = ".py"\npath.endswith(_END)\nany([path.endswith(e) for e in ends])\n', 0),
    ],
)
def test_calls_of_a_newer_micropython(source: str, count: int) -> None:
    assert len(list(guards.newer_calls(source))) == count
