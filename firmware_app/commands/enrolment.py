"""The commands enroll and recognize: embeddings of the next frames, of a region, or of pictures."""

from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause
from firmware_app.base.problems import GALLERY
from firmware_app.board import arrays
from firmware_app.commands.arguments import flag, integer, picture, text
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery import quality as gallery_quality
from firmware_app.gallery.labels import GalleryError
from firmware_app.gallery.recognizer import Tap

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call
    from firmware_app.gallery.file import GalleryFile
    from firmware_app.gallery.recognizer import Recognizer

DEFAULT_GALLERY = "default"
MAX_FRAMES = 100  # samples of one command


def recognizer_of(board: "Board") -> "Recognizer":
    """Return the Recognizer of the running task; CommandError where it is no metric learning."""
    recognizer = board.running_task().recognizer
    if recognizer is None:
        raise CommandError(
            "no_task", "the running task is %s, not metric_learning" % board.engine.running.name
        )
    return recognizer


def check_runs(board: "Board", recognizer: "Recognizer") -> None:
    """Raise CommandError where the task of this Recognizer no longer runs."""
    task = board.engine.running.task
    if task is None or task.recognizer is not recognizer:
        raise CommandError("failed", "the task was switched meanwhile")


def file_of(recognizer: "Recognizer") -> "GalleryFile":
    """Return the file of the gallery in use; CommandError where there is none."""
    if recognizer.file is None:
        raise CommandError(
            "not_found",
            recognizer.problem or "no gallery is in use: enroll something or select one",
        )
    return recognizer.file


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


async def select(board: "Board", recognizer: "Recognizer", name) -> None:
    """Use another gallery (None: none) from the next frame on, also after a restart; the lock is held."""
    try:
        file = await recognizer.open(name, pause) if name is not None else None
    except (GalleryError, OSError) as error:
        raise CommandError("failed", "gallery %s: %s" % (name, error))
    check_runs(board, recognizer)
    running = board.engine.running
    settings = running.settings
    if settings is None:
        raise CommandError("no_task", board.problems.why_no_task())
    fresh = settings.changed("gallery", name)
    board.configuration.remember([(fresh, ["gallery"])])
    # Results bear the generation that they had: a gallery changes none of their fields.
    board.engine.replace(running.with_settings(fresh, running.generation))
    recognizer.use(name, file)
    board.problems.clear(GALLERY)


def _region(board: "Board", call: "Call"):
    value = call.arguments.get("region")
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
    camera = board.engine.camera
    if camera is not None and (
        value[0] + value[2] > camera.width or value[1] + value[3] > camera.height
    ):
        raise CommandError(
            "bad_argument",
            "region: expected a rectangle inside %d x %d, found %r"
            % (camera.width, camera.height, value),
        )
    return tuple(value)


def _from_picture(board: "Board", call: "Call", recognizer: "Recognizer") -> list:
    """Return what is found in a picture that was sent."""
    data, width, height = picture(board, call)
    tap = Tap(True)
    recognizer.add(tap)
    try:
        board.engine.picture(data, width, height)
    finally:
        recognizer.drop(tap)
    return tap.frames[0]


def _has_picture(call: "Call") -> bool:
    return call.arguments.get("transfer") is not None or call.arguments.get("path") is not None


async def _next(board: "Board", call: "Call", recognizer: "Recognizer", tap: Tap, deadline_ms: int):
    """Return what the next frame shows; None after the deadline."""
    while not tap.frames:
        if tap.error:
            raise CommandError("bad_argument", tap.error)
        check_runs(board, recognizer)
        left_ms = deadline_ms - board.clock.ms()
        if left_ms <= 0:
            return None
        tap.news.clear()
        await call.wait(tap.news, left_ms)
    return tap.frames.pop(0)


def _check_camera(board: "Board") -> None:
    camera = board.engine.camera
    if camera is None:
        raise CommandError("failed", "the camera is switched off: send pictures")
    if camera.problem:
        raise CommandError("failed", camera.problem)


def _refusals(reasons: dict) -> str:
    return ", ".join(["%d %s" % (reasons[reason], reason) for reason in sorted(reasons)])


