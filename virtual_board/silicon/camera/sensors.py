"""The camera sensors: frames of each channel, what they look like and when they are gone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from board_types import BoardType
from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.base.media import Media, rounded
from virtual_board.silicon.base.server import Operation, StoppedError
from virtual_board.silicon.camera import pixels
from virtual_board.silicon.camera.sources import Frame, Source, SourceError, fit_picture
from virtual_board.silicon.clock.timing import Clock

Pixels = NDArray[np.uint8]

SENSOR_TYPE = 24
NO_FRAME = 3  # snapshot's code where the camera gives none
_LOOK_S = 0.05


@dataclass
class _Channel:
    """One output of a sensor: its picture size and format, and the frame that is out."""

    number: int
    width: int
    height: int
    form: str
    crop: tuple[int, int, int, int] | None
    seen: int = 0
    """The number of the sensor's picture that the channel gave last."""
    picture: Frame | None = None
    frame: Shot | None = None
    given: float = 0.0
    """When it gave its frame (monotonic)."""
    again: bool = False
    """Whether that frame shows what the one before did, or another channel's."""


@dataclass
class Shot:
    """A frame that a script holds: made when it is looked at."""

    number: int
    make: Callable[[], Pixels]
    looks: tuple[Any, ...] | None = None
    """What shots that look the same have in common, where that is known without a look."""
    used: bool = False
    """Whether anybody has looked."""
    content: Pixels | None = field(default=None, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def pixels(self) -> Pixels:
        """Return the frame's bytes as its format lays them out."""
        with self.lock:
            if self.content is None:
                self.content = np.ascontiguousarray(self.make())
            return self.content


@dataclass
class _Sensor:
    width: int
    height: int
    fps: int
    mirror: int = 0
    channels: dict[int, _Channel] = field(default_factory=dict)
    running: bool = False


class Sensors:
    """All cameras of the board; they look at one source, whichever of them a script opens.

    Channels of a sensor see the same pictures: the channel that has seen the newest one moves the
    source on, another gets that newest one.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        limit: int | None,
        on_limit: Callable[[], None],
        on_trouble: Callable[[str], None],
        kind: BoardType,
        media: Media,
        plugged: Callable[[], bool] = lambda: True,
        on_taken: Callable[[int], None] = lambda taken: None,
    ) -> None:
        """plugged: whether a camera is at the connector, asked at each look.

        on_taken: told the number of pictures taken so far, after each.
        """
        self._on_taken = on_taken
        self._source = source
        self._plugged = plugged
        self._clock = clock
        sensor = clock.sensor()
        self._kind = kind
        self._media = media
        media.add(self.memory)
        self._sensor_name = sensor.name
        self._modes = sensor.modes
        self._limit = limit
        self._on_limit = on_limit
        self._on_trouble = on_trouble
        self._lock = threading.Lock()
        self._sensors: dict[int, _Sensor] = {}
        self._numbers = itertools.count(1)
        self._taken = 0
        self._newest: Frame | None = None
        self._stopped = threading.Event()
        self._fetcher = ThreadPoolExecutor(1)
        self._ahead: Future[Frame] | None = None
        self._generation = 0

    def operations(self) -> dict[str, Operation]:
        """Return what the media.sensor stand-in calls."""
        return {
            "camera.default": lambda args, blobs: (self._kind.default_csi, []),
            "camera.modes": self._listed,
            "camera.open": self._open,
            "camera.run": self._run,
            "camera.snapshot": self._snapshot,
            "camera.pixels": self._pixels,
            "camera.stop": self._stop,
        }

    @property
    def taken(self) -> int:
        """How many pictures the source has given."""
        return self._taken

    def memory(self) -> int:
        """Return the bytes of media memory that the channels' buffers take."""
        sensors = list(self._sensors.values())
        return sum(self._pool(each) for one in sensors for each in one.channels.values())

    def _pool(self, channel: _Channel) -> int:
        # sensor.py, _calculate_buffer_size: RGB565 is made of RGB888, grey of YUV 4:2:0.
        halves = 3 if channel.form in ("YUV420SP", "GRAYSCALE") else 6
        return self._kind.buffers * rounded(channel.width * channel.height * halves // 2)

    def reset(self) -> None:
        """The board restarts: no camera is open; the world before the lens goes on."""
        with self._lock:
            self._sensors.clear()
            self._generation += 1

    def close(self) -> None:
        """Let go of the source."""
        self._stopped.set()
        self._fetcher.shutdown(cancel_futures=True)
        self._source.close()

    def shot(self, reference: list[Any]) -> Shot:
        """Return the frame of ["frame", camera, channel, number, …]; NativeFault if it is gone."""
        _, csi, chn, number = reference[:4]
        with self._lock:
            sensor = self._sensors.get(csi)
            channel = sensor.channels.get(chn) if sensor is not None else None
            shot = channel.frame if channel is not None else None
        if shot is None or shot.number != number:
            raise NativeFault(f"frame {number} of channel {chn} was read after it had been freed")
        shot.used = True
        return shot

    # -- operations

    def _name(self, csi: int) -> str:
        return f"{self._sensor_name}_csi{csi}"

    def _listed(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        csi = self._kind.default_csi if args[0] is None else args[0]
        return [self._name(csi), self._modes], []

    def _open(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        csi, width, height, fps = args
        if self._source.missing or csi not in self._kind.csi_ids or not self._plugged():
            return None, []
        mode = min(
            self._modes, key=lambda m: (abs(m[0] - width) + abs(m[1] - height), abs(m[2] - fps))
        )
        with self._lock:
            self._sensors[csi] = _Sensor(*mode)
        return [self._name(csi), SENSOR_TYPE, *mode], []

    def _run(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        csi, mirror, channels = args
        with self._lock:
            sensor = self._sensors[csi]
            sensor.mirror = mirror
            wanted = {
                chn: _Channel(chn, width, height, form, tuple(crop) if crop else None, self._taken)
                for chn, width, height, form, crop in channels
            }
            if not self._media.holds(sum(self._pool(each) for each in wanted.values())):
                return False, []
            sensor.channels = wanted
            sensor.running = True
        self._clock.camera_started(sensor.fps)
        return True, []

    def _stop(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        with self._lock:
            self._sensors.pop(args[0], None)
        return None, []

    def _snapshot(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        csi, chn, timeout_ms = args
        generation = self._generation
        if not self._plugged():
            # vb_mgmt_dump_vicap_frame() waits for a picture that does not come.
            self._stopped.wait(timeout_ms / 1000)
            return [NO_FRAME, 0, 0, 0], []
        with self._lock:
            sensor = self._sensors.get(csi)
            channel = sensor.channels.get(chn) if sensor is not None else None
            if sensor is None or channel is None:
                return [NO_FRAME, 0, 0, 0], []
            again = self._unseen(sensor, channel)
            channel.frame = None
            shown = channel.seen < self._taken  # another channel's picture, not this one's yet
        if shown and not again:
            self._clock.take_from_camera(self._stopped)
        elif not again and not self._advance(timeout_ms, generation):
            return [NO_FRAME, 0, 0, 0], []
        with self._lock:
            if not again:
                channel.picture = self._newest
                channel.seen = self._taken
            channel.again = again or shown  # seen before, here or by way of another channel
            picture = channel.picture
            assert picture is not None
            looks = None
            if self._source.repeats:
                looks = (
                    picture.name,
                    sensor.mirror,
                    channel.width,
                    channel.height,
                    channel.form,
                    channel.crop,
                )
            shot = Shot(next(self._numbers), self._maker(picture, sensor, channel), looks)
            channel.frame = shot
            channel.given = time.monotonic()
        return [0, shot.number, channel.width, channel.height], []

    def _unseen(self, sensor: _Sensor, channel: _Channel) -> bool:
        """Say whether the channel's picture comes once more: it was not looked at yet.

        Who gives a frame back because it has waited wants a newer one, and on the board's clock
        there is one. Without that clock the next picture comes when it is asked for, not later:
        a picture would be lost that was never seen. Once, so that scripts that look at none get on.
        """
        frame = channel.frame
        if frame is None or frame.used or channel.again or self._clock.paced or self._source.live:
            return False
        return time.monotonic() - channel.given > 1 / sensor.fps

    def _advance(self, timeout_ms: int, generation: int) -> bool:
        """Take the next picture off the source; False when the camera gives none in time."""
        if self._limit is not None and self._taken >= self._limit:
            self._on_limit()
            while not self._stopped.wait(_LOOK_S):  # no answer: the board is about to be off
                if self._generation != generation:
                    break
            raise StoppedError
        if not self._clock.wait_for_camera(timeout_ms, self._stopped):
            return False
        try:
            picture = self._next_picture()
        except SourceError as error:
            self._on_trouble(str(error))
            return False
        with self._lock:
            self._newest = picture
            self._taken += 1
        self._on_taken(self._taken)
        return True

    def _next_picture(self) -> Frame:
        """Return the next picture; on the board's clock it is fetched while the board works."""
        if not self._clock.paced:
            return self._source.next()
        waiting = self._ahead or self._fetcher.submit(self._source.next)
        try:
            return waiting.result()
        finally:
            self._ahead = self._fetcher.submit(self._source.next)

    def _maker(self, picture: Frame, sensor: _Sensor, channel: _Channel) -> Callable[[], Pixels]:
        mirror, crop = sensor.mirror, channel.crop
        acquired = sensor.width, sensor.height

        def make() -> Pixels:
            size = acquired if crop is not None else (channel.width, channel.height)
            rgb = self._source.fitted(picture, *size)
            rgb = pixels.orient(rgb, hmirror=bool(mirror & 1), vflip=bool(mirror & 2), crop=crop)
            if crop is not None:
                rgb = fit_picture(
                    np.ascontiguousarray(rgb), channel.width, channel.height, "stretch"
                )
            return pixels.encode(rgb, channel.form)

        return make

    def _pixels(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        return None, [self.shot(args).pixels().reshape(-1).data]

    def picture(self, reference: list[Any]) -> tuple[str, Shot, int, int]:
        """Return (format, frame, width, height) of a reference."""
        shot = self.shot(reference)
        shot.looks = None  # the caller may draw on it
        channel = self._sensors[reference[1]].channels[reference[2]]
        return channel.form, shot, channel.width, channel.height
