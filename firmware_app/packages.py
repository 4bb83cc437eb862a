"""The deployment packages on the card: listed, checked, put in place and removed.

A package is a folder in /sdcard/packages. Putting one in place is a rename of its folder; an old one
of the same name is kept beside it under a hidden name until that is done, so that recover() finds
the old or the new package, never neither.
"""

import os

from firmware_app import dictionary, files, fit, kmodel
from firmware_app.configuration import CONFIGS
from firmware_app.deploy_fields import PackageError
from firmware_app.package import read_package, resolve

FOLDER = "/sdcard/packages"
_OLD = ".old"  # what another one of the name replaces
_GONE = ".gone"  # what is being removed
_MAX_LISTED = 64
KEYS = ("package", "detection_package", "recognition_package")  # of task YAML


def check(folder: str, task):
    """Return the Package in a folder, its model's header checked against it; PackageError.

    task: what it does, or None for what its files say.
    """
    package = read_package(folder, task)
    try:
        model = kmodel.read(package.kmodel_path)
        likely = fit.likely_task(package, model)
        if task is None and likely != package.task:
            package = read_package(folder, likely)
        count = None
        if package.dictionary_path:
            with open(package.dictionary_path, "rb") as file:
                data = file.read(dictionary.MAX_SIZE + 1)
            count = len(dictionary.characters(data, package.dictionary_path))
        labelled = package.task in ("classification", "detection", "segmentation", "multilabel")
        if package.categories is not None or not labelled:
            fit.check(package, model, package.categories, count)
        # Without categories the labels come from the task's YAML, and are checked with it.
    except kmodel.KmodelError as error:
        raise PackageError(str(error))
    except OSError as error:
        raise PackageError("%s: a file can't be read: %s" % (folder, error))
    return package


def place(folder: str, name: str) -> None:
    """Make the folder, checked before, the package of this name; OSError."""
    target = FOLDER + "/" + name
    old = _hidden(name, _OLD)
    files.make_folders(FOLDER)
    files.remove_tree(old)
    if files.exists(target):
        os.rename(target, old)
    os.rename(folder, target)
    files.remove_tree(old)


def remove(name: str) -> None:
    """Remove a package; OSError where there is none."""
    gone = _hidden(name, _GONE)
    files.remove_tree(gone)
    os.rename(FOLDER + "/" + name, gone)
    files.remove_tree(gone)


def recover() -> None:
    """At start: finish or take back what a power cut left."""
    try:
        names = os.listdir(FOLDER)
    except OSError:
        return
    for name in names:
        path = FOLDER + "/" + name
        if name[0] == "." and name.endswith(_GONE):
            files.remove_tree(path)
        elif name[0] == "." and name.endswith(_OLD):
            target = FOLDER + "/" + name[1 : -len(_OLD)]
            if files.exists(target):
                files.remove_tree(path)
            else:
                os.rename(path, target)


def _hidden(name: str, end: str) -> str:
    return FOLDER + "/." + name + end


def used_by(values: dict) -> list:
    """Return the names of the packages that a task's settings use."""
    found: list = []
    for key in KEYS:
        path = values.get(key)
        if path:
            parts = [part for part in resolve(path).split("/") if part not in ("", ".")]
            if len(parts) >= 3 and parts[0] == "sdcard" and parts[1].lower() == "packages":
                found.append(parts[2].lower())  # FAT does not tell upper from lower case
    return found


def tasks_with(name: str, configuration) -> list:
    """Return the names of the tasks on the card that use a package."""
    found: list = []
    try:
        names = sorted(os.listdir(CONFIGS + "/tasks"))
    except OSError:
        return found
    for each in names:
        if each.endswith(".yaml") and each[0] != ".":
            try:
                if name.lower() in used_by(configuration.read_task(each[:-5]).values):
                    found.append(each[:-5])
            except (OSError, ValueError):
                pass  # a YAML that can't be read uses nothing
    return found


async def listed(in_use: list, pause) -> list:
    """Return a map for each package: name, task, model, size (bytes), in_use, problem."""
    try:
        names = sorted(os.listdir(FOLDER))
    except OSError:
        names = []
    found: list = []
    for name in names:
        path = FOLDER + "/" + name
        if name[0] == "." or not files.is_folder(path) or len(found) >= _MAX_LISTED:
            continue
        entry = {"name": name, "task": None, "model": None, "size": _size(path), "problem": None}
        entry["in_use"] = name.lower() in in_use
        try:
            package = check(path, None)
            entry["task"] = package.task
            entry["model"] = package.name
        except PackageError as error:
            entry["problem"] = str(error)
        found.append(entry)
        await pause()
    return found


def _size(path: str) -> int:
    if not files.is_folder(path):
        return os.stat(path)[6]
    return sum([_size(path + "/" + name) for name in os.listdir(path)])
