"""The camera: a thread waits for frames, the event loop uses them.

snapshot() frees the channel's previous frame, so thread and loop pass one frame back and forth:
the thread takes the next only after release(), and the loop touches none after it. For tasks that
need a frame to the end (`alternate`) the thread takes turns between two channels: there, the frame
that was released last lives until the next release(), and its successor is captured meanwhile. The
threads share the slots made in __init__ and nothing that grows.
"""

import _thread
import time

from media.sensor import Sensor

from firmware_app.base.errors import CameraError
from firmware_app.board import vendor

CHANNEL = 2  # the vendor's channel for AI frames
_OTHER = 0  # takes turns with it
PREVIEW = 1
_MAX_FAILURES = 3  # failed snapshots in a row before the sensor is set up anew
_PREVIEW_MS = 200
_USUAL_FPS = 30  # what every sensor makes at 1920 x 1080
_HAND_OVERS = 3  # of 40 us at most: some hundred bytecodes, from the lock to the driver's wait
_HAND_OVER_US = 40


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class Camera:
    """One sensor, one channel of RGB planes for the AI, at most one frame in hand."""

    def __init__(self, settings: "dict[str, Any]", preview: "dict[str, Any] | None" = None) -> None:
        """settings: the `camera` section of service.yaml; preview: the section of that name, where wanted."""
        self._settings = settings
        self._preview = preview
        self.width = settings["width"]
        self.height = settings["height"]
        self.period_us = 1000000 // settings["fps"]
        self.warning = ""  # what the sensor can't do, or empty
        self._sensor: Sensor = None  # type: ignore[assignment]  # between start() and stop()
        self._go = _thread.allocate_lock()  # held by the loop while it uses a frame
        self._go.acquire()
        self._running = False
        self._stopped = True
        self._taken = False
        self._asking = False  # the thread is in the driver: nothing lies between this and its call
        self.alternate = False  # written by the loop before it releases a frame
        self._channel = CHANNEL  # of the last frame
        # What the thread hands over; ready is written last.
        self.ready = False
        self.frame: "Any" = None  # an image of the vendor's
        self.ticks = 0  # time.ticks_us() when the frame was captured, to a period
        self.seq = 0
        self.problem = ""  # why there are no frames, or empty; the loop passes it on
        # (quality, answer) of the last preview, where the rate is limited
        self.kept_preview: "tuple[int, dict] | None" = None
        self.failures = 0
        self.least_us = 0  # what snapshot() takes where it need not wait
        # The loop's own.
        self.skipped = 0  # frames that the sensor made and nobody took, estimated
        self._last: "int | None" = None  # when the frame before was captured
        self._carry = 0

    def start(self) -> None:
        """Set the sensor up and begin to take frames; CameraError says what is wrong."""
        self._open()
        self._running = True
        self._stopped = False
        self.ready = False
        self._taken = False
        self._last = None
        self._carry = 0
        _thread.start_new_thread(self._loop, ())
        self._go.release()

    def _open(self) -> None:
        settings = self._settings
        options: "dict[str, int]" = {"fps": settings["fps"]}
        if settings["csi_id"] is not None:
            options["id"] = settings["csi_id"]
        try:
            options.update(self._mode())
            sensor = Sensor(**options)
            sensor.reset()
            for channel in (CHANNEL, _OTHER):
                sensor.set_framesize(width=self.width, height=self.height, chn=channel)
                sensor.set_pixformat(Sensor.RGBP888, chn=channel)
            if self._preview is not None:
                # RGB565: what the board's JPEG encoder takes as it is. It garbles the planes and
                # the YUV of the other channels.
                sensor.set_framesize(
                    width=self._preview["width"], height=self._preview["height"], chn=PREVIEW
                )
                sensor.set_pixformat(Sensor.RGB565, chn=PREVIEW)
            sensor.set_hmirror(settings["hmirror"])
            sensor.set_vflip(settings["vflip"])
            sensor.run()
        except Exception as error:
            raise vendor.failed(CameraError, "the sensor can't be set up", error)
        self._sensor = sensor

    def _mode(self) -> "dict[str, int]":
        """Return the sensor's mode to ask for, empty for the one that the firmware takes by itself.

        That is the one nearest to 1920 x 1080, however slow: another is asked for by its size.
        """
        fps = self._settings["fps"]
        if fps <= _USUAL_FPS or not hasattr(Sensor, "list_mode"):
            return {}
        csi_id = self._settings["csi_id"]
        try:
            listed = Sensor.list_mode() if csi_id is None else Sensor.list_mode(id=csi_id)
        except Exception as error:
            vendor.passed_on(error)  # else: the mode that the firmware takes by itself
            return {}
        if not listed or not listed[1]:
            return {}
        modes = [(mode["width"], mode["height"], mode["fps"]) for mode in listed[1]]
        near = [abs(mode[0] - 1920) + abs(mode[1] - 1080) for mode in modes]
        likely = [mode for mode, off in zip(modes, near) if off == min(near)]
        best = min([(abs(mode[2] - fps), mode) for mode in likely])[1]
        asked: "dict[str, int]" = {}
        if best[2] < fps:
            fast = [
                (mode[0] * mode[1], mode)
                for mode in modes
                if mode[2] > best[2] and mode[0] >= self.width and mode[1] >= self.height
            ]
            # The largest of the fast enough, else the fastest.
            enough = [item for item in fast if item[1][2] >= fps]
            if enough:
                best = max(enough)[1]
            elif fast:
                best = max([(item[1][2], item[1]) for item in fast])[1]
            asked = {"width": best[0], "height": best[1]} if fast else {}
        self.warning = ""
        if best[2] < fps:
            self.warning = (
                "camera.fps: expected at most %d, which the sensor makes at %d x %d, found %d"
                % (best[2], self.width, self.height, fps)
            )
        self.period_us = 1000000 // best[2]
        return asked

    def _loop(self) -> None:
        # Two to three frame periods: a dead sensor is noticed soon, a slow one is not given up.
        timeout = max(100, 3000 // self._settings["fps"])
        while self._running:
            self._go.acquire()
            if not self._running:
                break
            # The other one than the last frame's, again after a failure: that frame is in use.
            channel = _OTHER if self.alternate and self._channel == CHANNEL else CHANNEL
            try:
                if channel != self._channel:
                    # Both channels get each picture of the sensor: this one may be the last frame's.
                    self._sensor.snapshot(chn=channel, timeout=timeout)
                start = time.ticks_us()
                self._asking = True
                self.frame = self._sensor.snapshot(chn=channel, timeout=timeout)
            except Exception as error:  # the IDE's interrupt reaches the main thread only
                self._asking = False
                self.frame = None
                self.problem = "the camera gives no frames: %s" % vendor.reason(error)
                self.failures += 1
                if self._running:
                    time.sleep_ms(20)
                    self._go.release()  # the loop has nothing in hand: try again
                continue
            self._asking = False
            now = time.ticks_us()
            waited = time.ticks_diff(now, start)
            if not 0 < self.least_us < waited:
                self.least_us = waited
            # A thread gets no further than snapshot() while the interpreter is held for an
            # inference: a frame that seems to have taken more than a period was there long before.
            self.ticks = now if waited <= self.period_us + self.least_us else start
            self._channel = channel
            self.seq += 1
            self.problem = ""
            self.failures = 0
            self.ready = True
        self._stopped = True

    def take(self):
        """Return the frame that is ready (an image), or None. Give it back with release()."""
        if not self.ready or self._taken:
            return None
        self._taken = True
        self._count()
        return self.frame

    def _count(self) -> None:
        # The board doesn't number its frames: time tells how many there were since the last.
        if self._last is not None:
            passed = self._carry + time.ticks_diff(self.ticks, self._last)
            frames = max(1, (passed + self.period_us // 2) // self.period_us)
            self.skipped += frames - 1
            # A steady camera's error must not add up, a slow loop's fractions must.
            rest = passed - frames * self.period_us
            self._carry = 0 if abs(rest) < self.period_us // 32 else rest
        self._last = self.ticks

    @property
    def captured(self) -> int:
        """Frames that the sensor made since the start, estimated."""
        return self.seq + self.skipped

    def release(self) -> None:
        """Let the thread take the next frame; the one in hand is dead from now on.

        With `alternate` it dies at the next release().
        """
        self.frame = None
        self.ready = False
        self._taken = False
        self._go.release()

    def hand_over(self) -> None:
        """Let the thread have the interpreter until it waits for the camera.

        An inference holds the interpreter: whoever is not in the driver by then gets there after it.
        """
        for _ in range(_HAND_OVERS):
            if self.ready or self._asking:
                return
            time.sleep_us(_HAND_OVER_US)

    def left_us(self) -> int:
        """Return how long the next frame will be in coming, as far as known; 0 where one is ready."""
        if self.ready or self._last is None:
            return 0
        passed = time.ticks_diff(time.ticks_us(), self._last)
        return max(0, self.period_us - passed)

    def age_us(self) -> int:
        """Return how long ago the frame that is ready was captured."""
        return time.ticks_diff(time.ticks_us(), self.ticks)

    def preview(self, quality: int) -> bytes:
        """Return the newest picture of the preview channel as JPEG; CameraError where there is none.

        Waits for the channel, a frame period as a rule; encoding holds the interpreter.
        """
        if self._preview is None or self._sensor is None:
            raise CameraError("the preview channel is not open (preview.enabled)")
        try:
            picture = self._sensor.snapshot(chn=PREVIEW, timeout=_PREVIEW_MS)
            return bytes(picture.to_jpeg(quality=quality).bytearray())
        except Exception as error:
            raise vendor.failed(CameraError, "no preview picture", error)

    @property
    def broken(self) -> bool:
        """Whether so many snapshots failed in a row that the sensor needs a restart."""
        return self.failures >= _MAX_FAILURES

    def give_up(self, problem: str) -> None:
        """Count as broken: whoever uses the camera sets it up again."""
        self.problem = problem
        self.failures = _MAX_FAILURES

    def stop(self) -> None:
        """Stop the thread and the sensor."""
        if self._running:
            self._running = False
            if self._go.locked():
                self._go.release()
            for _ in range(200):
                if self._stopped:
                    break
                time.sleep_ms(10)
        self.frame = None
        self.ready = False
        if self._sensor is not None:
            try:
                self._sensor.stop()
            except Exception as error:
                vendor.passed_on(error)  # else: it is given up anyway
            self._sensor = None  # type: ignore[assignment]
        if not self._go.locked():
            self._go.acquire()
