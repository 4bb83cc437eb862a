"""The camera's sensor: found, set up and given back, so that a try that fails leaves nothing behind.

The vendor's Sensor marks its connector as used in the constructor, and only stop() takes the mark
back (Stars1233/canmv_k230 port/builtin_py/media/sensor.py, 312 and 1061): without it every later try
would say "already inited" and hide the cause.
"""

from media.sensor import Sensor

from firmware_app.base.errors import CameraError
from firmware_app.board import memory, vendor

CHANNEL = 2  # the vendor's channel for AI frames
# Takes turns with it. The vendor's examples take planes from the channels 1 and 2 only, and RGB565
# from channel 0 (resources/examples/21-AI-With-Others/ai_two_camera.py, ai_save_mp4.py).
OTHER = 1
PREVIEW = 0
_USUAL_FPS = 30  # what every sensor makes at 1920 x 1080
_STOPS = 2  # tries to give a sensor back: a frame that can't be released ends stop() halfway
_stuck = [False]  # one could not be given back: its connector is still marked as used

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class Setup:
    """A sensor that runs, and what it can do."""

    def __init__(
        self,
        settings: "dict[str, Any]",
        preview: "dict[str, Any] | None" = None,
        second: bool = True,
    ) -> None:
        """Find the sensor, set it up and let it run; CameraError says what is wrong.

        settings: the `camera` section of service.yaml; preview: the section of that name, where wanted.
        second: whether the task takes turns between two channels.
        """
        pixels = preview["width"] * preview["height"] if preview is not None else 0
        try:
            # What fits of it: the driver's buffers come out of the media memory.
            self.layout = memory.camera_layout(
                settings["width"], settings["height"], pixels, second
            )
        except memory.MemoryShort as error:
            raise CameraError(str(error))
        memory.look_again()
        self.period_us = 1000000 // settings["fps"]
        self.warning = ""  # what the sensor can't do, or empty
        self.sensor: Sensor = None  # type: ignore[assignment]  # once it is stopped
        done = False
        try:
            self._open(settings, preview)
            done = True
        finally:
            if not done:
                self.give_back()

    def _open(self, settings: "dict[str, Any]", preview: "dict[str, Any] | None") -> None:
        options: "dict[str, int]" = {"fps": settings["fps"]}
        if _stuck[0]:
            options["force"] = True  # regardless of the mark
        if settings["csi_id"] is not None:
            options["id"] = settings["csi_id"]
        options.update(self._mode(settings))
        try:
            sensor = self.sensor = Sensor(**options)
            sensor.reset()
            layout = self.layout
            for channel in (CHANNEL, OTHER) if layout.second else (CHANNEL,):
                sensor.set_framesize(width=layout.width, height=layout.height, chn=channel)
                sensor.set_pixformat(Sensor.RGBP888, chn=channel)
            if preview is not None:
                # RGB565: what the board's JPEG encoder takes as it is. It garbles the planes and
                # the YUV of the other channels.
                sensor.set_framesize(width=preview["width"], height=preview["height"], chn=PREVIEW)
                sensor.set_pixformat(Sensor.RGB565, chn=PREVIEW)
            sensor.set_hmirror(settings["hmirror"])
            sensor.set_vflip(settings["vflip"])
            sensor.run()
        except Exception as error:
            raise vendor.failed(CameraError, "the sensor can't be set up", error)

    def _mode(self, settings: "dict[str, Any]") -> "dict[str, int]":
        """Return the sensor's mode to ask for, empty for the one that the firmware takes by itself.

        That is the one nearest to 1920 x 1080, however slow: another is asked for by its size.
        """
        fps = settings["fps"]
        width = settings["width"]
        height = settings["height"]
        if fps <= _USUAL_FPS or not hasattr(Sensor, "list_mode"):
            return {}
        csi_id = settings["csi_id"]
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
                if mode[2] > best[2] and mode[0] >= width and mode[1] >= height
            ]
            # The largest of the fast enough, else the fastest.
            enough = [item for item in fast if item[1][2] >= fps]
            if enough:
                best = max(enough)[1]
            elif fast:
                best = max([(item[1][2], item[1]) for item in fast])[1]
            asked = {"width": best[0], "height": best[1]} if fast else {}
        if best[2] < fps:
            self.warning = (
                "camera.fps: expected at most %d, which the sensor makes at %d x %d, found %d"
                % (best[2], width, height, fps)
            )
        self.period_us = 1000000 // best[2]
        return asked

    def frame(self, channel: int, timeout_ms: int):
        """Return the channel's next frame (an image); the one before is gone. CameraError."""
        try:
            return self.sensor.snapshot(chn=channel, timeout=timeout_ms)
        except Exception as error:
            raise vendor.failed(CameraError, "the camera gives no frames", error)

    def give_back(self) -> None:
        """Give the sensor back; all its frames are gone."""
        sensor = self.sensor
        self.sensor = None  # type: ignore[assignment]
        if sensor is None:
            return
        for _ in range(_STOPS):
            try:
                # is_del: give the connector back even where the driver refuses, or reset() had failed.
                sensor.stop(is_del=True)
                _stuck[0] = False
                return
            except Exception as error:
                vendor.passed_on(error)
        _stuck[0] = True
