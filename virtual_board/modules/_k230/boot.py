"""What the board's ROM and firmware do before the card's main.py runs.

Started by the virtual board as `micropython boot.py WIRING.json`. Puts the stand-in modules in
front of the interpreter's own, mounts the card and the data partition, runs the script, and
afterwards says what a real board would do: sit in the REPL for good. Where the virtual board has a
console, it does.
"""

import json
import sys

from uos import VfsPosix, umount

with open(sys.argv[1]) as _file:
    _wiring = json.load(_file)
# The board's order: "", .frozen, /sdcard, /data, /data/lib. The stand-ins come first, so that
# `import os` finds the board's os and not the PC's.
sys.path[:] = [_wiring["modules"], "", ".frozen", "/sdcard", "/data", "/data/lib", "/firmware"]

import _k230
from _k230 import silicon

silicon.connect(_wiring)

from _k230 import card, overrides, threads

threads.kept(_wiring["stacks"])

_power = card.Power(*_wiring["crash"]) if _wiring["crash"] not in (None, [None, None]) else None
# No script reaches this PC's files: a board has none of them.
card.mount_rom(_wiring["modules"], "/bin")
card.mount_rom(_wiring["firmware"], "/firmware")
umount("/")
sys.path[0] = "/bin"
_k230.__path__ = "/bin/_k230"
for _name in ("sdcard", "data"):
    _faults = None
    if _wiring["storage"]:
        from _k230.storage import Faults

        _faults = Faults(_name)
    card.mount(_wiring[_name], "/" + _name, _power, _faults)

if _wiring["clock"] is not None:
    from _k230 import timed

    timed.start(_wiring["clock"])

import os as _os

_stat = _os.stat
_open = open  # the ROM's own: never the one that is to fail
if _wiring["faults"] is not None:
    from _k230 import faults

    faults.install(_wiring["faults"])
if _wiring["console"]:
    from _k230 import repl

    repl.listen()


# The firmware runs all its scripts, and then the REPL, with the same names.
_scope = {"__name__": "__main__"}


def _run(path: str) -> None:
    # The firmware runs its scripts as strings, with a __main__ that is no module file.
    _scope["__file__"] = path
    # A script that is not on the card is this PC's.
    with _open(path) if path.startswith("/sdcard/") else VfsPosix().open(path, "r") as file:
        source = file.read()
    sys.argv[:] = [path]
    exec(compile(source, path, "exec"), _scope)


def _there(path: str) -> bool:
    # main.c looks for each script when it is its turn. One that is not on the card is this PC's.
    try:
        return not path.startswith("/sdcard/") or bool(_stat(path))
    except OSError:
        return False


def _script(path: str) -> str:
    """Run one script as the firmware does; return how it ended. The next one runs in any case."""
    silicon.call("board.stage", [path[path.rfind("/") + 1 :]])
    try:
        if _wiring["console"]:
            # Before, Ctrl-C would hit what stands for the ROM.
            silicon.call_console("console.interrupts", [True])
        _run(path)
        return "finished"
    except SystemExit:
        return "called sys.exit"
    except KeyboardInterrupt as error:
        if _wiring["console"]:
            sys.print_exception(error)
        return "was interrupted"
    except BaseException as error:  # the firmware catches everything too, and prints it
        sys.print_exception(error)
        return "raised " + type(error).__name__


_end = "finished"
for _path in _wiring["scripts"]:
    # main.c, 496: the IDE, which is there now, wants no more scripts.
    if _wiring["console"] and silicon.call_console("console.attached")[0]:
        continue
    if _there(_path):
        _end = _script(_path)
while True:
    try:
        if _wiring["console"]:
            silicon.call_console("console.interrupts", [False])
        break
    except KeyboardInterrupt:  # too late for the scripts
        pass
silicon.call("board.stage", [""])
silicon.call("board.repl", [_end])
if _wiring["console"]:
    sys.stdout.write("\x1erepl\x1e")
    repl.run(_scope, _wiring["raw"])
