"""Settings changed over the link: of the running task and of the service, all of them or none."""

from firmware_app.base.errors import CommandError
from firmware_app.base.pause import until
from firmware_app.card import configuration
from firmware_app.settings.schema import suggestion

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board

_ENDING = "_threshold"


async def change(board: "Board", changes: dict, save: bool) -> None:
    """Change settings, effective at the next frame; CommandError.

    A switch that is under way is finished first: its task is the one that gets them.
    """
    await until(board.switcher.idle)
    running = board.engine.running
    mine: dict = {}
    others: dict = {}
    for path in changes:
        of_task, name = _place(board, path)
        (mine if of_task else others)[name] = changes[path]
    settings = running.settings
    fresh = configuration.changed(settings, mine) if mine and settings is not None else None
    fresh_service = board.configuration.changed(others)
    if fresh is not None:
        board.engine.check(fresh.values)
    if save:
        kept = [(fresh_service, list(others))]
        if fresh is not None:
            kept.append((fresh, list(mine)))
        board.configuration.remember(kept)
    if others:
        board.configuration.use(fresh_service)
    if fresh is not None:
        board.engine.replace(running.with_settings(fresh, running.generation + 1))


def _place(board: "Board", path) -> tuple:
    """Return (whether it is the task's, full name) of a setting; CommandError where nobody has it."""
    settings = board.engine.running.settings
    names = [field.path for field in settings.fields] if settings is not None else []
    others = board.configuration.names()
    if not isinstance(path, str) or not path:
        raise CommandError("bad_argument", "changes: expected names of settings, found %r" % path)
    # Thresholds go by their first word too: confidence is confidence_threshold.
    for name in (path, path + _ENDING):
        if name in names:
            return True, name
    if path in others:
        return False, path
    short = [name[: -len(_ENDING)] for name in names if name.endswith(_ENDING)]
    hint = suggestion(path, names + others + short, "")
    if not names:
        hint += " (no task is running)"
    raise CommandError("bad_argument", "%s: unknown setting%s" % (path[:64], hint))
