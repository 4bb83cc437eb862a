"""Settings changed over the link: of the running task and of the service, all of them or none."""

import asyncio

from firmware_app.base.errors import CommandError
from firmware_app.card import configuration
from firmware_app.settings.schema import suggestion

_ENDING = "_threshold"


async def change(service, changes: dict, save: bool) -> None:
    """Change settings, effective at the next frame; CommandError.

    A switch that is under way is finished first: its task is the one that gets them.
    """
    switcher = service.switcher
    while switcher.busy:
        await asyncio.sleep_ms(5)
    mine: dict = {}
    others: dict = {}
    for path in changes:
        of_task, name = _place(service, path)
        (mine if of_task else others)[name] = changes[path]
    fresh = configuration.changed(switcher.settings, mine) if mine else None
    fresh_service = service.configuration.changed(others)
    if fresh is not None:
        service.engine.check(fresh.values)
    if save:
        kept = [(fresh_service, list(others))]
        if fresh is not None:
            kept.append((fresh, list(mine)))
        service.configuration.remember(kept)
    if others:
        service.configuration.use(fresh_service)
    if fresh is not None:
        switcher.settings = fresh
        service.engine.apply(fresh.values)
        service.publisher.set_model(service.model_message())


def _place(service, path) -> tuple:
    """Return (whether it is the task's, full name) of a setting; CommandError where nobody has it."""
    running = service.switcher.settings
    names = [field.path for field in running.fields] if running is not None else []
    others = service.configuration.names()
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
