"""The deployment packages on the card: listed, checked, put in place and removed.

A package is a folder in /sdcard/packages. Putting one in place is a rename of its folder; an old one
of the same name is kept beside it under a hidden name until that is done, so that recover() finds
the old or the new package, never neither.
"""

import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError, TaskError
from firmware_app.card.configuration import CONFIGS
from firmware_app.package import dictionary, fit, json_text, kmodel
from firmware_app.package.deploy_fields import PackageError
from firmware_app.package.reader import Files, read_package, resolve
from firmware_app.settings.task_fields import LABELLED

FOLDER = "/sdcard/packages"
_OLD = ".old"  # what another one of the name replaces
_GONE = ".gone"  # what is being removed
_MAX_LISTED = 64
KEYS = ("package", "detection_package", "recognition_package")  # of task YAML


class _Card(Files):
    """Looks again at what does not answer at once: a package that can't be seen is not missing."""

    def names(self, folder: str) -> "list[str]":
        return sorted(files.again(lambda: os.listdir(folder)))

    def is_folder(self, path: str) -> bool:
        return self._is(path, True)

    def is_file(self, path: str) -> bool:
        return self._is(path, False)

    def _is(self, path: str, folder: bool) -> bool:
        try:
            return files.exists(path) and files.is_folder(path) == folder
        except OSError as error:
            raise PackageError("%s: can't be read: %s" % (path, files.why(error)))

    def size(self, path: str) -> int:
        return files.size(path)

    def read(self, path: str) -> bytes:
        return files.read(path, json_text.MAX_SIZE + 1)


_CARD = _Card()


def check(folder: str, task):
    """Return the Package in a folder, its model's header checked against it; PackageError.

    task: what it does, or None for what its files say.
    """
    package = read_package(folder, task, None, _CARD)
    try:
        model = kmodel.read(package.kmodel_path)
        likely = fit.likely_task(package, model)
        if task is None and likely != package.task:
            package = read_package(folder, likely, None, _CARD)
        count = None
        if package.dictionary_path:
            data = files.read(package.dictionary_path, dictionary.MAX_SIZE + 1)
            count = len(dictionary.characters(data, package.dictionary_path))
        if package.categories is not None or package.task not in LABELLED:
            fit.check(package, model, package.categories, count)
        # Without categories the labels come from the task's YAML, and are checked with it.
    except kmodel.KmodelError as error:
        raise PackageError(str(error))
    except OSError as error:
        raise PackageError("%s: a file can't be read: %s" % (folder, error))
    return package


def parts(values) -> tuple:
    """Return (setting, what it must do, None for the task itself) of the packages that a task needs."""
    if values["task"] == "ocr":
        return (("detection_package", "ocr_detection"), ("recognition_package", "ocr_recognition"))
    if values["task"] == "metric_learning" and values["detection_package"]:
        return (("detection_package", "detection"), ("package", "metric_learning"))
    return (("package", None),)


def of_task(values, key: str, task):
    """Return the Package that a task's settings name at key, its model's header checked against them.

    task: what it must do, or None for the settings' task. Raises PackageError, KmodelError, TaskError.
    """
    path = resolve(values[key])
    package = read_package(path, task or values["task"], values.get("head"), _CARD)
    package.labels = values.get("labels") or package.categories or []
    package.characters = None
    if package.task == "ocr_recognition":
        package.characters = _characters(values, package)
    count = len(package.characters) if package.characters is not None else None
    model = kmodel.read(package.kmodel_path)
    blank = values.get("blank")
    fit.check(package, model, package.labels, count, blank)
    if count is not None:
        package.blank_first = fit.blank_is_first(model.outputs[0].shape[2], count, blank)
    return package


def problem_of(values) -> "str | None":
    """Return why a task of these settings can't run with the packages on the card; None: it can."""
    try:
        for key, task in parts(values):
            of_task(values, key, task)
    except (PackageError, kmodel.KmodelError, TaskError, OSError) as error:
        return str(error)
    return None


def _characters(values, package):
    """Return the recogniser's characters, or None where there is no dictionary."""
    path = values["dictionary"]
    path = resolve(path) if path else package.dictionary_path
    if not path:
        return None
    try:
        return dictionary.characters(files.read(path, dictionary.MAX_SIZE + 1), path)
    except OSError:
        raise TaskError("dictionary: expected the file %s, found none" % path)


