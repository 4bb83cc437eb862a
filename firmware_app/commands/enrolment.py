"""The commands enroll and recognize: embeddings of the next frames, of a region, or of pictures."""

import asyncio
import time

from firmware_app.base.errors import CommandError
from firmware_app.base.problems import GALLERY
from firmware_app.board import arrays
from firmware_app.commands.arguments import flag, integer, picture, text
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery import quality as gallery_quality
from firmware_app.gallery.labels import GalleryError
from firmware_app.gallery.recognition import Recognizer, Tap

DEFAULT_GALLERY = "default"
MAX_FRAMES = 100  # samples of one command
_POLL_MS = 2
_WORK_MS = 10  # of computing between two frames

_paused = [0]  # when anybody paused last, time.ticks_ms()


async def pause() -> None:
    """Let frames and other commands go on, where it is time for that."""
    if time.ticks_diff(time.ticks_ms(), _paused[0]) >= _WORK_MS:
        await asyncio.sleep_ms(0)
        _paused[0] = time.ticks_ms()


def recognition_of(service):
    """Return the Recognizer of the running task; CommandError where it is no metric learning."""
    task = service.engine.task
    if task is None:
        raise CommandError("no_task", service.problems.why_no_task())
    recognition = task.recognition
    if recognition is None:
        raise CommandError(
            "no_task", "the running task is %s, not metric_learning" % service.switcher.name
        )
    return recognition


def check_runs(service, recognition: Recognizer) -> None:
    """Raise CommandError where the task of this Recognizer no longer runs."""
    task = service.engine.task
    if task is None or task.recognition is not recognition:
        raise CommandError("failed", "the task was switched meanwhile")


def gallery_of(recognition: Recognizer):
    """Return the gallery in use; CommandError where there is none."""
    if recognition.gallery is None:
        raise CommandError(
            "not_found",
            recognition.problem or "no gallery is in use: enroll something or select one",
        )
    return recognition.gallery


def label_text(arguments: dict, name: str = "label") -> str:
    """Return a label: any Unicode text of at most 200 bytes in UTF-8."""
    value = text(arguments, name)
    size = len(value.encode())
    if size > gallery_format.MAX_TEXT:
        raise CommandError(
            "bad_argument",
            "%s: expected at most %d bytes of UTF-8, found %d"
            % (name, gallery_format.MAX_TEXT, size),
        )
    return value


async def select(service, recognition, name) -> None:
    """Use another gallery (None: none) from the next frame on, also after a restart; the lock is held."""
    try:
        file = await recognition.open(name, pause) if name is not None else None
    except (GalleryError, OSError) as error:
        raise CommandError("failed", "gallery %s: %s" % (name, error))
    check_runs(service, recognition)
    switcher = service.switcher
    fresh = switcher.settings.changed("gallery", name)
    service.configuration.remember([(fresh, ["gallery"])])
    switcher.settings = fresh
    service.engine.use(fresh.values)
    recognition.use(name, file)
    service.problems.clear(GALLERY)


def _region(arguments: dict, service):
    value = arguments.get("region")
    if value is None:
        return None
    good = isinstance(value, list) and len(value) == 4
    if (
        not good
        or not all([type(n) is int and 0 <= n <= 8192 for n in value])
        or value[2] < 8
        or value[3] < 8
    ):
        raise CommandError(
            "bad_argument",
            "region: expected [x, y, width, height] in pixels, at least 8 x 8, found %r" % (value,),
        )
    camera = service.engine.camera
    if camera is not None and (
        value[0] + value[2] > camera.width or value[1] + value[3] > camera.height
    ):
        raise CommandError(
            "bad_argument",
            "region: expected a rectangle inside %d x %d, found %r"
            % (camera.width, camera.height, value),
        )
    return tuple(value)


def _from_picture(service, session, recognition, arguments: dict) -> list:
    """Return what is found in a picture that was sent."""
    data, width, height = picture(service, session, arguments)
    tap = Tap(True)
    recognition.add(tap)
    try:
        service.engine.picture(data, width, height)
    finally:
        recognition.drop(tap)
    return tap.frames[0]


def _has_picture(arguments: dict) -> bool:
    return arguments.get("transfer") is not None or arguments.get("path") is not None


async def _next(service, session, recognition, tap, deadline_ms: int):
    """Return what the next frame shows; None after the deadline."""
    while not tap.frames:
        if tap.error:
            raise CommandError("bad_argument", tap.error)
        if session.closing:
            raise CommandError("failed", "the session ended")
        check_runs(service, recognition)
        if service.clock.ms() >= deadline_ms:
            return None
        await asyncio.sleep_ms(_POLL_MS)
    return tap.frames.pop(0)


def _check_camera(service) -> None:
    camera = service.engine.camera
    if camera is None:
        raise CommandError("failed", "the camera is switched off: send pictures")
    if camera.problem:
        raise CommandError("failed", camera.problem)


def _refusals(reasons: dict) -> str:
    return ", ".join(["%d %s" % (reasons[reason], reason) for reason in sorted(reasons)])


