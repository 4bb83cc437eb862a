"""One start of a board that has only main.py, in MicroPython: update_start.py MODULES SDCARD DATA.

The card is the virtual board's. `machine` says what it is asked for and waits to be killed: the test
is the power switch and the watchdog.
"""

import sys

import uos

sys.modules["os"] = uos  # not the stand-in: it asks for a wiring
sys.path.insert(0, sys.argv[1])

from _k230 import card  # noqa: E402

card.mount(sys.argv[2], "/sdcard")
card.mount(sys.argv[3], "/data")
sys.path[:] = [".frozen", "/sdcard"]


def _ends(word: str):
    print(word)
    while True:
        pass


class _Dog:
    def __init__(self, id: int, timeout: int) -> None:
        print("DOG")

    def feed(self) -> None:
        print("FED")

    def stop(self) -> None:
        print("NO DOG")


class _Machine:
    WDT = _Dog

    @staticmethod
    def reset() -> None:
        _ends("RESET")


sys.modules["machine"] = _Machine
with open("/sdcard/main.py") as _file:
    _source = _file.read()
exec(compile(_source, "main.py", "exec"), {"__name__": "__main__"})
