"""The commands push, install, packages, package.remove and restart. docs/protocol.md lists them."""

import asyncio
import time

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.board import hardware
from firmware_app.card import firmware_update, packages, uploads
from firmware_app.card.configuration import CONFIGS, MAX_CONFIG, SERVICE_YAML, shown, task_path
from firmware_app.commands.arguments import text
from firmware_app.link.transfers import WINDOW
from firmware_app.package import dictionary
from firmware_app.package.deploy_fields import PackageError
from firmware_app.settings import reader as settings
from firmware_app.settings.schema import is_name
from firmware_app.settings.task_fields import TASKS

_TURN_MS = 5
_RESTART_MS = 500  # for the answer to be on its way
_DICTIONARIES = "/sdcard/dictionaries"


class _Turn:
    """When this work began its turn between two frames."""

    start = time.ticks_ms() if hasattr(time, "ticks_ms") else 0


async def pause() -> None:
    """Let frames and links go on, once the turn has lasted."""
    if time.ticks_diff(time.ticks_ms(), _Turn.start) >= _TURN_MS:
        await asyncio.sleep_ms(0)
        _Turn.start = time.ticks_ms()


def _push(service, session, arguments: dict):
    if service.installing:
        # Also the same push again, by a client that lost its link while it was being installed.
        return _later(_push, service, session, arguments)
    kind = arguments.get("kind")
    name = arguments.get("name")
    if kind == "file":
        _place_of_file(name)
    push = uploads.checked(kind, name, arguments.get("files"))
    there = uploads.waiting()
    for transfer in service.transfers.of_kind("file"):
        # The same files again: the client lost its link before we noticed.
        if transfer.session is not session and (there is None or not there.same(push)):
            raise CommandError("busy", "another client is pushing files")
        _end(service, transfer)
    try:
        push = uploads.begin(push)
        transfer = uploads.FileTransfer(session, service.transfers.next_number(), push)
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))
    service.transfers.add(transfer)
    return {"transfer": transfer.number, "offset": transfer.offset, "window": WINDOW}


def _end(service, transfer) -> None:
    try:
        service.transfers.forget(transfer)
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))


async def _later(command, service, session, arguments: dict):
    while service.installing:
        await asyncio.sleep_ms(_TURN_MS)
    return command(service, session, arguments)


def _waiting():
    push = uploads.waiting()
    if push is None:
        raise CommandError("not_found", "no push is under way: begin with push")
    return push


async def _install(service, session, arguments: dict) -> dict:
    while service.installing:
        await asyncio.sleep_ms(_TURN_MS)
    for transfer in service.transfers.of_kind("file"):
        if transfer.session is not session:
            raise CommandError("busy", "another client is pushing files")
        _end(service, transfer)
    task = arguments.get("task")
    if task is not None and task not in TASKS:
        raise CommandError(
            "bad_argument", "task: expected one of %s, found %r" % (", ".join(TASKS), task)
        )
    push = _waiting()
    service.installing = True
    try:
        await uploads.verify(push, pause)
        return await _in_place(service, push, task)
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))
    finally:
        service.installing = False


async def _in_place(service, push, task) -> dict:
    """Check what came whole and put it in its place; what is refused leaves nothing behind."""
    try:
        if push.kind == "package":
            return await _install_package(service, push, task)
        if push.kind == "file":
            return await _install_file(push)
        return await _install_firmware(push)
    except CommandError:
        uploads.discard()
        raise


async def _install_package(service, push, task) -> dict:
    try:
        package = packages.check(uploads.FOLDER, task)
    except PackageError as error:
        raise CommandError("bad_package", str(error).replace(uploads.FOLDER, push.name))
    warnings = [each.replace(uploads.FOLDER, push.name) for each in package.warnings]
    while service.switcher.busy:  # it may be reading the package that is replaced
        await asyncio.sleep_ms(_TURN_MS)
    in_use = push.name.lower() in _in_use(service)
    if in_use:
        wrong = packages.misfit(service.switcher.settings.values, push.name, uploads.FOLDER)
        if wrong:
            raise CommandError(
                "bad_package",
                "task %s, which runs with package %s, could not start again: %s; push it under another name"
                % (service.switcher.name, push.name, wrong),
            )
    users = packages.users(push.name, service.configuration)
    for name in sorted(users):
        wrong = packages.misfit(users[name], push.name, uploads.FOLDER)
        if wrong:
            warnings.append("task %s can't run with it: %s" % (name, wrong))
    packages.place(uploads.FOLDER, push.name)
    uploads.discard()
    names = sorted(users)
    path = task_path(push.name)
    if not names and not files.exists(path):
        # A package that no task uses could not be switched to.
        files.make_folders(CONFIGS + "/tasks")
        files.replace(
            path, ('task: %s\npackage: "packages/%s"\n' % (package.task, push.name)).encode()
        )
        names = [push.name]
    service.log.info("package %s is installed" % push.name)
    return {
        "name": push.name,
        "task": package.task,
        "model": package.name,
        "size": sum([row[1] for row in push.rows]),
        "tasks": names,
        "in_use": in_use,
        "warnings": warnings,
    }


