"""What the metric learning tasks share: the gallery in use, the decision, and subscribers to embeddings.

A gallery that can't be used (damaged, another model's) stops no task: results go on without
identities, and `problem` says why.
"""

import asyncio

from firmware_app.base import files, storage
from firmware_app.board import arrays, npu
from firmware_app.gallery import decision
from firmware_app.gallery import file as gallery_file
from firmware_app.package import kmodel

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.gallery.labels import Gallery
    from firmware_app.package.reader import Package

ENDING = ".gallery"
MAX_NAME = 48  # characters

# A picture this dark or this even shows nothing that could be told apart (0...255).
DARK_MEAN = 16.0
EMPTY_DEVIATION = 4.0


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

# Galleries in memory, newest last: a task that replaces another uses the same object, so that
# neither can miss a change of the other.
_loaded: "list[gallery_file.GalleryFile]" = []
_MAX_LOADED = 2

_lock = asyncio.Lock()  # held while a gallery is changed or loaded


def folder() -> str:
    """Return the folder of the galleries that are known by a name."""
    return storage.path(storage.GALLERIES)


def path_of(name: str) -> str:
    """Return the path of a gallery: a name lies in folder(), a path is one from the card's root."""
    return name if name.startswith("/") else "%s/%s%s" % (folder(), name, ENDING)


class Embedding:
    """One embedding: vector (length 1, or None where it has no direction), and where it was found.

    box: (x, y, width, height) or None for the whole picture; class_id, score1000: what the detector
    says; light: (mean, deviation) of the pixels where asked for, else None.
    """

    def __init__(self, vector, box=None, class_id: int = 0, score1000: int = 0) -> None:
        self.vector = vector
        self.box = box
        self.class_id = class_id
        self.score1000 = score1000
        self.light: "tuple[float, float] | None" = None

    def fault(self) -> str:
        """Return why this can't be enrolled, or nothing."""
        if self.light is not None:
            mean, deviation = self.light
            if mean < DARK_MEAN:
                return "too dark (mean brightness %d of 255)" % int(mean)
            if deviation < EMPTY_DEVIATION:
                return "empty (one even colour)"
        if self.vector is None:
            return "without any feature (the embedding is zero or not finite)"
        return ""


class Tap:
    """A subscriber to the embeddings of the next frames, or of one picture."""

    def __init__(self, pictures: bool, region=None) -> None:
        """region: (x, y, width, height) of the camera's frame to look at instead."""
        self.pictures = pictures
        self.region = region
        self.frames: "list[list[Embedding]]" = []  # for each frame what was found
        self.error = ""
        self.news = asyncio.Event()  # a frame came, or none will
        self._scaler: "npu.Scaler | None" = None
        self.tensor: "Any" = None

    def take(self, source, plan, target) -> None:
        """Cut the region out of the frame."""
        try:
            if self._scaler is None:
                self._scaler = npu.Scaler((plan.width, plan.height), target, region=self.region)
            self.tensor = self._scaler.run(source)
        except npu.NpuError as error:
            self.error = str(error)
            self.news.set()

    def give(self, found: list) -> None:
        """Take what a frame or picture showed."""
        self.frames.append(found)
        self.news.set()


