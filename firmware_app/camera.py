"""The only room that touches the camera: a thread waits for frames, the event loop uses them.

snapshot() frees the channel's previous frame, so thread and loop pass one frame back and forth:
the thread takes the next only after release(), and the loop touches none after it. The threads
share the slots made in __init__ and nothing that grows.
"""

import _thread
import time

from media.sensor import Sensor

CHANNEL = 2  # the vendor's channel for AI frames
_MAX_FAILURES = 3  # failed snapshots in a row before the sensor is set up anew


class CameraError(OSError):
    """The camera can't be used; the text says why."""


class Camera:
    """One sensor, one channel of RGB planes for the AI, at most one frame in hand."""

    def __init__(self, settings) -> None:
        """settings: the `camera` section of service.yaml."""
        self._settings = settings
        self.width = settings["width"]
        self.height = settings["height"]
        self._sensor = None
        self._go = _thread.allocate_lock()  # held by the loop while it uses a frame
        self._go.acquire()
        self._running = False
        self._stopped = True
        self._taken = False
        # What the thread hands over; ready is written last.
        self.ready = False
        self.frame = None
        self.ticks = 0  # time.ticks_us() when the frame arrived
        self.seq = 0
        self.waited_us = 0
        self.problem = ""  # why there are no frames, or empty
        self.failures = 0

    def start(self) -> None:
        """Set the sensor up and begin to take frames; CameraError says what is wrong."""
        self._open()
        self._running = True
        self._stopped = False
        self.ready = False
        self._taken = False
        _thread.start_new_thread(self._loop, ())
        self._go.release()

    def _open(self) -> None:
        settings = self._settings
        options = {"fps": settings["fps"]}
        if settings["csi_id"] is not None:
            options["id"] = settings["csi_id"]
        try:
            sensor = Sensor(**options)
            sensor.reset()
            sensor.set_framesize(width=self.width, height=self.height, chn=CHANNEL)
            sensor.set_pixformat(Sensor.RGBP888, chn=CHANNEL)
            sensor.set_hmirror(settings["hmirror"])
            sensor.set_vflip(settings["vflip"])
            sensor.run()
        except (OSError, RuntimeError, ValueError, AssertionError) as error:
            raise CameraError("camera: the sensor can't be set up: %s" % error)
        self._sensor = sensor

    def _loop(self) -> None:
        # Two to three frame periods: a dead sensor is noticed soon, a slow one is not given up.
        timeout = max(100, 3000 // self._settings["fps"])
        while self._running:
            self._go.acquire()
            if not self._running:
                break
            start = time.ticks_us()
            try:
                self.frame = self._sensor.snapshot(chn=CHANNEL, timeout=timeout)
            except (RuntimeError, OSError) as error:
                self.frame = None
                self.problem = "camera: no frame: %s" % error
                self.failures += 1
                if self._running:
                    time.sleep_ms(20)
                    self._go.release()  # the loop has nothing in hand: try again
                continue
            self.ticks = time.ticks_us()
            self.waited_us = time.ticks_diff(self.ticks, start)
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
        return self.frame

    def release(self) -> None:
        """Let the thread take the next frame; the one in hand is dead from now on."""
        self.frame = None
        self.ready = False
        self._taken = False
        self._go.release()

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
            except (OSError, RuntimeError):
                pass  # it is given up anyway
            self._sensor = None
        if not self._go.locked():
            self._go.acquire()
