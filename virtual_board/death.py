"""What the firmware does after a death: which one it restarts, and which one nothing does.

From canmv-k230/rtsmart (tag canmv-v1.7) below kernel/:

* a CPU fault in any of the interpreter's threads, which all have its name (lwp_syscall.c, 1630), asks
  canmv_on_micropython_error() (bsp/maix3/c908/trap.c, 673): while boot.py or main.py runs it resets
  the board, and within 120 s of that script's start the next boot renames the script
  (bsp/maix3/components/canmv_misc/misc.c, 454 and 513). In fallback.py, and in the REPL, it does nothing;
* an abort (an uncaught C++ exception) is SIGABRT: sys_exit(0) of its thread, without asking
  (rt-thread/components/lwp/lwp_signal.c, 283);
* sys_exit() of the main thread ends the process: the watchdog's file is closed, which gives it back to
  the kernel's own feeder (drivers/interdrv/wdt/drv_wdt.c, 772). Nothing starts Python again;
* sys_exit() of another thread ends that thread (lwp_syscall.c, 416), in the middle of native code and
  so with the interpreter's lock: no Python runs any more, and the watchdog is not fed.
"""

from __future__ import annotations

from enum import Enum

from virtual_board.silicon.base.errors import Death

EARLY_S = 120.0
"""A fault sooner than this after the script's start puts the script aside."""

_REFUSED = '"*:<>?|\x7f/\\'  # a slash leads into a folder that is not there
BOOT, MAIN, FALLBACK = "boot.py", "main.py", "fallback.py"


class Outcome(Enum):
    """What becomes of the board."""

    RESET = "reset"
    PUT_ASIDE = "reset, and the next boot renames the script"
    FROZEN = "no Python runs, the watchdog goes on"
    DEAD = "the process is gone, and its watchdog with it"


def name_aside(script: str, rubbish: str) -> str | None:
    """Return what the next boot calls a script; None where it can't rename it, and it stays.

    check_delete_file_mark() (misc.c) copies the name without its end: `rubbish` is what lies behind it,
    up to the next zero. FatFs (components/dfs/filesystems/elmfat/ff.c, create_name) ends a name at the
    first character below a space, and refuses some characters.
    """
    for number, character in enumerate(rubbish):
        if character < " ":
            rubbish = rubbish[:number]
            break
    if any(character in _REFUSED for character in rubbish):
        return None
    return f"bad_{script}{rubbish}".rstrip(" .")


def outcome(death: Death, stage: str, seconds: float) -> Outcome:
    """Return what becomes of the board; stage: the script that runs, "" in the REPL, since `seconds`."""
    if not death.abort and stage in (BOOT, MAIN):
        return Outcome.PUT_ASIDE if seconds < EARLY_S else Outcome.RESET
    return Outcome.DEAD if death.main else Outcome.FROZEN