def misfit(values, name: str, folder: str) -> str:
    """Return why a task's settings could not work with what is in folder as the package name, or nothing."""
    moved = dict(values)
    for key in KEYS + ("dictionary",):
        place = _place(values.get(key))
        if place and place[0] == name.lower():
            moved[key] = "/".join([folder] + place[1:])
    for key, task in parts(values):
        if moved[key] != values[key]:
            try:
                of_task(moved, key, task)
            except (PackageError, kmodel.KmodelError, TaskError) as error:
                return str(error).replace(folder, name)
    return ""


def replaced(package, name: str, task) -> tuple:
    """Return (task, warning) of the package on the card that a new one of its name replaces.

    Both are empty where there is none that can be used, or it is the same model trained again: with
    the same task and labels or, without labels, the same model name. task: what the new one was said
    to do, or None.
    """
    try:
        old = check(FOLDER + "/" + name, task)
    except PackageError:
        return "", ""
    if old.task != package.task:
        return old.task, ""
    if (old.categories or []) != (package.categories or []):
        return "", "it replaces a package with other labels"
    if old.task not in LABELLED and old.name != package.name:
        return "", "it replaces a package with the model %s" % old.name
    return "", ""


def place(folder: str, name: str) -> None:
    """Make the folder, checked before, the package of this name; OSError leaves the old one in place."""
    target = FOLDER + "/" + name
    old = _hidden(name, _OLD)
    files.make_folders(FOLDER)
    _settle(old, target)
    if files.exists(target):
        os.rename(target, old)
    try:
        os.rename(folder, target)
    except OSError:
        _settle(old, target)
        raise
    files.remove_tree(old)


def _settle(old: str, target: str) -> None:
    """Remove what was replaced, or bring it back where nothing came in its place."""
    if files.exists(target):
        files.remove_tree(old)
    elif files.exists(old):
        os.rename(old, target)


def remove(name: str) -> None:
    """Remove a package; OSError where there is none."""
    gone = _hidden(name, _GONE)
    files.remove_tree(gone)
    os.rename(FOLDER + "/" + name, gone)
    files.remove_tree(gone)


def recover() -> None:
    """At start: finish or take back what a power cut left."""
    try:
        names = files.names(FOLDER)
    except OSError:
        return
    for name in names:
        path = FOLDER + "/" + name
        if name[0] == "." and name.endswith(_GONE):
            files.remove_tree(path)
        elif name[0] == "." and name.endswith(_OLD):
            _settle(path, FOLDER + "/" + name[1 : -len(_OLD)])
        elif files.is_folder(path):
            files.recover_all(path, ".txt")  # a dictionary that was pushed by itself


def _hidden(name: str, end: str) -> str:
    return FOLDER + "/." + name + end


def _place(path) -> list:
    """Return [package's name in lower case, folders below it] of a path in FOLDER, [] of another."""
    parts = [part for part in resolve(path).split("/") if part not in ("", ".")] if path else []
    if len(parts) >= 3 and parts[0] == "sdcard" and parts[1].lower() == "packages":
        return [parts[2].lower()] + parts[3:]  # FAT does not tell upper from lower case
    return []


def used_by(values: dict) -> list:
    """Return the names of the packages that a task's settings use."""
    return [_place(values.get(key))[0] for key in KEYS if _place(values.get(key))]


def users(name: str, configuration) -> dict:
    """Return {task's name: its settings} of the tasks on the card that use a package."""
    using: dict = {}
    try:
        names = sorted(files.names(CONFIGS + "/tasks"))
    except OSError:
        return using
    for file in names:
        if file.endswith(".yaml") and file[0] != ".":
            try:
                values = configuration.read_task(file[:-5]).values
                if name.lower() in used_by(values):
                    using[file[:-5]] = values
            except (OSError, ValueError):
                pass  # a YAML that can't be read uses nothing
    return using


async def listed(in_use: list, pause) -> list:
    """Return a map for each package: name, task, model, size (bytes), in_use, problem, warnings; CommandError."""
    try:
        names = sorted(files.names(FOLDER))
    except OSError as error:
        raise CommandError("failed", "the packages can't be listed: %s" % files.why(error))
    rows: list = []
    for name in names:
        path = FOLDER + "/" + name
        if name[0] == "." or not files.is_folder(path) or len(rows) >= _MAX_LISTED:
            continue
        entry = {"name": name, "task": None, "model": None, "size": _size(path), "problem": None}
        entry["in_use"] = name.lower() in in_use
        try:
            package = check(path, None)
            entry["task"] = package.task
            entry["model"] = package.name
            entry["warnings"] = package.warnings
        except PackageError as error:
            entry["problem"] = str(error)
        rows.append(entry)
        await pause()
    return rows


def _size(path: str) -> int:
    if not files.is_folder(path):
        return files.size(path)
    return sum([_size(path + "/" + name) for name in files.names(path)])