class Recognizer:
    """The gallery in use, and the rule by which settings decide."""

    def __init__(self, package: "Package", model: npu.Model) -> None:
        """package, model: of the embedding."""
        self._package = package
        self._model = model
        self.dimension = 0
        self.capacity = 0  # samples that a gallery may hold
        self.file: "gallery_file.GalleryFile | None" = None  # in use
        self.name: "str | None" = None
        self.problem = ""
        self.lock = _lock
        self.incoming: "Any" = None  # a running import, gallery_import.Incoming
        self._taps: "list[Tap]" = []

    @property
    def gallery(self) -> "Gallery | None":
        """The gallery in use, or None."""
        return self.file.gallery if self.file is not None else None

    async def start(self, settings: dict, pause) -> list[str]:
        """Open the gallery that the settings name; return what is to be told about it."""
        size = 1
        for side in kmodel.read(self._package.kmodel_path).outputs[0].shape:
            size *= side
        self.dimension = size
        self.capacity = settings["gallery_capacity"]
        name = settings["gallery"]
        if not name:
            return []
        name = known_name(name)
        try:
            async with self.lock:
                file = await self.open(name, pause)
                self.use(name, file)
        except (ValueError, OSError, MemoryError) as error:
            self.name = name
            self.problem = "gallery %s: %s" % (name, error)
            return []
        return [file.note] if file.note else []

    async def read(self, path: str, pause) -> "gallery_file.GalleryFile":
        """Return the GalleryFile of this path, loaded; GalleryError, OSError, MemoryError."""
        file = gallery_file.GalleryFile(path, arrays)
        await file.load(self.dimension, self._package.sha256, self.capacity, pause)
        return file

    async def open(self, name: str, pause) -> "gallery_file.GalleryFile":
        """Return the GalleryFile of this name (a new one is empty); errors as read()."""
        path = path_of(name)
        for file in _loaded:
            known = file.gallery
            if (
                file.path == path
                and known.sha256 == self._package.sha256
                and known.capacity == self.capacity
            ):
                return file
        return await self.read(path, pause)

    def use(self, name: "str | None", file: "gallery_file.GalleryFile | None") -> None:
        """Let the next decision be made with this gallery; None: with none."""
        if file is not None:
            for old in [known for known in _loaded if known.path == file.path]:
                _loaded.remove(old)
            _loaded.append(file)
            if len(_loaded) > _MAX_LOADED:
                _loaded.pop(0)
        self.file = file
        self.name = name
        self.problem = ""

    def rule(self, settings: dict) -> decision.Rule:
        """Return the rule that a task's settings describe."""
        threshold = settings["confidence_threshold"]
        if threshold is None:
            threshold = self._package.confidence_threshold
        return decision.Rule(
            0.5 if threshold is None else threshold,
            settings["margin"],
            settings["combine"],
            settings["nearest"],
        )

    def decide(self, vector, rule: decision.Rule) -> "decision.Decision | None":
        """Return the Decision about a unit vector (or None), None without a gallery."""
        if self.gallery is None:
            return None
        if vector is None:
            return decision.Decision(None, 0.0, 0.0, decision.NO_DIRECTION, None)
        return self.gallery.decide_unit(vector, rule)

    def left_behind(self) -> int:
        """Return how many bytes a decision leaves outside the heap until the next collection."""
        return self.gallery.positive.product.left_behind if self.gallery is not None else 0

    def wants_embedding(self, wanted: str) -> bool:
        """Return whether results carry the embedding; wanted: the setting `embeddings`."""
        if wanted == "auto":
            return self.gallery is None or not len(self.gallery)
        return wanted == "always"

    # -- who waits

    def add(self, tap: Tap) -> None:
        """Let a tap have what is found from now on."""
        self._taps.append(tap)

    def drop(self, tap: Tap) -> None:
        """Forget a tap."""
        if tap in self._taps:
            self._taps.remove(tap)

    def close(self) -> None:
        """The task is given back: nothing comes for those who wait."""
        for tap in self._taps:
            tap.news.set()

    def take(self, source, plan) -> None:
        """Cut out the regions that clients wait for, while the frame lives."""
        for tap in self._taps:
            if tap.region is not None and not tap.pictures and plan.camera:
                tap.take(source, plan, self._package.img_size)

    def watched(self, plan) -> bool:
        """Return whether anybody waits for a frame of this plan, and so for its light."""
        for tap in self._taps:
            if tap.pictures != plan.camera and tap.region is None:
                return True
        return False

    def deliver(self, embeddings: "list[Embedding]", plan) -> None:
        """Hand over what a frame or picture showed; run the model on the regions."""
        for tap in self._taps:
            if tap.pictures == plan.camera:
                continue
            if tap.region is None:
                tap.give(embeddings)
            elif tap.tensor is not None:
                tensor = tap.tensor
                tap.tensor = None
                embedding = self.embed(tensor)
                embedding.light = npu.light(tensor)
                tap.give([embedding])

    def embed(self, tensor) -> Embedding:
        """Run the embedding model on its input tensor."""
        return Embedding(arrays.unit(arrays.vector(self._model.run(tensor)[0])))


def names() -> "list[str]":
    """Return the names of the galleries on the card, sorted; OSError where its folder can't be read."""
    on_card = files.names(folder())
    # A power cut may have left the file under its old name; reading it puts that right.
    ending = ENDING + files.OLD
    kept = [name[: -len(ending)] for name in on_card if name.endswith(ending)]
    return sorted(set(kept + [name[: -len(ENDING)] for name in on_card if name.endswith(ENDING)]))


def known_name(name: str) -> str:
    """Return a gallery's name as the card has it: FAT takes names that differ in case for one."""
    folded = name.lower()
    try:
        on_card = names()
    except OSError:  # the card knows the file by any case
        return name
    for found in on_card:
        if found.lower() == folded:
            return found
    return name
