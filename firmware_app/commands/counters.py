"""Commands about what lines have counted."""

from firmware_app.base.errors import CommandError
from firmware_app.commands.arguments import integer, text

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call
    from firmware_app.run.happenings import Happenings

_MOST_TIME = 1 << 53


def _happenings(board: "Board") -> "Happenings":
    found = board.engine.happenings
    if found is None or found.counters is None:
        board.running_task()
        raise CommandError(
            "failed", "events.enabled: expected true in the task's YAML, found false"
        )
    return found


def counters(board: "Board", call: "Call") -> dict:
    """Return what was counted, and what is there now."""
    return _happenings(board).report()


def reset(board: "Board", call: "Call") -> dict:
    """Begin counting anew."""
    happenings = _happenings(board)
    arguments = call.arguments
    line = None
    if arguments.get("line") is not None:
        line = text(arguments, "line")
        if line not in happenings.lines():
            raise CommandError("not_found", "line: no line has the name %s" % line[:64])
    unix_ms = None
    if arguments.get("time_ms") is not None:
        unix_ms = integer(arguments, "time_ms", 0, _MOST_TIME)
    happenings.reset(line, unix_ms)
    return happenings.report()
