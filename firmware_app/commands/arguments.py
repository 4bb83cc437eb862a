"""Checks of what clients send with a command: each returns the value or raises CommandError."""

from firmware_app.base.errors import CommandError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call


def flag(arguments: dict, name: str, default: bool) -> bool:
    """Return a boolean."""
    value = arguments.get(name, default)
    if type(value) is not bool:
        raise CommandError("bad_argument", "%s: expected true or false, found %r" % (name, value))
    return value


def integer(arguments: dict, name: str, low: int, high: int, default=None) -> int:
    """Return an integer low...high."""
    value = arguments.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise CommandError(
            "bad_argument", "%s: expected an integer %d...%d, found %r" % (name, low, high, value)
        )
    return value


def position(arguments: dict, name: str) -> "tuple | None":
    """Return a place among the numbered events, (boot id, number), or None."""
    value = arguments.get(name)
    if value is None:
        return None
    if isinstance(value, list) and [type(item) for item in value] == [int, int]:
        if value[0] >= 0 and value[1] >= 0:
            return (value[0], value[1])
    raise CommandError(
        "bad_argument", "%s: expected [boot id, number] of an event, found %r" % (name, value)
    )


def text(arguments: dict, name: str) -> str:
    """Return a text that is not empty."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError("bad_argument", "%s: expected a text, found %r" % (name, value))
    return value


def picture(board: "Board", call: "Call") -> tuple:
    """Return (planes, width, height) of the picture that a command names: `path` or `transfer`."""
    if call.arguments.get("path") is not None:
        from firmware_app.board import (
            pictures,  # a board that is sent its pictures needs no decoder
        )

        return pictures.read(text(call.arguments, "path"))
    return sent_picture(board, call)


def sent_picture(board: "Board", call: "Call") -> tuple:
    """Return (planes, width, height) of a picture that the client sent before with `put`."""
    arguments = call.arguments
    if arguments.get("format", "rgb888p") != "rgb888p":
        raise CommandError(
            "bad_argument", "format: expected rgb888p, found %r" % (arguments.get("format"),)
        )
    width = integer(arguments, "width", 1, 8192)
    height = integer(arguments, "height", 1, 8192)
    data = board.transfers.finish(call.session, arguments.get("transfer"))
    if len(data) != 3 * width * height:
        raise CommandError(
            "bad_picture",
            "width, height: expected %d x %d x 3 = %d bytes, found %d"
            % (width, height, 3 * width * height, len(data)),
        )
    return data, width, height
