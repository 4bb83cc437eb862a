"""The command `get`: what is too large for one answer goes to the client in chunks (link/downloads.py)."""

import hashlib
import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause
from firmware_app.commands.arguments import integer, text
from firmware_app.link import downloads
from firmware_app.settings.reader import SettingsError
from firmware_app.settings.schema import is_name

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call

_CARD = "/sdcard/"
_SERVICE_YAML = "configs/service.yaml"
_SLICE = 32768  # bytes that are hashed at a time
_MAX_PICTURE = 1048576  # bytes of a JPEG


async def get(board: "Board", call: "Call") -> dict:
    """Begin to send what the client wants."""
    kind = text(call.arguments, "kind")
    source = _KINDS.get(kind)
    if source is None:
        raise CommandError(
            "bad_argument",
            "kind: expected one of %s, found %s" % (", ".join(sorted(_KINDS)), kind[:32]),
        )
    offset = integer(call.arguments, "offset", 0, 1 << 40, 0)
    begun = call.arguments.get("sha256")
    session = call.session
    _need_place(session)
    kept = board.kept_picture
    if kind == "snapshot" and kept is not None and kept[0] == begun:
        digest, data, details = kept
    else:
        data, details = await source(board, call)
        digest = await _digest(data, call)
    if kind == "snapshot":
        board.kept_picture = (
            digest,
            data,
            details,
        )  # a link that is lost meanwhile goes on with it
    _need_place(session)
    if call.done:
        raise CommandError("failed", "the session ended")
    offset = offset if digest == begun and offset <= data.size else 0
    number = board.transfers.next_number()
    if offset < data.size:
        session.downloads.append(
            downloads.Download(number, data, offset, session.chunk, board.clock, session.lossy)
        )
    answer = {"transfer": number, "size": data.size, "sha256": digest, "offset": offset}
    answer.update(details)
    return answer


def _need_place(session) -> None:
    session.downloads = [each for each in session.downloads if not each.done]
    if len(session.downloads) >= downloads.MOST:
        raise CommandError("busy", "%d transfers are in progress: try again" % downloads.MOST)


async def _digest(data, call: "Call") -> bytes:
    """Return the SHA-256 of all of it."""
    calculated = hashlib.sha256()
    offset = 0
    while offset < data.size:
        try:
            part = data.read(offset, _SLICE)
        except OSError as error:
            raise CommandError("failed", "it can't be read: %s" % files.why(error))
        if not part:
            raise CommandError("failed", "it was changed meanwhile: try again")
        calculated.update(part)
        offset += len(part)
        call.progress(offset, data.size, "bytes read")
        await pause()
    return calculated.digest()


async def _snapshot(board: "Board", call: "Call") -> tuple:
    answer = picture(board, call)
    details = {name: answer[name] for name in answer if name != "jpeg"}
    return downloads.Held(answer["jpeg"]), details


def picture(board: "Board", call: "Call") -> dict:
    """Return the preview's newest picture: jpeg, width, height, quality, seq, time_ms; CommandError."""
    preview = board.configuration.values["preview"]
    if not preview["enabled"]:
        raise CommandError(
            "failed",
            "preview.enabled is false: run `k230 set URL preview.enabled=true`, or set it in service.yaml",
        )
    camera = board.engine.camera
    if camera is None:
        raise CommandError("failed", "camera: it is switched off")
    quality = integer(call.arguments, "quality", 5, 95, preview["quality"])
    kept = camera.kept_preview
    now = board.clock.ms()
    # Taking and encoding one holds up the frames: viewers share it.
    if (
        kept is not None
        and kept[0] == quality
        and (now - kept[1]["time_ms"]) * preview["rate"] < 1000
    ):
        return kept[1]
    try:
        data, seq, ticks = camera.preview(quality)
    except OSError as error:
        raise CommandError("failed", str(error))
    if len(data) > _MAX_PICTURE:
        raise CommandError(
            "too_large",
            "the preview: expected at most %d bytes of JPEG, found %d" % (_MAX_PICTURE, len(data)),
        )
    answer = {
        "jpeg": data,
        "width": preview["width"],
        "height": preview["height"],
        "quality": quality,
        "seq": seq,
        "time_ms": board.clock.at(ticks) // 1000,
    }
    camera.kept_preview = (quality, answer) if preview["rate"] else None
    return answer


async def _log(board: "Board", call: "Call") -> tuple:
    return downloads.Parts(board.upkeep.file.parts()), {}


async def _gallery(board: "Board", call: "Call") -> tuple:
    from firmware_app.commands import enrolment, gallery
    from firmware_app.gallery import recognizer

    if call.arguments.get("name") is not None:
        name = gallery.gallery_name(call.arguments)
        return _file(recognizer.path_of(name), name), {"name": name}
    in_use = enrolment.recognizer_of(board)
    async with in_use.lock:
        file = enrolment.file_of(in_use)
        try:
            await file.tidy(pause)
        except OSError as error:
            raise CommandError("failed", "the gallery can't be read: %s" % error)
        return downloads.Parts([(file.path, file.size)]), {"name": in_use.name}


async def _event_snapshot(board: "Board", call: "Call") -> tuple:
    number = integer(call.arguments, "number", 1, 1 << 40)
    data = board.event_picture(number)
    if data is None:
        raise CommandError("not_found", "there is no snapshot of event %d" % number)
    return downloads.Held(data), {"number": number}


async def _card_file(board: "Board", call: "Call") -> tuple:
    name = text(call.arguments, "name")
    path = _path(name)
    if name == _SERVICE_YAML and not call.session.private and _has_secret(board):
        raise CommandError(
            "failed", "%s holds a password: it is sent over encrypted links and wires only" % name
        )
    return _file(path, name), {"name": name}


def _path(name: str) -> str:
    """Return the path of a file that may be pushed; CommandError."""
    parts = name.split("/")
    good = name == _SERVICE_YAML or (
        all([is_name(part) for part in parts])
        and (
            (len(parts) == 3 and parts[:2] == ["configs", "tasks"] and name.endswith(".yaml"))
            or (len(parts) == 2 and parts[0] == "dictionaries" and name.endswith(".txt"))
            or (len(parts) == 3 and parts[0] == "packages")
        )
    )
    if not good:
        raise CommandError(
            "bad_argument",
            "name: expected configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or "
            "packages/PACKAGE/FILE, found %s" % name[:80],
        )
    return _CARD + name


def _has_secret(board: "Board") -> bool:
    """Return whether the card's service.yaml holds a secret, or may."""
    values = board.configuration.service
    for field in values.fields:
        if field.secret:
            try:
                if board.configuration.in_file(values, field.path) is not None:
                    return True
            except SettingsError:
                return True
    return False


def _file(path: str, name: str) -> "downloads.Parts":
    try:
        files.recover(path)
        if not files.exists(path) or files.is_folder(path):
            raise CommandError("not_found", "%s: the card has no such file" % name)
        return downloads.Parts([(path, os.stat(path)[6])])
    except OSError as error:
        raise CommandError("failed", "%s can't be read: %s" % (name, files.why(error)))


_KINDS = {
    "snapshot": _snapshot,
    "log": _log,
    "gallery": _gallery,
    "event_snapshot": _event_snapshot,
    "file": _card_file,
}