async def _gather(service, session, recognition, arguments: dict):
    """Return (vectors, frames looked at, {reason: refused frames})."""
    reasons: dict = {}
    if _has_picture(arguments):
        found = _from_picture(service, session, recognition, arguments)
        if not found:
            raise CommandError("bad_picture", "the detector finds nothing in the picture")
        fault = found[0].fault()
        if fault:
            raise CommandError("bad_picture", "the picture is %s" % fault)
        return [found[0].vector], 1, reasons
    wanted = integer(arguments, "frames", 1, MAX_FRAMES, 5)
    seconds = integer(arguments, "seconds", 1, 3600, 60)
    tap = Tap(False, _region(arguments, service))
    _check_camera(service)
    deadline_ms = service.clock.ms() + 1000 * seconds
    vectors: list = []
    frames = 0
    recognition.add(tap)
    try:
        while len(vectors) < wanted:
            found = await _next(service, session, recognition, tap, deadline_ms)
            if found is None:
                break
            frames += 1
            fault = found[0].fault() if found else "without anything that the detector finds"
            if fault:
                reason = fault.split(" (")[0]
                reasons[reason] = reasons.get(reason, 0) + 1
            else:
                vectors.append(found[0].vector)
            service.commands.progress(arguments, len(vectors), wanted, "frames")
    finally:
        recognition.drop(tap)
    if len(vectors) < wanted:
        why = _refusals(reasons)
        raise CommandError(
            "failed",
            "expected %d good frames within %d s, found %d%s; nothing was enrolled"
            % (wanted, seconds, len(vectors), " (%s)" % why if why else ""),
        )
    return vectors, frames, reasons


async def enroll(service, session, arguments: dict) -> dict:
    """Add samples of a label to the gallery."""
    label = label_text(arguments)
    negative = flag(arguments, "negative", False)
    recognition = recognition_of(service)
    if recognition.gallery is None and recognition.problem:
        raise CommandError("failed", recognition.problem)
    if recognition.gallery is not None and len(recognition.gallery) >= recognition.gallery.capacity:
        _check_room(recognition.gallery, 1)
    vectors, frames, reasons = await _gather(service, session, recognition, arguments)
    async with recognition.lock:
        check_runs(service, recognition)
        if recognition.gallery is None:
            await select(service, recognition, DEFAULT_GALLERY)
        gallery = recognition.gallery
        if negative:
            warnings = await gallery_quality.check_negative(arrays, gallery, vectors, label, pause)
        else:
            rule = recognition.rule(service.engine.values)
            warnings = await gallery_quality.check(
                arrays, gallery, vectors, label, rule.threshold, pause
            )
        ids = await _add(recognition.file, label, vectors, negative)
        known = gallery.label(label)
        result = {
            "gallery": recognition.name,
            "label": label,
            "added": ids,
            "samples": known.count,
            "negatives": known.negatives,
            "total_samples": len(gallery),
            "frames_seen": frames,
            "refused": reasons,
            "warnings": warnings,
        }
    changed(service, "enroll", label)
    return result


def _check_room(gallery, count: int) -> None:
    try:
        gallery.check_room(count)
    except GalleryError as error:
        raise CommandError("failed", str(error))


async def _add(file, label: str, vectors: list, negative: bool) -> list:
    """Write the samples, and the label where it is new, as one change; return the samples' numbers."""
    gallery = file.gallery
    _check_room(gallery, len(vectors))
    known = gallery.label(label)
    changes: list = []
    try:
        number = gallery.free_number() if known is None else known.number
        if known is None:
            changes.append((gallery_format.LABEL, gallery_format.label_body(number, label, None)))
        heads: list = []
        flags = gallery_format.NEGATIVE if negative else 0
        for i in range(len(vectors)):
            heads.append((gallery.next_id + i, number, flags))
        body = gallery_format.samples_body(
            heads, b"".join([arrays.float_bytes(vector) for vector in vectors])
        )
        changes.append((gallery_format.SAMPLES, body))
        await file.change(changes, pause)
    except (GalleryError, OSError) as error:
        raise CommandError("failed", "nothing was enrolled: %s" % error)
    return [head[0] for head in heads]


def changed(service, action: str, label) -> None:
    """Tell subscribers that the gallery changed."""
    details = {"action": action, "label": label}
    service.publisher.event("gallery", details, service.clock.ms())


async def recognize(service, session, arguments: dict) -> dict:
    """Return whose the current frame, or a picture, is: the best matches, not only the decision."""
    recognition = recognition_of(service)
    gallery = gallery_of(recognition)
    top = integer(arguments, "top", 1, 50, 5)
    if _has_picture(arguments):
        found = _from_picture(service, session, recognition, arguments)
    else:
        tap = Tap(False, _region(arguments, service))
        _check_camera(service)
        recognition.add(tap)
        try:
            seconds = integer(arguments, "seconds", 1, 3600, 60)
            found = await _next(
                service, session, recognition, tap, service.clock.ms() + 1000 * seconds
            )
        finally:
            recognition.drop(tap)
        if found is None:
            raise CommandError("failed", "no frame within %d s" % seconds)
    rule = recognition.rule(service.engine.values)
    rows: list = []
    labels = service.engine.task.labels
    for one in found:
        decision = recognition.decide(one.vector, rule)
        matches: list = []
        if one.vector is not None:
            for number, score in gallery.ranking(one.vector, rule, top):
                matches.append([gallery.text_of(number), int(round(score * 10000))])
        row = {
            "identity": decision.row(),
            "reason": decision.reason,
            "matches": matches,
            "light": one.fault() or None,
        }
        if one.box is not None:
            row["box"] = list(one.box)
            row["class"] = labels[one.class_id] if one.class_id < len(labels) else str(one.class_id)
            row["score1000"] = one.score1000
        rows.append(row)
    return {
        "gallery": recognition.name,
        "threshold": int(round(rule.threshold * 10000)),
        "found": rows,
    }


COMMANDS = {"enroll": enroll, "recognize": recognize}
