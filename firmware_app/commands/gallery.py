"""The commands gallery.*: look at, change, move and choose galleries. docs/gallery.md lists them."""

import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause
from firmware_app.base.problems import GALLERY
from firmware_app.board import arrays
from firmware_app.commands.arguments import integer, text
from firmware_app.commands.enrolment import (
    changed,
    file_of,
    label_text,
    recognizer_of,
    select,
)
from firmware_app.commands.gallery_import import receive
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery import quality as gallery_quality
from firmware_app.gallery import recognizer
from firmware_app.gallery.labels import GalleryError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call

_PAGE_BYTES = 20000  # of labels in one answer
_PAGE_SAMPLES = 50
SLICE = 16384  # bytes of a file in one answer


def gallery_name(arguments: dict, name: str = "name") -> str:
    """Return a gallery's name, as the card has it: what FAT takes as a file name, without a folder."""
    value = text(arguments, name)
    bad = [c for c in value if c in '/\\:*?"<>|' or ord(c) < 32]
    if bad or value[0] in ". " or value[-1] in ". " or len(value) > recognizer.MAX_NAME:
        raise CommandError(
            "bad_argument",
            '%s: expected a file name of at most %d characters without / \\ : * ? " < > |, found %r'
            % (name, recognizer.MAX_NAME, value),
        )
    return recognizer.known_name(value)


def _label(gallery, arguments: dict):
    wanted = label_text(arguments)
    label = gallery.label(wanted)
    if label is None:
        raise CommandError("not_found", "the gallery has no label %s" % wanted)
    return label


async def _change(board: "Board", action: str, label: "str | None", prepare) -> dict:
    """Make the changes that prepare(gallery) returns; the answer tells what is left."""
    in_use = recognizer_of(board)
    async with in_use.lock:
        file = file_of(in_use)
        gallery = file.gallery
        changes = prepare(gallery)
        try:
            await file.change(changes, pause)
        except (GalleryError, OSError) as error:
            raise CommandError("failed", "nothing was changed: %s" % error)
        result = {
            "gallery": in_use.name,
            "total_samples": len(gallery),
            "total_labels": gallery.label_count,
        }
    changed(board, action, label)
    return result


def _row(label) -> list:
    threshold = label.threshold
    return [
        label.text,
        label.count,
        label.negatives,
        None if threshold is None else int(round(threshold * 10000)),
    ]


def _names() -> "list[str]":
    try:
        return recognizer.names()
    except OSError as error:
        raise CommandError("failed", "the galleries can't be listed: %s" % files.why(error))