async def _gather(board: "Board", call: "Call", recognizer: "Recognizer") -> tuple:
    """Return (vectors, frames looked at, {reason: refused frames})."""
    reasons: dict = {}
    if _has_picture(call):
        found = _from_picture(board, call, recognizer)
        if not found:
            raise CommandError("bad_picture", "the detector finds nothing in the picture")
        fault = found[0].fault()
        if fault:
            raise CommandError("bad_picture", "the picture is %s" % fault)
        return [found[0].vector], 1, reasons
    wanted = integer(call.arguments, "frames", 1, MAX_FRAMES, 5)
    seconds = integer(call.arguments, "seconds", 1, 3600, 60)
    tap = Tap(False, _region(board, call))
    _check_camera(board)
    deadline_ms = board.clock.ms() + 1000 * seconds
    vectors: list = []
    frames = 0
    recognizer.add(tap)
    try:
        while len(vectors) < wanted:
            found = await _next(board, call, recognizer, tap, deadline_ms)
            if found is None:
                break
            frames += 1
            fault = found[0].fault() if found else "without anything that the detector finds"
            if fault:
                reason = fault.split(" (")[0]
                reasons[reason] = reasons.get(reason, 0) + 1
            else:
                vectors.append(found[0].vector)
            call.progress(len(vectors), wanted, "frames")
    finally:
        recognizer.drop(tap)
    if len(vectors) < wanted:
        why = _refusals(reasons)
        raise CommandError(
            "failed",
            "expected %d good frames within %d s, found %d%s; nothing was enrolled"
            % (wanted, seconds, len(vectors), " (%s)" % why if why else ""),
        )
    return vectors, frames, reasons


async def enroll(board: "Board", call: "Call") -> dict:
    """Add samples of a label to the gallery."""
    label = label_text(call.arguments)
    negative = flag(call.arguments, "negative", False)
    recognizer = recognizer_of(board)
    if recognizer.gallery is None and recognizer.problem:
        raise CommandError("failed", recognizer.problem)
    if recognizer.gallery is not None and len(recognizer.gallery) >= recognizer.gallery.capacity:
        _check_room(recognizer.gallery, 1)
    vectors, frames, reasons = await _gather(board, call, recognizer)
    async with recognizer.lock:
        check_runs(board, recognizer)
        if recognizer.gallery is None:
            await select(board, recognizer, DEFAULT_GALLERY)
        file = file_of(recognizer)
        gallery = file.gallery
        if negative:
            warnings = await gallery_quality.check_negative(arrays, gallery, vectors, label, pause)
        else:
            rule = recognizer.rule(board.engine.running.values)
            warnings = await gallery_quality.check(
                arrays, gallery, vectors, label, rule.threshold, pause
            )
        ids = await _add(file, label, vectors, negative)
        known = gallery.label(label)
        assert known is not None  # it was added just now
        result = {
            "gallery": recognizer.name,
            "label": label,
            "added": ids,
            "samples": known.count,
            "negatives": known.negatives,
            "total_samples": len(gallery),
            "frames_seen": frames,
            "refused": reasons,
            "warnings": warnings,
        }
    changed(board, "enroll", label)
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


def changed(board: "Board", action: str, label) -> None:
    """Tell subscribers that the gallery changed."""
    details = {"action": action, "label": label}
    board.publisher.event("gallery", details)


async def recognize(board: "Board", call: "Call") -> dict:
    """Return what the current frame, or a picture, matches: the best matches, not only the decision."""
    recognizer = recognizer_of(board)
    gallery = file_of(recognizer).gallery
    top = integer(call.arguments, "top", 1, 50, 5)
    if _has_picture(call):
        found = _from_picture(board, call, recognizer)
    else:
        tap = Tap(False, _region(board, call))
        _check_camera(board)
        recognizer.add(tap)
        try:
            seconds = integer(call.arguments, "seconds", 1, 3600, 60)
            found = await _next(board, call, recognizer, tap, board.clock.ms() + 1000 * seconds)
        finally:
            recognizer.drop(tap)
        if found is None:
            raise CommandError("failed", "no frame within %d s" % seconds)
    rule = recognizer.rule(board.engine.running.values)
    rows: list = []
    labels = board.running_task().labels
    for one in found:
        decision = recognizer.decide(one.vector, rule)
        matches: list = []
        if one.vector is not None:
            for number, score in gallery.ranking(one.vector, rule, top):
                matches.append([gallery.text_of(number), int(round(score * 10000))])
        row = {
            "identity": decision.row() if decision is not None else None,
            "reason": decision.reason if decision is not None else None,
            "matches": matches,
            "light": one.fault() or None,
        }
        if one.box is not None:
            row["box"] = list(one.box)
            row["class"] = labels[one.class_id] if one.class_id < len(labels) else str(one.class_id)
            row["score1000"] = one.score1000
        rows.append(row)
    return {
        "gallery": recognizer.name,
        "threshold": int(round(rule.threshold * 10000)),
        "found": rows,
    }


LONG = {"enroll": enroll, "recognize": recognize}
