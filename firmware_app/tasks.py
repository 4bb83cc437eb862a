"""Which room does which task, and how a task is made from its YAML and its packages."""

from firmware_app import kmodel, package
from firmware_app.errors import TaskError
from firmware_app.npu import Model, NpuError


def _class_of(name: str):
    # Imported when asked for: a board that runs one task carries no others in memory.
    if name == "classification":
        from firmware_app.classification import Classification

        return Classification
    raise TaskError("task: %s is not built in" % name)


async def make_task(settings, pause):
    """Return the task that a task YAML describes, its models loaded.

    settings: the validated mapping of configs/tasks/NAME.yaml. pause: an async function called between
    slices of the kmodel's file, so that frames go on meanwhile. Raises TaskError.
    """
    kind = _class_of(settings["task"])
    try:
        packages = []
        models = []
        for key in kind.packages:
            found = package.read_package(settings[key], settings["task"])
            packages.append(found)
            data = await _read(found.kmodel_path, pause)
            models.append(Model(data, found.width, found.height))
        return kind(settings, packages, models)
    except (package.PackageError, kmodel.KmodelError, NpuError) as error:
        raise TaskError(str(error))


_SLICE = 65536


async def _read(path: str, pause):
    """Return the content of a .kmodel, read in slices between frames, its header checked first."""
    size = kmodel.check_file(path)
    data = bytearray(size)
    view = memoryview(data)
    with open(path, "rb") as file:
        at = 0
        while at < size:
            count = file.readinto(view[at : at + _SLICE])
            if not count:
                raise kmodel.KmodelError("%s: expected %d bytes, found %d" % (path, size, at))
            at += count
            await pause()
    return data
