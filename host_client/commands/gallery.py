"""Metric learning over the link: enroll, recognize, manage galleries (docs/gallery.md)."""

from __future__ import annotations

from os import PathLike
from typing import Any, TypeVar

from host_client.base.exceptions import CommandFailed, ProtocolError
from host_client.commands.gallery_answers import (
    Enrolment,
    GalleryInfo,
    LabelInfo,
    Recognition,
    Region,
    SampleInfo,
    Suggestion,
)
from host_client.commands.gallery_file import load, read_file
from host_client.commands.pictures import PictureSource
from host_client.commands.requester import Requester
from host_client.link.address import SerialAddress
from host_client.link.calls import Progress
from host_client.results import limits
from host_client.results.answers import Answer

LONG = 600.0  # seconds, for commands that take frames or read all samples
_SLICE = 16384  # bytes of a file in one command
_SERIAL_SLICE = 2048
_MAX_EXPORT = 1 << 28  # bytes; far above a board's capacity
_FRAMES_SLACK = 60.0  # seconds added to the time the board may wait for frames

K = TypeVar("K")
T = TypeVar("T")


class Gallery:
    """The galleries of a board that runs a metric_learning task.

    Every method raises CommandFailed if the board refuses, and the errors of Board.request().
    """

    def __init__(self, board: Requester) -> None:
        """Not for users: see Board.gallery."""
        self._board = board

    async def enroll(
        self,
        label: str,
        picture: PictureSource | None = None,
        *,
        path: str | None = None,
        frames: int = 5,
        region: Region | None = None,
        negative: bool = False,
        seconds: int = 60,
        progress: Progress | None = None,
    ) -> Enrolment:
        """Add samples of a label: from a picture, a picture on the card, or the next good camera frames.

        Args:
            label: any text of at most 200 bytes in UTF-8.
            picture: as for Board.infer(); None: use path or the camera.
            path: path of a picture on the board's card.
            frames: good frames to take, 1...100; one sample each.
            region: (x, y, width, height) of the camera frame in pixels; None: the task's region.
            negative: enroll as negative samples: pictures that must not match this label.
            seconds: give up after this many seconds without enough good frames.
            progress: called about once a second with (good frames, wanted frames, "frames"); for a
                picture with the bytes sent.
        """
        arguments: dict[str, Any] = {"label": label, "negative": negative}
        if picture is not None:
            answer, _ = await self._board.send_picture(
                "enroll", picture, arguments, progress=progress
            )
        elif path is not None:
            arguments["path"] = path
            answer = await self._board.request("enroll", arguments, LONG)
        else:
            arguments.update(frames=frames, seconds=seconds)
            if region is not None:
                arguments["region"] = list(region)
            timeout = seconds + _FRAMES_SLACK
            answer = await self._board.request("enroll", arguments, timeout, progress=progress)
        return Enrolment.from_map(Answer("enroll", answer))

    async def recognize(
        self,
        picture: PictureSource | None = None,
        *,
        path: str | None = None,
        top: int = 5,
        region: Region | None = None,
        seconds: int = 60,
    ) -> Recognition:
        """Match the next frame, a region of it, or a picture; return the `top` best labels."""
        arguments: dict[str, Any] = {"top": top}
        name = None
        if picture is not None:
            answer, name = await self._board.send_picture(
                "recognize", picture, arguments, repeat=True
            )
        elif path is not None:
            name = path
            arguments["path"] = path
            answer = await self._board.request("recognize", arguments, LONG, repeat=True)
        else:
            arguments["seconds"] = seconds
            if region is not None:
                arguments["region"] = list(region)
            timeout = seconds + _FRAMES_SLACK
            answer = await self._board.request("recognize", arguments, timeout, repeat=True)
        return Recognition.from_map(Answer("recognize", answer), name)

    async def list(self) -> GalleryInfo:
        """Return the selected gallery, its labels, and the galleries on the card."""
        labels: dict[str, LabelInfo] = {}
        while True:
            row = await self._ask("gallery.list", repeat=True, offset=len(labels))
            page = row.rows("labels", list, LabelInfo.from_row)
            new = {label.label: label for label in page}
            if not _added("gallery.list", labels, new, row.integer("total_labels")):
                return GalleryInfo.from_map(row, tuple(labels.values()))

    async def show(self, label: str) -> tuple[SampleInfo, ...]:
        """Return the samples of a label."""
        samples: dict[int, SampleInfo] = {}
        while True:
            row = await self._ask("gallery.show", repeat=True, label=label, offset=len(samples))
            page = row.rows("samples", list, SampleInfo.from_row)
            new = {sample.number: sample for sample in page}
            if not _added("gallery.show", samples, new, row.integer("total_samples")):
                return tuple(samples.values())

    async def rename(self, label: str, to: str) -> None:
        """Rename a label."""
        await self._ask("gallery.rename", label=label, to=to)

    async def set_threshold(self, label: str, threshold: float | None) -> None:
        """Set a label's own threshold (cosine 0...1); None removes it."""
        value = None if threshold is None else round(threshold * 10000)
        await self._ask("gallery.threshold", label=label, threshold=value)

    async def remove(self, label: str | None = None, *, sample: int | None = None) -> None:
        """Remove a label with its samples, or one sample. Removing the last sample removes the label."""
        if sample is None:
            await self._ask("gallery.remove", label=label)
        else:
            await self._ask("gallery.remove", sample=sample)

    async def clear(self) -> None:
        """Remove all samples of the selected gallery, also from the card."""
        await self._ask("gallery.clear")

    async def select(self, name: str | None) -> int:
        """Select a gallery; return its number of samples. A new name starts empty; None selects none."""
        row = await self._ask("gallery.select", name=name)
        return row.integer("total_samples")

    async def delete(self, name: str) -> None:
        """Delete a gallery that is not selected from the card."""
        await self._ask("gallery.delete", name=name)

    async def suggest(self, *, progress: Progress | None = None) -> Suggestion:
        """Suggest a threshold from the enrolled samples; return it with the scores behind it.

        progress: called about once a second with (compared samples, all samples, "samples").
        """
        row = await self._ask("gallery.suggest", repeat=True, progress=progress)
        return Suggestion.from_map(row)

    async def export(self, *, progress: Progress | None = None) -> bytes:
        """Return the selected gallery as the bytes of a checked file.

        The download resumes after a lost link.
        """
        try:
            data = (await self._board.get("gallery", {}, LONG, progress)).data
        except CommandFailed as error:
            if error.code != "unknown_command":
                raise
            data = await self._exported(progress)  # the board has no `get`
        read_file(data)
        return data

    async def _exported(self, progress: Progress | None) -> bytes:
        """Return the selected gallery's bytes, slice by slice."""
        data = bytearray()
        changes = None
        while True:
            arguments: dict[str, Any] = {"length": self._slice()}
            if changes is not None:
                arguments["changes"] = changes
            row = await self._ask("gallery.export", repeat=True, offset=len(data), **arguments)
            changes = row.integer("changes")
            part = row.data("data")
            size = row.integer("size", 0, _MAX_EXPORT)
            limits.at_most("gallery.export", "bytes", len(part), arguments["length"])
            data += part
            limits.at_most("gallery.export", "bytes", len(data), size)
            if progress is not None:
                progress(len(data), size, "bytes")
            if len(data) >= size:
                break
            if not part:
                raise ProtocolError("gallery.export: the file ends too early")
        return bytes(data)

    async def import_(
        self,
        source: bytes | str | PathLike[str],
        name: str,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Put an exported gallery (bytes or a file's path) on the card under a name.

        A gallery of that name is replaced once the new file has arrived completely. Returns the
        number of samples. Raises GalleryFileError before anything is sent.
        """
        data = source if isinstance(source, bytes) else load(source)
        read_file(data)
        slice_size = self._slice()
        row = Answer("gallery.import", {})
        for at in range(0, len(data), slice_size):
            part = data[at : at + slice_size]
            row = await self._ask("gallery.import", name=name, size=len(data), offset=at, data=part)
            if progress is not None:
                progress(at + len(part), len(data), "bytes")
        if not row.flag("done"):
            raise ProtocolError("gallery.import: the board expects more data than the file has")
        return row.integer("total_samples")

    def _slice(self) -> int:
        # On a UART small pieces survive noise.
        return _SERIAL_SLICE if isinstance(self._board.address, SerialAddress) else _SLICE

    async def _ask(
        self,
        command: str,
        *,
        repeat: bool = False,
        progress: Progress | None = None,
        **arguments: Any,
    ) -> Answer:
        answer = await self._board.request(
            command, arguments, LONG, progress=progress, repeat=repeat
        )
        return Answer(command, answer)


def remove_target(error: CommandFailed, target: str) -> int | None:
    """Return the sample number that target means (17 or #17), once it is known not to be a label."""
    digits = target[1:] if target.startswith("#") else target
    known = error.code == "not_found" and digits.isascii() and digits.isdigit()
    return int(digits) if known else None


def _added(command: str, rows: dict[K, T], page: dict[K, T], total: int) -> bool:
    """Add a page to the rows; return whether there are more pages; ProtocolError: too many."""
    before = len(rows)
    rows.update(page)
    limits.at_most(command, "rows", len(rows), limits.SAMPLES)
    return before < len(rows) < total
