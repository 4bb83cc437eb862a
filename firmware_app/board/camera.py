"""The camera: a thread waits for frames, the event loop uses them.

snapshot() frees the channel's previous frame, so thread and loop pass one frame back and forth:
the thread takes the next only after release(), and the loop touches none after it. For tasks that
need a frame to the end (`alternate`) the thread takes turns between two channels: there, the frame
that was released last lives until the next release(), and its successor is captured meanwhile. The
threads share the slots made in __init__ and nothing that grows.

One thread serves for good, however often the sensor is set up: 64 kB stay for each thread that ended
(Stars1233/canmv_k230 port/core/mpthreadport.c, 272), and what waits in a lock hears of no reset
(mpthreadport.c, 332). So close() lets it go before anybody gets the REPL.
"""

import _thread
import time

from firmware_app.base.errors import CameraError
from firmware_app.board import vendor
from firmware_app.board.sensor import CHANNEL, OTHER, PREVIEW, Setup

_MAX_FAILURES = 3  # waits without a frame, in a row, before the sensor is set up anew
_PREVIEW_MS = 200
_SLICE_MS = 250  # of one call into the driver: a request to stop the thread waits no longer
_AGAIN_MS = 3  # after a snapshot that ended before its time
_CLOSE_MS = 800  # for the thread to end
_LOOK_MS = 5

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class Camera:
    """One sensor, one channel of RGB planes for the AI, at most one frame in hand."""

    def __init__(self, settings: "dict[str, Any]", preview: "dict[str, Any] | None" = None) -> None:
        """settings: the `camera` section of service.yaml; preview: the section of that name, where wanted."""
        # (quality, answer) of the last preview, where the rate is limited
        self.kept_preview: "tuple[int, dict] | None" = None
        self.configure(settings, preview)
        self.warning = ""  # what the sensor can't do, or empty
        self.choice = ""  # what the memory does not hold, and what is used in its place, or empty
        self.channels = 2  # that take turns, where the task wants that
        self._setup: "Setup | None" = None  # between start() and stop()
        self._go = _thread.allocate_lock()  # free: the thread may take a frame
        self._go.acquire()
        self._gone = _thread.allocate_lock()  # free for a moment: it is on its way into the driver
        self._gone.acquire()
        self._awaited = False  # a caller waits for that
        self._alive = False  # there is a thread
        self._leaving = False  # it is to end
        self._running = False  # it is to take frames
        self._parked = True  # it touches no sensor before it sees that it is to take frames
        self._taken = False
        self.alternate = False  # written by the loop before it releases a frame
        self._channel = CHANNEL  # of the last frame
        # What the thread hands over; ready is written last.
        self.ready = False
        self.frame: "Any" = None  # an image of the vendor's
        self.ticks = 0  # time.ticks_us() when the frame was captured, to a period
        self.seq = 0
        self.problem = ""  # why there are no frames, or empty; the loop passes it on
        self.failures = 0
        # So many waits in a row brought nothing that the sensor must be set up anew. (No property: in a class
        # that has one, MicroPython looks for one at each store.)
        self.broken = False
        self.least_us = 0  # what snapshot() takes where it need not wait
        # The loop's own.
        self.skipped = 0  # frames that the sensor made and that were not taken, estimated
        self._last: "int | None" = None  # when the frame before was captured
        self._carry = 0

    def configure(self, settings: "dict[str, Any]", preview: "dict[str, Any] | None") -> None:
        """Let start() set the sensor up like this; arguments as of Camera."""
        self.settings = settings
        self.preview_settings = preview
        self.width = settings["width"]
        self.height = settings["height"]
        self.period_us = 1000000 // settings["fps"]
        # Two to three frame periods: a dead sensor is noticed soon, a slow one is not given up.
        self._patience_ms = max(100, 3000 // settings["fps"])
        self.kept_preview = None

    def differs(self, settings: "dict[str, Any]", preview: "dict[str, Any] | None") -> bool:
        """Return whether the sensor must be set up anew for these settings."""
        if settings != self.settings:
            return True
        mine = self.preview_settings
        if preview is None or mine is None:
            return preview is not mine
        return (preview["width"], preview["height"]) != (mine["width"], mine["height"])

    def start(self) -> None:
        """Set the sensor up and begin to take frames; CameraError says what is wrong."""
        setup = Setup(self.settings, self.preview_settings, self.alternate)
        self.width = setup.layout.width
        self.height = setup.layout.height
        self.channels = 2 if setup.layout.second else 1
        self.choice = setup.layout.choice
        self.period_us = setup.period_us
        self.warning = setup.warning
        self.ready = False
        self._taken = False
        self._last = None
        self._carry = 0
        self.failures = 0
        self.broken = False
        self._channel = CHANNEL
        self._leaving = False
        if not self._alive:
            self._alive = True
            try:
                _thread.start_new_thread(self._loop, ())
            except Exception as error:
                self._alive = False
                setup.give_back()
                raise vendor.failed(CameraError, "the camera's thread can't be started", error)
        self._setup = setup
        self._running = True
        self._let()

    def _let(self) -> None:
        """Let the thread pass once; only the loop does, so that no free lock is released."""
        if self._go.locked():
            self._go.release()

    # -- the camera's thread

    def _loop(self) -> None:
        try:
            while True:
                self._parked = True
                self._go.acquire()
                self._parked = False
                if self._leaving:
                    break
                while self._running and not self._capture():
                    pass
                self._depart()
        except Exception as error:
            self.give_up("the camera's thread ended: %s" % vendor.reason(error))
        finally:
            self._alive = False
            self._parked = True
            self._depart()

    def _depart(self) -> None:
        # The loop waits for this thread to be on its way, and never for nothing.
        if self._awaited:
            self._awaited = False
            if self._gone.locked():
                self._gone.release()

    def _capture(self) -> bool:
        """Take a frame; return whether the loop has its turn, False to try again."""
        # The other one than the last frame's, again after a failure: that frame is in use.
        turns = self.alternate and self.channels > 1
        channel = OTHER if turns and self._channel == CHANNEL else CHANNEL
        began = time.ticks_ms()
        start = time.ticks_us()
        self._depart()
        while True:
            try:
                setup: "Any" = self._setup
                if channel != self._channel:
                    # Both channels get each picture of the sensor: this one may be the last frame's.
                    setup.frame(channel, self._slice(began))
                start = time.ticks_us()
                frame = setup.frame(channel, self._slice(began))
                break
            except Exception as error:
                if not self._running:
                    return False
                if time.ticks_diff(time.ticks_ms(), began) < self._patience_ms:
                    # Too early for a missing frame: a slice is over, or a signal broke the wait off,
                    # as gc.collect() sends to every thread (mpthreadport.c, 181).
                    time.sleep_ms(_AGAIN_MS)
                    continue
                self.problem = str(error)
                self.failures += 1
                self.broken = self.failures >= _MAX_FAILURES
                # Who sets the sensor up again lets this thread pass then.
                return self.broken
        now = time.ticks_us()
        waited = time.ticks_diff(now, start)
        if not 0 < self.least_us < waited:
            self.least_us = waited
        # A thread gets no further than snapshot() while the interpreter is held for an
        # inference: a frame that seems to have taken more than a period was there long before.
        self.ticks = now if waited <= self.period_us + self.least_us else start
        self.frame = frame
        self._channel = channel
        self.seq += 1
        self.problem = ""
        self.failures = 0
        self.broken = False
        self.ready = True
        return True

    def _slice(self, began: int) -> int:
        """Return milliseconds that the next call into the driver may take."""
        left = self._patience_ms - time.ticks_diff(time.ticks_ms(), began)
        return max(1, min(left, _SLICE_MS))

    # -- the loop

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

    def captured(self) -> int:
        """Return how many frames the sensor made since the start, estimated."""
        return self.seq + self.skipped

    def release(self) -> None:
        """Let the thread take the next frame; the one in hand is dead from now on.

        With `alternate` it dies at the next release().
        """
        if not self._taken:
            return
        self.frame = None
        self.ready = False
        self._taken = False
        self._let()

    def hand_over(self) -> None:
        """Release the frame, and let the thread have the interpreter until it is in the driver.

        An inference holds the interpreter: a thread that is not in the driver by then gets there after it.
        Two locks, no sleep: the shortest sleep of the board lasts a tick of 1 ms.
        """
        if not self._taken:
            return
        self._awaited = True
        if not self._alive or not self._running:
            self._awaited = False
        waits = self._awaited
        self.release()
        if waits:
            self._gone.acquire()

    def left_us(self) -> int:
        """Return how long the next frame will be in coming, as far as known; 0 where one is ready."""
        if self.ready or self._last is None:
            return 0
        passed = time.ticks_diff(time.ticks_us(), self._last)
        return max(0, self.period_us - passed)

    def age_us(self) -> int:
        """Return how long ago the frame that is ready was captured."""
        return time.ticks_diff(time.ticks_us(), self.ticks)

    def preview(self, quality: int) -> "tuple[bytes, int, int]":
        """Return (JPEG, seq, ticks_us) of the newest picture of the preview channel; CameraError.

        seq is that of the frame captured beside it, ticks_us when it was there: encoding comes later.
        Waits for the channel, a frame period as a rule; encoding holds the interpreter.
        """
        setup = self._setup
        if self.preview_settings is None or setup is None or not self._running:
            raise CameraError("the preview channel is not open (preview.enabled)")
        try:
            picture = setup.frame(PREVIEW, _PREVIEW_MS)
            seq, ticks = self.seq, time.ticks_us()
            return bytes(picture.to_jpeg(quality=quality).bytearray()), seq, ticks
        except Exception as error:
            raise vendor.failed(CameraError, "no preview picture", error)

    def give_up(self, problem: str) -> None:
        """Count as broken: the next user of the camera sets it up again."""
        self.problem = problem
        self.failures = _MAX_FAILURES
        self.broken = True

    def pause(self) -> bool:
        """Take no more frames; return whether the thread is out of the driver, as stop() needs it."""
        self._running = False
        return self._parked

    def stop(self) -> None:
        """Give the sensor back, once pause() says that no thread is in the driver."""
        self._running = False
        self.frame = None
        self.ready = False
        self._taken = False
        setup = self._setup
        self._setup = None
        if setup is not None:
            setup.give_back()

    def close(self) -> bool:
        """Give the sensor back and let the thread end; False where the driver does not return."""
        self._leaving = True
        for _ in range(_CLOSE_MS // _LOOK_MS):
            if self.pause():
                self.stop()  # before the thread is gone: a second call finds nothing to do
                self._let()
            if not self._alive:
                return True
            time.sleep_ms(_LOOK_MS)
        return False
