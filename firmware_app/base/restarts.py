"""Why the board restarted last: the codes of `restart_reason` (docs/protocol.md, section 9)."""

COMMAND = "command"  # the command restart
CONSOLE = "console"  # interrupted there
CRASH = "crash"  # the service ended by an error
UPDATE_FAILED = "update_failed"  # a new version of the service gave way to the one before
NATIVE_FAULT = "native_fault"  # the firmware had put main.py aside
UNANNOUNCED = "unannounced"  # a power cut, the reset button, the watchdog, or a native fault
