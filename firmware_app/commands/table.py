"""What clients may ask for: one function a command, (service, session, arguments) -> result.

An async function is a command that waits for something; frames and other commands go on meanwhile.
docs/protocol.md section 5 lists them. Arguments come from outside: each is checked before use.
"""

import asyncio

from firmware_app.base.errors import CommandError
from firmware_app.commands import changes as changes_room
from firmware_app.commands import enrolment, status
from firmware_app.commands import gallery as gallery_commands
from firmware_app.commands import packages as package_commands
from firmware_app.commands.arguments import flag, integer, picture, text
from firmware_app.link import transfers
from firmware_app.wire import messages

_TURN_MS = 5
_LEAST_QUALITY = 5
_MAX_JPEG = messages.MAX_PAYLOAD - 256  # what one answer holds


def _subscribe(service, session, arguments: dict):
    session.subscribe(
        flag(arguments, "results", True),
        flag(arguments, "events", True),
        flag(arguments, "statistics", True),
        flag(arguments, "logs", False),
        integer(arguments, "rate", 0, 1000, 0),
    )
    service.publisher.send_model(session)
    return {"generation": service.engine.generation}


def _loading(service) -> bool:
    """Return whether no task runs yet: links are open before the first one is loaded."""
    return service.engine.task is None and service.switcher.busy


async def _later(command, service, session, arguments: dict):
    while _loading(service):
        await asyncio.sleep_ms(_TURN_MS)
    return command(service, session, arguments)


def _describe(service, session, arguments: dict):
    if _loading(service):
        return _later(_describe, service, session, arguments)
    model = service.model_message()
    if model is None:
        raise CommandError("no_task", service.problems.why_no_task())
    return model[1:]


def _status(service, session, arguments: dict):
    return status.status(service)


def _tasks(service, session, arguments: dict):
    return status.tasks(service)


def _put(service, session, arguments: dict):
    transfer = service.transfers.begin(
        session, arguments.get("kind"), arguments.get("size"), arguments.get("sha256")
    )
    return {"transfer": transfer.number, "offset": transfer.offset, "window": transfers.WINDOW}


def _infer(service, session, arguments: dict):
    if _loading(service):
        return _later(_infer, service, session, arguments)
    data, width, height = picture(service, session, arguments)
    return service.engine.picture(data, width, height)


async def _switch(service, session, arguments: dict):
    return await service.switcher.switch(text(arguments, "task"))


async def _set(service, session, arguments: dict):
    changes = arguments.get("changes")
    if not isinstance(changes, dict) or not changes:
        raise CommandError(
            "bad_argument", "changes: expected settings and their values, found %r" % (changes,)
        )
    save = flag(arguments, "save", False)
    await changes_room.change(service, changes, save)
    return {"generation": service.engine.generation, "changed": sorted(changes), "saved": save}


def _snapshot(service, session, arguments: dict):
    preview = service.settings["preview"]
    if not preview["enabled"]:
        raise CommandError("failed", "preview.enabled: expected true in service.yaml, found false")
    camera = service.engine.camera
    if camera is None:
        raise CommandError("failed", "camera: it is switched off")
    quality = integer(arguments, "quality", 5, 95, preview["quality"])
    kept = camera.kept_preview
    now = service.clock.ms()
    # Taking and encoding one holds up the frames: viewers share it.
    if (
        kept is not None
        and kept[0] == quality
        and (now - kept[1]["time_ms"]) * preview["rate"] < 1000
    ):
        return kept[1]
    asked = quality
    while True:
        try:
            data = camera.preview(quality)
        except OSError as error:
            raise CommandError("failed", str(error))
        if len(data) <= _MAX_JPEG:
            break
        if quality == _LEAST_QUALITY:
            raise CommandError(
                "too_large",
                "the preview: expected at most %d bytes of JPEG, found %d: make it smaller"
                % (_MAX_JPEG, len(data)),
            )
        quality = max(_LEAST_QUALITY, quality * 2 // 3)
    answer = {
        "jpeg": data,
        "width": preview["width"],
        "height": preview["height"],
        "quality": quality,
        "seq": camera.seq,
        "time_ms": service.clock.ms(),
    }
    camera.kept_preview = (asked, answer) if preview["rate"] else None
    return answer


def _logs(service, session, arguments: dict):
    return service.upkeep.file.read(integer(arguments, "offset", 0, 1 << 30, 0))


def _config(service, session, arguments: dict):
    running = service.switcher.settings
    return {
        "service": service.configuration.public(),
        "task": running.public() if running is not None else None,
    }


COMMANDS = {
    "snapshot": _snapshot,
    "subscribe": _subscribe,
    "describe": _describe,
    "status": _status,
    "tasks": _tasks,
    "put": _put,
    "infer": _infer,
    "switch": _switch,
    "set": _set,
    "config": _config,
    "logs": _logs,
}
COMMANDS.update(enrolment.COMMANDS)
COMMANDS.update(gallery_commands.COMMANDS)
COMMANDS.update(package_commands.COMMANDS)
