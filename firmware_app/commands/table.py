"""What clients may ask for: one function a command, (board, call) -> result.

A short one is done between two frames. A long one is async and waits for something: frames and
other commands go on meanwhile. docs/protocol.md section 5 lists them. Arguments come from outside:
each is checked before use.
"""

import asyncio

from firmware_app.base.errors import CommandError
from firmware_app.commands import changes as changes_room
from firmware_app.commands import large, status
from firmware_app.commands import packages as package_commands
from firmware_app.commands.arguments import flag, integer, picture, position, text
from firmware_app.link import transfers
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call

_LEAST_QUALITY = 5
_MAX_JPEG = messages.MAX_PAYLOAD - 256  # what one answer holds


def _subscribe(board: "Board", call: "Call") -> dict:
    after = position(call.arguments, "after")
    events = flag(call.arguments, "events", True)
    call.session.subscribe(
        flag(call.arguments, "results", True),
        events,
        flag(call.arguments, "statistics", True),
        flag(call.arguments, "logs", False),
        integer(call.arguments, "rate", 0, 1000, 0),
    )
    board.publisher.send_model(call.session)
    history = board.publisher.history
    boot_id = board.identity.boot_id
    lost: "int | None" = 0
    if events:
        lost = call.session.follow(history, boot_id, after)
    return {
        "generation": board.engine.running.generation,
        "boot_id": boot_id,
        "oldest": history.oldest,
        "newest": history.newest,
        "lost": lost,
    }


def _task_loaded(board: "Board") -> "asyncio.Event | None":
    """Links are open before the first task is loaded."""
    return board.switcher.idle if board.engine.running.task is None else None


def _camera_opened(board: "Board") -> "asyncio.Event | None":
    """The camera is set up when the first task is there."""
    return board.switcher.idle if board.engine.camera is None else None


def _describe(board: "Board", call: "Call") -> list:
    model = board.engine.model()
    if model is None:
        raise CommandError("no_task", board.problems.why_no_task())
    return model[1:]


def _status(board: "Board", call: "Call") -> dict:
    return status.status(board)


async def _tasks(board: "Board", call: "Call") -> list:
    return await status.tasks(board)


def _put(board: "Board", call: "Call") -> dict:
    transfer = board.transfers.begin(
        call.session,
        call.arguments.get("kind"),
        call.arguments.get("size"),
        call.arguments.get("sha256"),
    )
    return {"transfer": transfer.number, "offset": transfer.offset, "window": transfers.WINDOW}


def _infer(board: "Board", call: "Call") -> list:
    data, width, height = picture(board, call)
    return board.engine.picture(data, width, height)


async def _switch(board: "Board", call: "Call") -> dict:
    return await board.switcher.switch(text(call.arguments, "task"))


async def _set(board: "Board", call: "Call") -> dict:
    changes = call.arguments.get("changes")
    if not isinstance(changes, dict) or not changes:
        raise CommandError(
            "bad_argument", "changes: expected settings and their values, found %r" % (changes,)
        )
    save = flag(call.arguments, "save", False)
    return await changes_room.change(board, changes, save)


async def _keep(board: "Board", call: "Call") -> dict:
    return await changes_room.keep(board, call.arguments.get("names"))


async def _forget(board: "Board", call: "Call") -> dict:
    return await changes_room.forget(board, call.arguments.get("names"))


def _settings(board: "Board", call: "Call") -> list:
    return changes_room.rows(board)


def _snapshot(board: "Board", call: "Call") -> dict:
    """A picture in one answer; where it does not fit, the quality is lowered unless `fit` is false."""
    fit = flag(call.arguments, "fit", True)
    while True:
        answer = large.picture(board, call)
        quality = answer["quality"]
        size = len(answer["jpeg"])
        if size <= _MAX_JPEG:
            return answer
        if quality == _LEAST_QUALITY or not fit:
            raise CommandError(
                "too_large",
                "the preview: expected at most %d bytes of JPEG, found %d: use `get`, or make it smaller"
                % (_MAX_JPEG, size),
            )
        call.arguments["quality"] = max(_LEAST_QUALITY, quality * 2 // 3)


async def _get(board: "Board", call: "Call") -> dict:
    return await large.get(board, call)


def _logs(board: "Board", call: "Call") -> dict:
    return board.upkeep.file.read(integer(call.arguments, "offset", 0, 1 << 30, 0))


def _config(board: "Board", call: "Call") -> dict:
    settings = board.engine.running.settings
    return {
        "service": board.configuration.public(),
        "task": settings.public() if settings is not None else None,
    }


# Commands of metric learning. Their files are loaded with the first one that is used: most boards
# never use any, and would carry 25 kB for nothing.
GALLERY = (
    "enroll",
    "recognize",
    "gallery.show",
    "gallery.rename",
    "gallery.threshold",
    "gallery.remove",
    "gallery.clear",
    "gallery.select",
    "gallery.delete",
    "gallery.suggest",
    "gallery.export",
    "gallery.import",
)


def _listed(board: "Board", call: "Call") -> dict:
    from firmware_app.commands import gallery

    return gallery.listed(board, call)


async def _gallery(board: "Board", call: "Call") -> object:
    from firmware_app.commands import enrolment, gallery

    handlers = enrolment.LONG if call.name in enrolment.LONG else gallery.LONG
    return await handlers[call.name](board, call)


def _counters(board: "Board", call: "Call") -> dict:
    from firmware_app.commands import counters  # few boards count

    if call.name == "counters":
        return counters.counters(board, call)
    return counters.reset(board, call)


SHORT = {
    "counters": _counters,
    "counters.reset": _counters,
    "subscribe": _subscribe,
    "describe": _describe,
    "status": _status,
    "put": _put,
    "infer": _infer,
    "snapshot": _snapshot,
    "config": _config,
    "settings": _settings,
    "logs": _logs,
    "push": package_commands.push,
    "gallery.list": _listed,
}
LONG: dict = {
    "switch": _switch,
    "set": _set,
    "keep": _keep,
    "forget": _forget,
    "tasks": _tasks,
    "get": _get,
}
for _name in GALLERY:
    LONG[_name] = _gallery
LONG.update(package_commands.LONG)
# What a short one may have to wait for: an event, or None.
AFTER = {"push": package_commands.installed, "snapshot": _camera_opened, "get": _camera_opened}
for _name in ("describe", "infer", "config", "settings", "gallery.list") + GALLERY:
    AFTER[_name] = _task_loaded
