"""What clients may ask for: one function a command, (service, session, arguments) -> result.

An async function is a command that waits for something; frames and other commands go on meanwhile.
docs/protocol.md section 5 lists them. Arguments come from outside: each is checked before use.
"""

from firmware_app import status, transfers
from firmware_app.errors import CommandError


def _flag(arguments: dict, name: str, default: bool) -> bool:
    value = arguments.get(name, default)
    if type(value) is not bool:
        raise CommandError("bad_argument", "%s: expected true or false, found %r" % (name, value))
    return value


def _integer(arguments: dict, name: str, low: int, high: int, default=None) -> int:
    value = arguments.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise CommandError("bad_argument", "%s: expected an integer %d...%d, found %r" % (name, low, high, value))
    return value


def _text(arguments: dict, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise CommandError("bad_argument", "%s: expected a text, found %r" % (name, value))
    return value


def _subscribe(service, session, arguments: dict):
    session.subscribe(
        _flag(arguments, "results", True),
        _flag(arguments, "events", True),
        _flag(arguments, "statistics", True),
        _flag(arguments, "logs", False),
        _integer(arguments, "rate", 0, 1000, 0),
    )
    service.publisher.send_model(session)
    return {"generation": service.engine.generation}


def _describe(service, session, arguments: dict):
    model = service.model_message()
    if model is None:
        raise CommandError("no_task", service.switcher.problem or "no task is running")
    return model[1:]


def _status(service, session, arguments: dict):
    return status.status(service)


def _tasks(service, session, arguments: dict):
    return status.tasks(service)


def _put(service, session, arguments: dict):
    transfer = service.transfers.begin(session, arguments.get("kind"), arguments.get("size"), arguments.get("sha256"))
    return {"transfer": transfer.number, "offset": transfer.offset, "window": transfers.WINDOW}


def _infer(service, session, arguments: dict):
    if arguments.get("format", "rgb888p") != "rgb888p":
        raise CommandError("bad_argument", "format: expected rgb888p, found %r" % (arguments.get("format"),))
    width = _integer(arguments, "width", 1, 8192)
    height = _integer(arguments, "height", 1, 8192)
    data = service.transfers.finish(session, arguments.get("transfer"))
    if len(data) != 3 * width * height:
        raise CommandError(
            "bad_picture",
            "width, height: expected %d x %d x 3 = %d bytes, found %d" % (width, height, 3 * width * height, len(data)),
        )
    return service.engine.picture(data, width, height)


async def _switch(service, session, arguments: dict):
    return await service.switcher.switch(_text(arguments, "task"))


def _set(service, session, arguments: dict):
    changes = arguments.get("changes")
    if not isinstance(changes, dict) or not changes:
        raise CommandError("bad_argument", "changes: expected settings and their values, found %r" % (changes,))
    save = _flag(arguments, "save", False)
    for path in changes:
        where = service.switcher if service.switcher.has(path) else service.configuration
        where.change(path, changes[path], save)
    return {"generation": service.engine.generation, "changed": sorted(changes), "saved": save}


def _config(service, session, arguments: dict):
    running = service.switcher.settings
    return {"service": service.configuration.public(), "task": running.public() if running is not None else None}


COMMANDS = {
    "subscribe": _subscribe,
    "describe": _describe,
    "status": _status,
    "tasks": _tasks,
    "put": _put,
    "infer": _infer,
    "switch": _switch,
    "set": _set,
    "config": _config,
}