def listed(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    offset = integer(call.arguments, "offset", 0, 1000000, 0)
    found: list = []
    for name in _names():
        try:
            found.append([name, files.size(recognizer.path_of(name))])
        except OSError as error:
            if error.args[0] != files.ENOENT:  # else it was removed just now
                raise CommandError(
                    "failed", "gallery %s can't be read: %s" % (name, files.why(error))
                )
    file = in_use.file
    rule = in_use.rule(board.engine.running.values)
    answer = {
        "galleries": found,
        "selected": in_use.name,
        "problem": in_use.problem,
        "dimension": in_use.dimension,
        "sha256": board.running_task().sha256,
        "threshold": int(round(rule.threshold * 10000)),
        "margin": int(round(rule.margin * 10000)),
        "combine": rule.combine,
        "nearest": rule.nearest,
        "capacity": in_use.capacity,
        "samples": 0,
        "negatives": 0,
        "bytes": 0,
        "labels": [],
        "total_labels": 0,
    }
    if file is not None:
        gallery = file.gallery
        labels = gallery.labels()
        size = 0
        page: list = []
        for label in labels[offset:]:
            size += len(label.text) * 4 + 16
            if size > _PAGE_BYTES:
                break
            page.append(_row(label))
        answer["samples"] = len(gallery.positive)
        answer["negatives"] = len(gallery.negative)
        answer["bytes"] = file.size
        answer["labels"] = page
        answer["total_labels"] = len(labels)
    return answer


async def _show(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    gallery = file_of(in_use).gallery
    label = _label(gallery, call.arguments)
    offset = integer(call.arguments, "offset", 0, 1000000, 0)
    order: list = []
    for samples in (gallery.positive, gallery.negative):
        for row in samples.rows_of(label.number):
            order.append(samples.ids[row])
    order.sort()
    rows: list = []
    for number in order[offset : offset + _PAGE_SAMPLES]:
        place = gallery.find(number)
        if place is not None:  # another client may have removed it between two of them
            samples, row = place
            rows.append(
                [number, samples is gallery.negative]
                + gallery_quality.relation(arrays, gallery, samples, row)
            )
        await pause()
    return {"label": _row(label), "samples": rows, "total_samples": len(order)}


async def _rename(board: "Board", call: "Call") -> dict:
    to = label_text(call.arguments, "to")

    def prepare(gallery) -> list:
        label = _label(gallery, call.arguments)
        other = gallery.label(to)
        if other is not None and other is not label:
            raise CommandError("bad_argument", "to: the gallery has a label %s already" % to)
        return [
            (gallery_format.LABEL, gallery_format.label_body(label.number, to, label.threshold))
        ]

    return await _change(board, "rename", to, prepare)


async def _threshold(board: "Board", call: "Call") -> dict:
    value = call.arguments.get("threshold")
    if value is not None and (type(value) is not int or not 0 <= value <= 10000):
        raise CommandError(
            "bad_argument",
            "threshold: expected a cosine x 10,000, 0...10000, or nil, found %r" % (value,),
        )

    def prepare(gallery) -> list:
        label = _label(gallery, call.arguments)
        cosine = None if value is None else value / 10000
        return [(gallery_format.LABEL, gallery_format.label_body(label.number, label.text, cosine))]

    return await _change(board, "threshold", call.arguments.get("label"), prepare)


async def _remove(board: "Board", call: "Call") -> dict:
    sample = call.arguments.get("sample")
    if (sample is None) == (call.arguments.get("label") is None):
        raise CommandError("bad_argument", "expected either a label or a sample's number")

    def prepare(gallery) -> list:
        if sample is None:
            return [
                (
                    gallery_format.REMOVE_LABEL,
                    gallery_format.number_body(_label(gallery, call.arguments).number),
                )
            ]
        number = integer(call.arguments, "sample", 1, 0x7FFFFFFF)
        place = gallery.find(number)
        if place is None:
            raise CommandError("not_found", "the gallery has no sample %d" % number)
        samples, row = place
        owner = samples.owner_of(row)
        label = gallery.label(gallery.text_of(owner))
        if label.count + label.negatives == 1:
            return [(gallery_format.REMOVE_LABEL, gallery_format.number_body(owner))]
        return [(gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([number]))]

    return await _change(board, "remove", call.arguments.get("label"), prepare)


async def _clear(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    async with in_use.lock:
        file = file_of(in_use)
        try:
            await file.clear(pause)
        except OSError as error:
            raise CommandError("failed", "nothing was changed: %s" % error)
    changed(board, "clear", None)
    return {"gallery": in_use.name, "total_samples": 0, "total_labels": 0}


async def _select(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    name = None if call.arguments.get("name") is None else gallery_name(call.arguments)
    async with in_use.lock:
        await select(board, in_use, name)
        gallery = in_use.gallery
    changed(board, "select", None)
    total = len(gallery) if gallery is not None else 0
    return {
        "gallery": name,
        "total_samples": total,
        "total_labels": gallery.label_count if gallery is not None else 0,
    }


async def _delete(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    name = gallery_name(call.arguments)
    async with in_use.lock:
        if name == in_use.name and in_use.file is not None:
            raise CommandError(
                "bad_argument", "name: the gallery %s is in use: select another first" % name
            )
        if name not in _names():
            raise CommandError("not_found", "there is no gallery %s" % name)
        path = recognizer.path_of(name)
        try:
            files.recover(path)
            os.remove(path)
        except OSError as error:
            raise CommandError(
                "failed", "the gallery %s can't be removed: %s" % (name, files.why(error))
            )
        if name == in_use.name:
            in_use.use(None, None)  # it could not be used: what was wrong is gone
            board.problems.clear(GALLERY)
    return {"gallery": in_use.name}


async def _suggest(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    gallery = file_of(in_use).gallery
    rule = in_use.rule(board.engine.running.values)

    def report(done: int, total: int) -> None:
        call.progress(done, total, "samples")

    within, between = await gallery_quality.scores(gallery, rule, pause, report)
    found = gallery_quality.threshold(within, between)
    if found is None:
        raise CommandError("failed", "a threshold needs a label with at least two samples")
    return {
        "gallery": in_use.name,
        "threshold": found[0],
        "refused": found[1],
        "accepted": found[2],
        "current": int(round(rule.threshold * 10000)),
        "combine": rule.combine,
        "within": within,
        "between": between,
    }


async def _export(board: "Board", call: "Call") -> dict:
    in_use = recognizer_of(board)
    offset = integer(call.arguments, "offset", 0, 0x7FFFFFFF, 0)
    length = integer(call.arguments, "length", 1, SLICE, SLICE)
    async with in_use.lock:
        file = file_of(in_use)
        gallery = file.gallery
        try:
            if offset == 0:
                await file.tidy(pause)
            elif call.arguments.get("changes") != gallery.changes:
                raise CommandError("failed", "the gallery was changed meanwhile: export it again")
            with open(file.path, "rb") as source:
                source.seek(offset)
                data = source.read(length)
        except OSError as error:
            raise CommandError("failed", "the gallery can't be read: %s" % error)
        return {"gallery": in_use.name, "size": file.size, "changes": gallery.changes, "data": data}


async def _import(board: "Board", call: "Call") -> dict:
    return await receive(board, call, recognizer_of(board), gallery_name(call.arguments))


LONG = {
    "gallery.show": _show,
    "gallery.rename": _rename,
    "gallery.threshold": _threshold,
    "gallery.remove": _remove,
    "gallery.clear": _clear,
    "gallery.select": _select,
    "gallery.delete": _delete,
    "gallery.suggest": _suggest,
    "gallery.export": _export,
    "gallery.import": _import,
}
