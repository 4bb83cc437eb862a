"""A gallery that comes from elsewhere, slice by slice: checked as a whole before it is put in place."""

import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause
from firmware_app.commands.arguments import integer
from firmware_app.commands.enrolment import changed
from firmware_app.gallery import recognizer
from firmware_app.gallery.labels import GalleryError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call
    from firmware_app.gallery.recognizer import Recognizer
    from firmware_app.link.session import Session

ENDING = ".import"
MAX_SIZE = 268435456  # bytes
_FREE = 65536  # bytes that must stay free on the card


class Incoming:
    """One running import."""

    def __init__(self, session: "Session", name: str, size: int) -> None:
        self.session = session
        self.name = name
        self.size = size
        self.offset = 0
        self.path = recognizer.path_of(name) + ENDING


def _begin(session: "Session", in_use: "Recognizer", name: str, size: int) -> Incoming:
    before = in_use.incoming
    if before is not None and before.session is not session and not before.session.closing:
        raise CommandError("busy", "another import is in progress")
    folder = recognizer.folder()
    files.make_folders(folder)
    for found in files.names(folder):
        if found.endswith(ENDING):
            os.remove(folder + "/" + found)
    room = os.statvfs(folder)
    free = room[0] * room[3]
    if free < size + _FREE:
        raise CommandError(
            "too_large", "the gallery needs %d bytes, the card has %d left" % (size, free)
        )
    incoming = Incoming(session, name, size)
    in_use.incoming = incoming
    return incoming


async def receive(board: "Board", call: "Call", in_use: "Recognizer", name: str) -> dict:
    """Take one slice; with the last one check the file and put it in place."""
    session = call.session
    offset = integer(call.arguments, "offset", 0, MAX_SIZE, 0)
    data = call.arguments.get("data")
    if not isinstance(data, bytes) or not data:
        raise CommandError("bad_argument", "data: expected bytes")
    async with in_use.lock:
        try:
            incoming = in_use.incoming
            if offset == 0:
                incoming = _begin(
                    session, in_use, name, integer(call.arguments, "size", 1, MAX_SIZE)
                )
            elif incoming is None or incoming.session is not session or incoming.name != name:
                raise CommandError(
                    "not_found", "no import of %s is in progress: begin at offset 0" % name
                )
            if offset != incoming.offset or offset + len(data) > incoming.size:
                raise CommandError(
                    "bad_argument", "offset: expected %d, found %d" % (incoming.offset, offset)
                )
            with open(incoming.path, "ab" if offset else "wb") as file:
                files.write(file, data)
                file.flush()
            incoming.offset += len(data)
            if incoming.offset < incoming.size:
                return {"offset": incoming.offset, "done": False}
            in_use.incoming = None
            total = await _put_in_place(in_use, incoming)
        except OSError as error:
            in_use.incoming = None
            raise CommandError("failed", "the gallery can't be written: %s" % files.why(error))
    changed(board, "import", None)
    return {"offset": incoming.size, "done": True, "gallery": name, "total_samples": total}


async def _put_in_place(in_use: "Recognizer", incoming: Incoming) -> int:
    try:
        file = await in_use.read(incoming.path, pause)
        if file.note or file.appended:
            raise GalleryError("the file is not complete: its end is missing")
    except GalleryError as error:
        os.remove(incoming.path)
        text = str(error).replace(incoming.path, "the file")
        raise CommandError("failed", "the gallery is not imported: %s" % text)
    path = recognizer.path_of(incoming.name)
    files.recover(path)
    os.rename(incoming.path, path + files.NEW)
    files.put_in_place(path)
    file.path = path
    if incoming.name == in_use.name:
        in_use.use(incoming.name, file)
    return len(file.gallery)
