"""Settings changed over the link: of the running task and of the service, all of them or none."""

from firmware_app.base.errors import CommandError
from firmware_app.base.pause import until
from firmware_app.card import configuration
from firmware_app.card.state import same
from firmware_app.settings.schema import suggestion

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.settings.reader import Settings

_ENDING = "_threshold"
_EVENTS = "events."
_TASK = "task"  # the one setting that `switch` changes
_LIVE = 1
_KEPT = 2
_OF_TASK = 4


async def change(board: "Board", changes: dict, save: bool) -> dict:
    """Change settings, effective at the next frame or (save alone) at the next start; CommandError.

    Return the answer of `set`. A switch that is running is finished first: its task is the one that
    gets them.
    """
    await until(board.switcher.idle)
    mine: dict = {}
    others: dict = {}
    for path in changes:
        of_task, name = _place(board, path)
        (mine if of_task else others)[name] = changes[path]
    await _change(board, mine, others, save)
    fields = [board.configuration.service.field(name) for name in others]
    settings = board.engine.running.settings
    if settings is not None:
        fields += [settings.field(name) for name in mine]
    return {
        "generation": board.engine.running.generation,
        "changed": sorted(list(mine) + list(others)),
        "saved": save,
        "later": sorted([field.path for field in fields if field is not None and not field.live]),
    }


async def _change(board: "Board", mine: dict, others: dict, save: bool) -> None:
    engine = board.engine
    running = engine.running
    settings = running.settings
    service = board.configuration.service
    fresh = kept = None
    later: list = []
    if mine and settings is not None:
        fresh, kept, later = configuration.changed(settings, mine, save)
    fresh_service, kept_service, later_service = configuration.changed(service, others, save)
    other_frames = fresh_service.values["camera"] != service.values["camera"]
    if settings is not None and (fresh is not None or other_frames):
        board.live.check(fresh_service, settings.values if fresh is None else fresh.values)
    if fresh is not None and [name for name in mine if _asks_for_events(fresh, name)]:
        engine.check_events(fresh.values)
    if len(later_service) < len(others):
        await board.live.use(fresh_service)
    try:
        if save:
            rows = [(kept_service, list(others))]
            if kept is not None:
                rows.append((kept, list(mine)))
            board.configuration.remember(rows)
    except CommandError:
        if len(later_service) < len(others):
            await board.live.use(service)
        raise
    # A generation is for results that may differ.
    if fresh is not None and settings is not None and fresh.values != settings.values:
        engine.replace(running.with_settings(fresh, running.generation + 1))
    names = [name for name in list(mine) + list(others) if name not in later + later_service]
    if names:
        details = {"changed": sorted(names), "generation": engine.running.generation}
        board.publisher.event("settings", details)


def _asks_for_events(values: "Settings", name: str) -> bool:
    # What the YAML on the card says is a problem of its own, and refuses no `forget`.
    return name.startswith(_EVENTS) and not same(values.get(name), values.in_file(name))


async def keep(board: "Board", names: "list | None") -> dict:
    """Keep settings as they are in force over a restart: these, or all that were changed."""
    await until(board.switcher.idle)
    changes: dict = {}
    for name, values in _chosen(board, names, _changed):
        field = values.field(name)
        if field is not None and field.live:
            changes[name] = values.get(name)
    return await _again(board, changes)


async def forget(board: "Board", names: "list | None") -> dict:
    """Let settings be as the YAML on the card has them, now and after a restart."""
    await until(board.switcher.idle)
    changes: dict = {}
    for name, values in _chosen(board, names, _differs):
        changes[name] = board.configuration.in_file(values, name)
    return await _again(board, changes)


async def _again(board: "Board", changes: dict) -> dict:
    if changes:
        return await change(board, _quoted(changes), True)
    generation = board.engine.running.generation
    return {"generation": generation, "changed": [], "saved": True, "later": []}


def _quoted(changes: dict) -> dict:
    """Return values as `set` reads them: a text comes as YAML, and these are no YAML."""
    quoted: dict = {}
    for name in changes:
        value = changes[name]
        if isinstance(value, str):
            value = "'" + value.replace("'", "''") + "'"
        quoted[name] = value
    return quoted


def _files(board: "Board") -> "list[Settings]":
    settings = board.engine.running.settings
    return [board.configuration.service] + ([settings] if settings is not None else [])


def _changed(board: "Board", values: "Settings", name: str) -> bool:
    return not same(values.get(name), values.in_file(name))


def _differs(board: "Board", values: "Settings", name: str) -> bool:
    return name in board.configuration.kept(values) or _changed(board, values, name)


def _chosen(board: "Board", names: "list | None", choose) -> list:
    """Return rows (full name, Settings that have it) of what is named, or of what choose() picks."""
    if names is None:
        rows: list = []
        for values in _files(board):
            for field in values.fields:
                if field.path != _TASK and choose(board, values, field.path):
                    rows.append((field.path, values))
        return rows
    if not isinstance(names, list) or not names:
        raise CommandError("bad_argument", "names: expected names of settings, found %r" % (names,))
    files = _files(board)
    chosen: list = []
    for path in names:
        of_task, name = _place(board, path)
        if name == _TASK:
            raise CommandError("bad_argument", "task: another one runs with `switch`")
        chosen.append((name, files[-1] if of_task else files[0]))
    return chosen


def rows(board: "Board") -> list:
    """Return all settings as rows: name, flags, value in force, what the YAML says, value from the next start.

    The last is there only where it is another one.
    """
    answer: list = []
    for values in _files(board):
        kept = board.configuration.kept(values)
        own = 0 if values is board.configuration.service else _OF_TASK
        for field in values.fields:
            name = field.path
            if own and name == _TASK:
                continue  # the service's `task` is the name of this one's file
            flags = own + (_LIVE if field.live else 0) + (_KEPT if name in kept else 0)
            row = [
                name,
                flags,
                _shown(field, values.get(name)),
                _shown(field, values.in_file(name)),
            ]
            after = kept.get(name, values.in_file(name))
            if not field.live and not same(after, values.get(name)):
                row.append(_shown(field, after))
            answer.append(row)
    return answer


def _shown(field, value: object) -> object:
    return "***" if field.secret and value is not None else value


def _place(board: "Board", path) -> tuple:
    """Return (whether it is the task's, full name) of a setting; CommandError where none has it."""
    settings = board.engine.running.settings
    names = [field.path for field in settings.fields] if settings is not None else []
    others = [field.path for field in board.configuration.service.fields]
    if not isinstance(path, str) or not path:
        raise CommandError("bad_argument", "changes: expected names of settings, found %r" % path)
    # Thresholds go by their first word too: confidence is confidence_threshold.
    for name in (path, path + _ENDING):
        if name in names and name != _TASK:
            return True, name
    if path in others:
        return False, path
    short = [name[: -len(_ENDING)] for name in names if name.endswith(_ENDING)]
    hint = suggestion(path, names + others + short, "")
    if not names:
        hint += " (no task is running)"
    raise CommandError("bad_argument", "%s: unknown setting%s" % (path[:64], hint))
