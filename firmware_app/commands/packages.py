"""The commands push, install, packages, package.remove and restart. docs/protocol.md lists them."""

import asyncio

from firmware_app.base import files, restarts, storage
from firmware_app.base.errors import CommandError
from firmware_app.base.pause import pause, until
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

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.commands.board import Board
    from firmware_app.commands.call import Call

_RESTART_MS = 500  # for the answer to be on its way
_DICTIONARIES = "/sdcard/dictionaries"


def installed(board: "Board") -> asyncio.Event:
    """What a push waits for: also the same one again, by a client that lost its link meanwhile."""
    return board.installed


def push(board: "Board", call: "Call") -> dict:
    """Begin to take files, or go on with it."""
    kind = call.arguments.get("kind")
    name = call.arguments.get("name")
    if kind == "file":
        _place_of_file(name)
    wanted = uploads.checked(kind, name, call.arguments.get("files"))
    there = uploads.waiting()
    for transfer in board.transfers.of_kind("file"):
        # The same files again: the client lost its link before we noticed.
        if transfer.session is not call.session and (there is None or not there.same(wanted)):
            raise CommandError("busy", "another client is pushing files")
        _end(board, transfer)
    try:
        transfer = uploads.FileTransfer(
            call.session, board.transfers.next_number(), uploads.begin(wanted)
        )
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))
    board.transfers.add(transfer)
    return {"transfer": transfer.number, "offset": transfer.offset, "window": WINDOW}


def _end(board: "Board", transfer) -> None:
    try:
        board.transfers.forget(transfer)
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))


def _waiting() -> uploads.Push:
    push = uploads.waiting()
    if push is None:
        raise CommandError("not_found", "no push is in progress: begin with push")
    return push


async def _install(board: "Board", call: "Call") -> dict:
    await until(board.installed)
    for transfer in board.transfers.of_kind("file"):
        if transfer.session is not call.session:
            raise CommandError("busy", "another client is pushing files")
        _end(board, transfer)
    task = call.arguments.get("task")
    if task is not None and task not in TASKS:
        raise CommandError(
            "bad_argument", "task: expected one of %s, found %r" % (", ".join(TASKS), task)
        )
    push = _waiting()
    board.installed.clear()
    try:
        await uploads.verify(push, pause)
        answer = await _in_place(board, call, push)
        board.boots.anew = True  # what safe mode missed may have come with it
        return answer
    except OSError as error:
        raise CommandError("failed", "the card can't be written: %s" % files.why(error))
    finally:
        board.installed.set()


async def _in_place(board: "Board", call: "Call", push: uploads.Push) -> dict:
    """Check what came whole and put it in its place; what is refused leaves nothing behind."""
    try:
        if push.kind == "package":
            return await _install_package(board, call, push)
        if push.kind == "file":
            return await _install_file(push)
        return await _install_firmware(push)
    except CommandError as error:
        if error.code != "exists":  # with `replace`, what came already need not come again
            uploads.discard()
        raise


async def _install_package(board: "Board", call: "Call", push: uploads.Push) -> dict:
    task = call.arguments.get("task")
    try:
        package = packages.check(uploads.FOLDER, task)
    except PackageError as error:
        raise CommandError("bad_package", str(error).replace(uploads.FOLDER, push.name))
    other, doubt = packages.replaced(package, push.name, task)
    if other and call.arguments.get("replace") is not True:
        raise CommandError(
            "exists",
            "package %s on the card does another task: expected %s, found %s; choose another name, or say"
            " that it is replaced" % (push.name, package.task, other),
        )
    warnings = [each.replace(uploads.FOLDER, push.name) for each in package.warnings]
    await until(board.switcher.idle)  # it may be reading the package that is replaced
    in_use = push.name.lower() in _in_use(board)
    if in_use:
        wrong = packages.misfit(board.engine.running.values, push.name, uploads.FOLDER)
        if wrong:
            raise CommandError(
                "bad_package",
                "task %s, which runs with package %s, could not start again: %s; push it under another name"
                % (board.engine.running.name, push.name, wrong),
            )
    users = packages.users(push.name, board.configuration)
    for name in sorted(users):
        wrong = packages.misfit(users[name], push.name, uploads.FOLDER)
        if wrong:
            warnings.append("task %s can't run with it: %s" % (name, wrong))
    if doubt:
        warnings.append(doubt)
    if in_use:
        warnings.append(
            "task %s runs with the package as it was until you switch to it again"
            % board.engine.running.name
        )
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
    board.log.info("package %s is installed" % push.name)
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


async def _install_file(push: uploads.Push) -> dict:
    path = _place_of_file(push.name)
    source = uploads.FOLDER + "/" + push.rows[0][0]
    limit = MAX_CONFIG if path.endswith(".yaml") else dictionary.MAX_SIZE
    with open(source, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CommandError("too_large", "%s: expected at most %d bytes" % (push.name, limit))
    await pause()
    warnings: list = []
    try:
        if path.endswith(".txt"):
            dictionary.characters(data, push.name)
        elif path == SERVICE_YAML:
            settings.read_service(settings.decode(data, shown(path)), shown(path))
        else:
            task = settings.read_task(settings.decode(data, shown(path)), shown(path))
            problem = packages.problem_of(task.values)
            warnings = [problem] if problem else []
    except (settings.SettingsError, PackageError) as error:
        raise CommandError("bad_argument", str(error))
    files.make_folders(path[: path.rfind("/")])
    files.recover(path)
    files.take(source, path)
    uploads.discard()
    return {"name": push.name, "size": len(data), "warnings": warnings}


async def _install_firmware(push: uploads.Push) -> dict:
    await firmware_update.check(uploads.FOLDER, [row[0] for row in push.rows], pause)
    firmware_update.stage(uploads.FOLDER)
    uploads.discard()
    return {"name": push.name, "size": sum([row[1] for row in push.rows])}


def _in_use(board: "Board") -> list:
    return packages.used_by(board.engine.running.values)


async def _packages(board: "Board", call: "Call") -> list:
    return await packages.listed(_in_use(board), pause)


async def _remove(board: "Board", call: "Call") -> dict:
    name = text(call.arguments, "name")
    if not is_name(name):
        raise CommandError("bad_argument", "name: expected a package's name, found %r" % name[:64])
    await until(board.switcher.idle)
    if not files.is_folder(packages.FOLDER + "/" + name):
        raise CommandError("not_found", "name: there is no package %s" % name)
    if name.lower() in _in_use(board):
        raise CommandError(
            "busy", "package %s is in use by task %s" % (name, board.engine.running.name)
        )
    try:
        packages.remove(name)
    except OSError as error:
        raise CommandError("failed", "package %s can't be removed: %s" % (name, files.why(error)))
    return {"name": name, "tasks": sorted(packages.users(name, board.configuration))}


async def _restart(board: "Board", call: "Call") -> dict:
    async def later() -> None:
        await asyncio.sleep_ms(_RESTART_MS)
        board.boots.planned(restarts.COMMAND, "a client asked for it")
        firmware_update.interrupted()
        board.log.info("restarting: a client asked for it")
        board.upkeep.flush()
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
        lambda: files.recover_all(storage.path(storage.GALLERIES)),
    ):
        try:
            step()
        except OSError:
            pass  # a card that can't be written must not keep the service from running


LONG = {
    "install": _install,
    "packages": _packages,
    "package.remove": _remove,
    "restart": _restart,
}
