"""host_client.sync's Gallery: the same without await."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from os import PathLike
from typing import Any, TypeVar

from host_client.commands import gallery as _async
from host_client.commands.gallery import (
    Enrolment,
    GalleryInfo,
    Recognition,
    Region,
    SampleInfo,
    Suggestion,
)
from host_client.commands.pictures import PictureSource
from host_client.link.calls import Progress

T = TypeVar("T")


class Gallery:
    """The galleries of a board; see host_client.commands.gallery.Gallery."""

    def __init__(self, gallery: _async.Gallery, run: Callable[[Coroutine[Any, Any, Any]], Any]):
        """Not for users: see host_client.sync.Board.gallery."""
        self._gallery = gallery
        self._run = run

    def enroll(
        self,
        label: str,
        picture: PictureSource | None = None,
        *,
        path: str | None = None,
        count: int = 5,
        region: Region | None = None,
        negative: bool = False,
        seconds: int = 60,
        progress: Progress | None = None,
    ) -> Enrolment:
        """Add samples of a label."""
        work = self._gallery.enroll(
            label,
            picture,
            path=path,
            count=count,
            region=region,
            negative=negative,
            seconds=seconds,
            progress=progress,
        )
        return self._do(work)

    def recognize(
        self,
        picture: PictureSource | None = None,
        *,
        path: str | None = None,
        top: int = 5,
        region: Region | None = None,
        seconds: int = 60,
    ) -> Recognition:
        """Return the best labels for the next frame or a picture."""
        return self._do(
            self._gallery.recognize(picture, path=path, top=top, region=region, seconds=seconds)
        )

    def list(self) -> GalleryInfo:
        """Return the gallery in use, its labels, and the galleries on the card."""
        return self._do(self._gallery.list())

    def show(self, label: str) -> tuple[SampleInfo, ...]:
        """Return the samples of a label."""
        return self._do(self._gallery.show(label))

    def rename(self, label: str, to: str) -> None:
        """Give a label another text."""
        self._do(self._gallery.rename(label, to))

    def set_threshold(self, label: str, threshold: float | None) -> None:
        """Give a label its own threshold, or none."""
        self._do(self._gallery.set_threshold(label, threshold))

    def remove(self, label: str | None = None, *, sample: int | None = None) -> None:
        """Remove a label with its samples, or one sample."""
        self._do(self._gallery.remove(label, sample=sample))

    def clear(self) -> None:
        """Remove everything from the gallery in use."""
        self._do(self._gallery.clear())

    def select(self, name: str | None) -> int:
        """Use another gallery; return its samples."""
        return self._do(self._gallery.select(name))

    def delete(self, name: str) -> None:
        """Remove a gallery that is not in use from the card."""
        self._do(self._gallery.delete(name))

    def suggest(self, *, progress: Progress | None = None) -> Suggestion:
        """Return a threshold from what is enrolled."""
        return self._do(self._gallery.suggest(progress=progress))

    def export(self, *, progress: Progress | None = None) -> bytes:
        """Return the gallery in use as a file."""
        return self._do(self._gallery.export(progress=progress))

    def import_(
        self, source: bytes | str | PathLike[str], name: str, *, progress: Progress | None = None
    ) -> int:
        """Put an exported gallery on the card under a name."""
        return self._do(self._gallery.import_(source, name, progress=progress))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self._run(work)
        return result
