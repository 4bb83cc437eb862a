"""A gallery on the card: one file, to which every change is appended, rewritten when much of it is dead.

Power may go off at any step: load() finds the gallery before or after the change. A file that is
damaged is refused, never used in part.
"""

import os

from firmware_app.base import files
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.labels import Gallery, GalleryError

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Iterator

# A file is rewritten when more than half of it, and at least this much, is of removed samples.
_DEAD_BYTES = 262144
_SLICE = 16384  # bytes written between two frames


class GalleryFile:
    """The file of one gallery; gallery is what it holds, after load()."""

    def __init__(self, path: str, ops) -> None:
        self.path = path
        self.gallery: Gallery = None  # type: ignore[assignment]  # load() makes it
        self.note = ""  # what load() had to take back, or empty
        self._ops = ops
        self._crc = 0
        self.size = 0  # bytes
        self.appended = False  # changes follow what was written in one go
        self._torn = False  # something unfinished lies after the last whole change

    async def load(self, dimension: int, sha256: bytes, capacity: int, pause) -> None:
        """Read the gallery; where there is no file, it is empty.

        Raises GalleryError for a damaged file, for another model's, and for one that holds more
        than capacity; OSError. pause: an async function called between records.
        """
        files.recover(self.path)
        gallery = Gallery(self._ops, dimension, sha256, capacity)
        if files.exists(self.path):
            # Room at once for all that the file can hold: no matrix is copied on the way.
            most = os.stat(self.path)[6] // (8 + 4 * dimension)
            gallery.positive.reserve(min(most, capacity))
            with open(self.path, "rb") as file:
                await self._read(file, gallery, pause)
        self.gallery = gallery

    async def _read(self, file, gallery: Gallery, pause) -> None:
        try:
            reader = gallery_format.Reader(file.read)
            check_model(reader, gallery.dimension, gallery.sha256)
            waiting: "list[tuple[int, bytes]]" = []
            while True:
                try:
                    record = reader.record()
                except gallery_format.TornError as error:
                    self._torn = True
                    self.note = "%s: %s" % (self.path, error)
                    break
                if record is None:
                    break
                kind, body, ends = record
                self.appended = kind != gallery_format.END
                waiting.append((kind, body))
                if ends:
                    for change in waiting:
                        gallery.apply(change[0], change[1])
                    waiting = []
                    await pause()
        except GalleryError as error:
            raise GalleryError("%s: %s" % (self.path, error))
        except ValueError as error:
            raise GalleryError("%s is damaged and not used: %s" % (self.path, error))
        self.size = reader.good
        self._crc = reader.good_crc

    async def change(self, changes: "list[tuple[int, bytes]]", pause) -> None:
        """Write changes [(kind, body)...] that count together, then make them in the gallery.

        GalleryError, OSError and MemoryError leave both as they were. The caller sees to it that
        one change runs at a time.
        """
        gallery = self.gallery
        adding = 0
        for kind, body in changes:
            if kind == gallery_format.SAMPLES:
                adding += len(body) // (8 + 4 * gallery.dimension)
        gallery.check_room(adding)
        gallery.positive.reserve(adding)
        gallery.negative.reserve(adding if gallery.negative else 0)
        if self._torn or not self.size:
            await self.rewrite(pause)
        if os.stat(self.path)[6] != self.size:
            raise GalleryError(
                "%s: the file was changed outside the service: restart the task" % self.path
            )
        data, crc = gallery_format.records(changes, self._crc)
        try:
            with open(self.path, "ab") as file:
                files.write(file, data)
                file.flush()  # fsync, on the board
        except OSError:
            self._torn = True
            raise
        self._crc = crc
        self.size += len(data)
        self.appended = True
        for kind, body in changes:
            gallery.apply(kind, body)
        if self.dead() > max(_DEAD_BYTES, self.size // 2):
            try:
                await self.rewrite(pause)
            except (OSError, MemoryError):
                pass  # the change is on the card; the longer file is as good

    def dead(self) -> int:
        """Return how many bytes of the file are of what is no longer there, about."""
        gallery = self.gallery
        alive = len(gallery) * (8 + 4 * gallery.dimension) + gallery.label_count * 40
        return max(0, self.size - alive - gallery_format.HEADER_SIZE)

    async def rewrite(self, pause) -> None:
        """Write the file anew, without anything that was removed."""
        files.recover(self.path)
        folder = self.path.rsplit("/", 1)[0]
        if folder:
            files.make_folders(folder)
        gallery = self.gallery
        size = gallery_format.HEADER_SIZE
        with open(self.path + files.NEW, "wb") as file:
            data = gallery_format.header(gallery.dimension, gallery.sha256)
            files.write(file, data)
            crc = gallery_format.parse_header(data)[2]
            for kind, body in contents(gallery, self._ops):
                data, crc = gallery_format.record(kind, body, crc)
                for at in range(0, len(data), _SLICE):
                    files.write(file, data[at : at + _SLICE])
                    await pause()
                size += len(data)
            file.flush()
        files.put_in_place(self.path)
        self._crc = crc
        self.size = size
        self.appended = False
        self._torn = False

    async def clear(self, pause) -> None:
        """Remove everything, from the file too; OSError leaves all as it was."""
        old = self.gallery
        new = Gallery(self._ops, old.dimension, old.sha256, old.capacity)
        # Numbers are never given twice, so that none means another sample than it did.
        new.next_id = old.next_id
        new.changes = old.changes + 1
        self.gallery = new
        try:
            await self.rewrite(pause)
        except OSError:
            self.gallery = old
            raise

    async def tidy(self, pause) -> None:
        """See to it that the file was written in one go and holds nothing that was removed."""
        if self.appended or self._torn or not self.size:
            await self.rewrite(pause)


def contents(gallery: Gallery, ops) -> "Iterator[tuple[int, bytes]]":
    """Yield the records (kind, body) that make this gallery: labels, then samples by their numbers."""
    for label in gallery.labels():
        yield (
            gallery_format.LABEL,
            gallery_format.label_body(label.number, label.text, label.threshold),
        )
    order: "list[tuple[int, int, int]]" = []
    for samples, flag in ((gallery.positive, 0), (gallery.negative, gallery_format.NEGATIVE)):
        for row in range(len(samples)):
            order.append((samples.ids[row], flag, row))
    order.sort()
    step = gallery_format.samples_per_record(gallery.dimension)
    for start in range(0, len(order), step):
        heads: "list[tuple[int, int, int]]" = []
        vectors: "list[bytes]" = []
        for number, flag, row in order[start : start + step]:
            samples = gallery.negative if flag else gallery.positive
            heads.append((number, samples.owner_of(row), flag))
            vectors.append(ops.float_bytes(samples.table[row]))
        yield gallery_format.SAMPLES, gallery_format.samples_body(heads, b"".join(vectors))
    numbers = [gallery.next_id - 1, len(gallery), gallery.label_count]
    yield gallery_format.END, gallery_format.ids_body(numbers)


def check_model(reader, dimension: int, sha256: bytes) -> None:
    """Refuse the gallery of another embedding model."""
    if reader.sha256 != sha256 or reader.dimension != dimension:
        raise GalleryError(
            "the gallery belongs to another model: expected %d values, kmodel SHA-256 %s..., found %d values, %s..."
            % (dimension, sha256[:6].hex(), reader.dimension, reader.sha256[:6].hex())
        )