def _place_of_file(name) -> str:
    """Return where a single file belongs on the card; CommandError where it may not be pushed."""
    parts = name.split("/") if isinstance(name, str) else []
    good = all([is_name(part) for part in parts])
    path = "/sdcard/%s" % name
    if path == SERVICE_YAML:
        return path
    if good and len(parts) == 3 and name.startswith("configs/tasks/") and name.endswith(".yaml"):
        return path
    if good and len(parts) == 2 and parts[0] == "dictionaries" and name.endswith(".txt"):
        return path
    if good and len(parts) == 3 and parts[0] == "packages" and name.endswith(".txt"):
        if files.is_folder("/sdcard/packages/" + parts[1]):
            return path
        raise CommandError("not_found", "name: there is no package %s" % parts[1])
    raise CommandError(
        "bad_argument",
        "name: expected configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt or "
        + "packages/PACKAGE/NAME.txt, found %s" % repr(name)[:80],
    )


async def _install_file(push) -> dict:
    path = _place_of_file(push.name)
    source = uploads.FOLDER + "/" + push.rows[0][0]
    limit = MAX_CONFIG if path.endswith(".yaml") else dictionary.MAX_SIZE
    with open(source, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CommandError("too_large", "%s: expected at most %d bytes" % (push.name, limit))
    await pause()
    try:
        if path.endswith(".txt"):
            dictionary.characters(data, push.name)
        elif path == SERVICE_YAML:
            settings.read_service(settings.decode(data, shown(path)), shown(path))
        else:
            settings.read_task(settings.decode(data, shown(path)), shown(path))
    except (settings.SettingsError, PackageError) as error:
        raise CommandError("bad_argument", str(error))
    files.make_folders(path[: path.rfind("/")])
    files.recover(path)
    files.take(source, path)
    uploads.discard()
    return {"name": push.name, "size": len(data)}


async def _install_firmware(push) -> dict:
    await firmware_update.check(uploads.FOLDER, [row[0] for row in push.rows], pause)
    firmware_update.stage(uploads.FOLDER)
    uploads.discard()
    return {"name": push.name, "size": sum([row[1] for row in push.rows])}


def _in_use(service) -> list:
    running = service.switcher.settings
    return packages.used_by(running.values) if running is not None else []


async def _packages(service, session, arguments: dict) -> list:
    return await packages.listed(_in_use(service), pause)


async def _remove(service, session, arguments: dict) -> dict:
    name = text(arguments, "name")
    if not is_name(name):
        raise CommandError("bad_argument", "name: expected a package's name, found %r" % name[:64])
    while service.switcher.busy:
        await asyncio.sleep_ms(_TURN_MS)
    if not files.is_folder(packages.FOLDER + "/" + name):
        raise CommandError("not_found", "name: there is no package %s" % name)
    if name.lower() in _in_use(service):
        raise CommandError(
            "busy", "package %s is in use by task %s" % (name, service.switcher.name)
        )
    try:
        packages.remove(name)
    except OSError as error:
        raise CommandError("failed", "package %s can't be removed: %s" % (name, files.why(error)))
    return {"name": name, "tasks": sorted(packages.users(name, service.configuration))}


async def _restart(service, session, arguments: dict) -> dict:
    async def later() -> None:
        await asyncio.sleep_ms(_RESTART_MS)
        service.boots.planned("a client asked for it")
        service.log.info("restarting: a client asked for it")
        service.upkeep.file.flush()
        hardware.reset()

    asyncio.create_task(later())
    return {"restarting": True}


def recover() -> None:
    """At start: put right what a power cut left of any of this."""
    for step in (
        uploads.recover,
        packages.recover,
        firmware_update.recover,
        lambda: files.recover_all(CONFIGS),
        lambda: files.recover_all(CONFIGS + "/tasks"),
        lambda: files.recover_all(_DICTIONARIES),
    ):
        try:
            step()
        except OSError:
            pass  # a card that can't be written must not keep the service from running


COMMANDS = {
    "push": _push,
    "install": _install,
    "packages": _packages,
    "package.remove": _remove,
    "restart": _restart,
}
