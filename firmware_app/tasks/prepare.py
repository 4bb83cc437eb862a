"""Which room does which task, and how a task is made from its YAML and its packages."""

import hashlib

from firmware_app.base.errors import TaskError
from firmware_app.board import arrays, memory
from firmware_app.board.npu import Model, NpuError
from firmware_app.card import packages
from firmware_app.card.boots import mark
from firmware_app.package import footprint, kmodel
from firmware_app.package.deploy_fields import PackageError

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.reader import Package
    from firmware_app.tasks.base import Task

_SLICE = 65536  # bytes of a .kmodel read between two frames


def _class_of(settings: dict) -> "type[Task]":
    name = settings["task"]
    # Imported when asked for: a board that runs one task carries no others in memory.
    if name == "classification":
        from firmware_app.tasks.classification import Classification

        return Classification
    if name == "detection":
        from firmware_app.tasks.detection import Detection

        return Detection
    if name == "segmentation":
        from firmware_app.tasks.segmentation import Segmentation

        return Segmentation
    if name == "instance_segmentation":
        from firmware_app.tasks.instance_segmentation import InstanceSegmentation

        return InstanceSegmentation
    if name == "pose":
        from firmware_app.tasks.pose import Pose

        return Pose
    if name == "oriented_detection":
        from firmware_app.tasks.oriented_detection import OrientedDetection

        return OrientedDetection
    if name == "multilabel":
        from firmware_app.tasks.multilabel import Multilabel

        return Multilabel
    if name == "metric_learning" and settings["detection_package"]:
        from firmware_app.tasks.identities import Identities

        return Identities
    if name == "metric_learning":
        from firmware_app.tasks.metric_learning import MetricLearning

        return MetricLearning
    if name == "ocr_detection":
        from firmware_app.tasks.ocr_detection import OcrDetection

        return OcrDetection
    if name == "ocr_recognition":
        from firmware_app.tasks.ocr_recognition import OcrRecognition

        return OcrRecognition
    from firmware_app.tasks.ocr import Ocr

    return Ocr


class Prepared:
    """A task that was read and checked; its models wait to be loaded."""

    def __init__(self, kind: "type[Task]", settings: dict) -> None:
        self._kind = kind
        self._settings = settings
        self._packages: "list[Package]" = []
        self._data: list = []  # contents of the .kmodel files, or paths
        self.footprints: list = []  # of them
        self._choices: list = []  # what is done in another way, for want of memory

    async def read(self, pause) -> None:
        """Read and check everything that can be without the KPU."""
        settings = self._settings
        for key, task in packages.parts(settings):
            if not settings[key]:
                raise TaskError(
                    "%s: expected the folder of a deployment package, found nothing" % key
                )
            self._packages.append(packages.of_task(settings, key, task))
        self.footprints = [footprint.read(package.kmodel_path) for package in self._packages]
        try:
            memory.could_hold(self.footprints)
        except memory.MemoryShort as error:
            raise TaskError("%s: %s" % (self._packages[0].name, error))
        for package, needs in zip(self._packages, self.footprints):
            data, package.sha256 = await _read(package.kmodel_path, pause)
            self._data.append(data)
            if isinstance(data, str):
                self._choices.append(
                    "%s is loaded by its path: the memory does not hold its %d kB"
                    % (package.name, needs.size // 1024)
                )

    def mark(self) -> str:
        """Return what stands for the packages as they are."""
        return mark([package.__dict__ for package in self._packages])

    async def load(self, pause) -> "Task":
        """Load the models and return the task; may be called again after a MemoryError.

        Raises memory.MemoryShort before the first one is loaded where they do not fit.
        """
        models: "list[Model]" = []
        try:
            memory.need_models(self.footprints)
            for package, data, needs in zip(self._packages, self._data, self.footprints):
                width, height = package.img_size
                models.append(Model(data, width, height, needs))
                await pause()
            task = self._kind(self._packages, models)
            task.mark = self.mark()
            task.warnings = task.warnings + self._choices
            await task.prepare(self._settings, pause)
            return task
        except (PackageError, NpuError) as error:
            _give_back(models)
            raise TaskError(str(error))
        except Exception:
            _give_back(models)
            raise


async def prepare_task(settings: dict, pause) -> Prepared:
    """Read and check the task that a task YAML describes.

    settings: the checked values of configs/tasks/NAME.yaml. pause: an async function called between
    slices of a .kmodel's file, so that frames go on meanwhile. Raises TaskError, OSError, MemoryError.
    """
    prepared = Prepared(_class_of(settings), settings)
    try:
        await prepared.read(pause)
    except (PackageError, kmodel.KmodelError) as error:
        raise TaskError(str(error))
    return prepared


def _give_back(models: "list[Model]") -> None:
    for model in models:
        model.release()


async def _read(path: str, pause):
    """Return (content, SHA-256) of a .kmodel, read in slices between frames.

    In place of the content its path, where the memory does not hold it: the KPU reads it by itself.
    """
    size = kmodel.read(path).size
    digest = hashlib.sha256()
    if not memory.holds_file(size):
        return await _look_through(path, size, digest, pause), digest.digest()
    # Not in the heap: each collection would look for pointers in megabytes of weights.
    data = arrays.buffer(size)
    view = memoryview(data)
    with open(path, "rb") as file:
        at = 0
        while at < size:
            count = file.readinto(view[at : at + _SLICE])
            if not count:
                raise TaskError("%s: expected %d bytes, found %d" % (path, size, at))
            digest.update(view[at : at + count])
            at += count
            await pause()
    return data, digest.digest()


async def _look_through(path: str, size: int, digest, pause) -> str:
    """Read a file for its digest alone; return its path."""
    part = bytearray(_SLICE)
    view = memoryview(part)
    with open(path, "rb") as file:
        at = 0
        while at < size:
            count = file.readinto(part)
            if not count:
                raise TaskError("%s: expected %d bytes, found %d" % (path, size, at))
            digest.update(view[:count])
            at += count
            await pause()
    return path
