"""The camera: media.sensor as its vendor's, over the pictures that stand before the virtual lens."""

import time

import image
import machine
from _k230 import frames as _frames
from _k230 import media as _media
from _k230 import silicon as _silicon

from media.media import *

_CAMERAS = 3
_CHANNELS = 3
_MIN_SIDE = 64
_FAILURES = 3
_WINDOW_MS = 10000

# Pixel formats of the video hardware (k_pixel_format).
PIXEL_FORMAT_RGB_565 = 2
PIXEL_FORMAT_RGB_888 = 3
PIXEL_FORMAT_YUV_SEMIPLANAR_420 = 31
PIXEL_FORMAT_RGB_888_PLANAR = 46
PIXEL_FORMAT_GRAYSCALE = 303

_SIZES = (
    (88, 72),
    (176, 144),
    (352, 288),
    (176, 120),
    (352, 240),
    (160, 120),
    (320, 240),
    (640, 480),
    (120, 80),
    (240, 160),
    (480, 320),
    (64, 64),
    (128, 64),
    (128, 128),
    (160, 160),
    (320, 320),
    (128, 160),
    (720, 480),
    (752, 480),
    (800, 600),
    (1024, 768),
    (1280, 768),
    (1280, 1024),
    (1280, 960),
    (1600, 1200),
    (1280, 720),
    (1920, 1080),
    (2560, 1440),
    (2048, 1536),
    (2560, 1600),
    (2592, 1944),
)
_SIZE_NAMES = (
    "QQCIF QCIF CIF QSIF SIF QQVGA QVGA VGA HQQVGA HQVGA HVGA B64X64 B128X64 B128X128 B160X160 "
    + "B320X320 QQVGA2 WVGA WVGA2 SVGA XGA WXGA SXGA SXGAM UXGA HD FHD QHD QXGA WQXGA WQXGA2"
)
_UNSUPPORTED = (
    "sleep shutdown flush skip_frames get_fb get_id alloc_extra_fb dealloc_extra_fb set_framerate "
    + "get_framerate set_windowing get_windowing set_gainceiling set_contrast set_brightness "
    + "set_saturation set_quality set_colorbar set_auto_gain get_gain_db set_auto_exposure "
    + "get_exposure_us set_auto_whitebal get_rgb_gain_db set_auto_blc get_blc_regs set_transpose "
    + "get_transpose set_auto_rotation get_auto_rotation set_framebuffers get_framebuffers "
    + "disable_delays disable_full_flush set_lens_correction set_vsync_callback set_frame_callback "
    + "ioctl set_color_palette get_color_palette"
)


class _Channel:
    def __init__(self) -> None:
        self.enabled = False
        self.size = None
        self.form = None  # the hardware's pixel format
        self.crop = None
        self.as_rgb565 = False
        self.as_gray = False
        self.frame = None

    def picture(self):
        """Return (name in the silicon, format of the image) of what snapshot() makes."""
        if self.form == PIXEL_FORMAT_RGB_888:
            return ("RGB565", image.RGB565) if self.as_rgb565 else ("RGB888", image.RGB888)
        if self.form == PIXEL_FORMAT_RGB_888_PLANAR:
            return "RGBP888", image.RGBP888
        if self.form == PIXEL_FORMAT_YUV_SEMIPLANAR_420:
            return ("GRAYSCALE", image.GRAYSCALE) if self.as_gray else ("YUV420SP", image.YUV420)
        return None


class Sensor:
    """A camera: reset(), set_framesize() and set_pixformat() per channel, run(), snapshot()."""

    RGB565 = PIXEL_FORMAT_RGB_565
    RGB888 = PIXEL_FORMAT_RGB_888
    RGBP888 = PIXEL_FORMAT_RGB_888_PLANAR
    YUV420SP = PIXEL_FORMAT_YUV_SEMIPLANAR_420
    GRAYSCALE = PIXEL_FORMAT_GRAYSCALE
    DATABASE_PARSE_XML_JSON = 0
    DATABASE_PARSE_BIN = 1
    FRAME_SIZE_INVAILD = 31

    _devs = [None] * _CAMERAS

    def __init__(self, **settings) -> None:
        default = _silicon.call("camera.default")[0]
        self._id = settings.get("id", default)
        if self._id > _CAMERAS - 1:
            raise AssertionError("invaild sensor id %d, should < %d" % (self._id, _CAMERAS - 1))
        if not settings.get("force", False) and Sensor._devs[self._id] is not None:
            raise OSError("sensor(%d) is already inited." % self._id)
        wanted = [
            settings.get("width", 1920),
            settings.get("height", 1080),
            settings.get("fps", 60),
        ]
        found = _silicon.call("camera.open", [self._id] + wanted)[0]
        if found is None:
            raise RuntimeError("Can not found sensor on %d" % self._id)
        self._name, self._type, self._width, self._height, self._fps = found
        print(
            "find sensor %s, type %d, output %dx%d@%d"
            % (self._name, self._type, self._width, self._height, self._fps)
        )
        self._ready = False
        self._started = False
        self._mirror = 0
        self._channels = [_Channel() for _ in range(_CHANNELS)]
        self._failures = []
        Sensor._devs[self._id] = self

    # -- setting up

    def reset(self) -> None:
        """Make the camera ready to be set up; mandatory."""
        self._ready = True

    def _channel(self, chn: int):
        if not self._ready:
            raise AssertionError("should call reset() first")
        if chn > _CHANNELS - 1:
            raise AssertionError("invaild chn id %d, should < %d" % (chn, _CHANNELS - 1))
        return self._channels[chn]

    def set_framesize(
        self, framesize=FRAME_SIZE_INVAILD, chn: int = 0, alignment: int = 0, crop=None, **size
    ) -> None:
        """Choose a channel's picture size; the width is rounded up to a multiple of 16."""
        channel = self._channel(chn)
        if "w" in size and "h" in size:
            width, height = size["w"], size["h"]
        elif "width" in size and "height" in size:
            width, height = size["width"], size["height"]
        else:
            width, height = _SIZES[framesize] if 0 <= framesize < len(_SIZES) else (0, 0)
        where = "sensor(%d) chn(%d) set_framesize" % (self._id, chn)
        if width % 16:
            width = ALIGN_UP(width, 16)
            print("Warning: %s align up width to %d" % (where, width))
        for name, value, limit in (("width", width, self._width), ("height", height, self._height)):
            if not _MIN_SIDE <= value <= limit:
                raise AssertionError(
                    "%s invaild %s(%d), should be %d - %d" % (where, name, value, _MIN_SIDE, limit)
                )
        channel.crop = self._window(where, crop, width, height)
        channel.enabled = True
        channel.size = (width, height)

    def _window(self, where: str, crop, width: int, height: int):
        if crop is None or crop is False:
            return None
        if crop is True:
            scale = min(self._width // width, self._height // height)
            w, h = width * scale, height * scale
            return [(self._width - w) // 2, (self._height - h) // 2, w, h]
        if len(crop) != 4:
            raise AssertionError("%s invaild crop(%s), should be (x, y, w, h)" % (where, crop))
        x, y, w, h = crop
        inside = 0 <= x <= self._width - w and 0 <= y <= self._height - h
        if w < width or h < height or not inside:
            raise AssertionError("%s invaild crop(%s)" % (where, crop))
        return [x, y, w, h]

    def get_framesize(self, chn: int = 0):
        print("please use width() and height()")
        return self._channel(chn).size

    def set_pixformat(self, pix_format: int, chn: int = 0) -> None:
        """Choose a channel's format: RGB565, RGB888, RGBP888, YUV420SP or GRAYSCALE."""
        channel = self._channel(chn)
        channel.as_rgb565 = pix_format == Sensor.RGB565
        if pix_format == Sensor.RGB565:
            pix_format = Sensor.RGB888
        elif pix_format == Sensor.GRAYSCALE:
            channel.as_gray = True  # for good: the vendor's never takes it back
            pix_format = Sensor.YUV420SP
        channel.form = pix_format
        channel.enabled = True

    def get_pixformat(self, chn: int = 0):
        return self._channel(chn).form

    def width(self, chn=0) -> int:
        if chn is None:
            return self._width
        size = self._channel(chn).size
        return size[0] if size else 0

    def height(self, chn=0) -> int:
        if chn is None:
            return self._height
        size = self._channel(chn).size
        return size[1] if size else 0

    def get_type(self) -> int:
        return self._type

    def set_hmirror(self, enable) -> None:
        self._channel(0)
        self._mirror = self._mirror | 1 if enable else self._mirror & ~1

    def get_hmirror(self) -> bool:
        self._channel(0)
        return bool(self._mirror & 1)

    def set_vflip(self, enable) -> None:
        self._channel(0)
        self._mirror = self._mirror | 2 if enable else self._mirror & ~2

    def get_vflip(self) -> bool:
        self._channel(0)
        return bool(self._mirror & 2)

    def bind_info(self, x: int = 0, y: int = 0, chn: int = 0):
        channel = self._channel(chn)
        width, height = channel.size
        return {
            "src": (CAMERA_MOD_ID, self._id, chn),
            "rect": (x, y, width, height),
            "pix_format": channel.form,
        }

    # -- running

    def run(self) -> None:
        """Start the camera, once for all of them when there are several."""
        self._channel(0)
        if self._started:
            return
        for sensor in Sensor._devs:
            if sensor is not None and sensor._ready and not sensor._started:
                sensor._start()

    def _start(self) -> None:
        channels = []
        for chn in range(_CHANNELS):
            channel = self._channels[chn]
            if not channel.enabled:
                continue
            if not channel.form:
                raise RuntimeError(
                    "sensor(%d) chn(%d) pixel format not set before run" % (self._id, chn)
                )
            if not channel.size:
                raise RuntimeError(
                    "sensor(%d) chn(%d) frame size not set before run" % (self._id, chn)
                )
            picture = channel.picture()
            if picture is None:
                raise RuntimeError(
                    "sensor(%d) chn(%d) pixel format (%s) not supported for buffer size calculation"
                    % (self._id, chn, channel.form)
                )
            channels.append([chn, channel.size[0], channel.size[1], picture[0], channel.crop])
        _media.tell()
        if not _silicon.call("camera.run", [self._id, self._mirror, channels])[0]:
            raise RuntimeError("sensor(%d) run error, vicap init failed(-1)" % self._id)
        print("sensor(%d), mode 0, buffer_num 4, buffer_size 0" % self._id)
        self._started = True

    def snapshot(
        self, chn: int = 0, timeout: int = 1000, dump_frame: bool = False, auto_reboot: bool = False
    ):
        """Return the channel's next picture; the picture before it is gone from here on."""
        channel = self._channel(chn)
        if channel.frame is not None:
            channel.frame.release()
            channel.frame = None
        answer = _silicon.call_waiting("camera.snapshot", [self._id, chn, timeout])[0]
        code, number, width, height = answer
        if code:
            if auto_reboot:
                self._record_failure(chn)
            raise RuntimeError("sensor(%d) snapshot chn(%d) failed(%d)" % (self._id, chn, code))
        self._failures = []
        frame = _frames.Frame(self._id, chn, number, width, height, channel.picture()[1])
        channel.frame = frame
        return image.of_frame(frame)

    def _record_failure(self, chn: int) -> None:
        now = time.ticks_ms()
        self._failures = (self._failures + [now])[-_FAILURES:]
        if (
            len(self._failures) == _FAILURES
            and time.ticks_diff(now, self._failures[0]) <= _WINDOW_MS
        ):
            print(
                "sensor(%d) snapshot chn(%d) failed %d times in %ds, rebooting..."
                % (self._id, chn, _FAILURES, _WINDOW_MS // 1000)
            )
            machine.reset()

    def stop(self, is_del: bool = False) -> None:
        """Stop the camera and free it; all its frames are gone."""
        if not is_del:
            self._channel(0)
            if not self._started:
                print("warning: sensor not call run()")
        for channel in self._channels:
            if channel.frame is not None:
                channel.frame.release("stop()")
                channel.frame = None
        _silicon.call("camera.stop", [self._id])
        self._ready = False
        self._started = False
        if Sensor._devs[self._id] is self:
            Sensor._devs[self._id] = None

    @classmethod
    def deinit(cls) -> None:
        for sensor in cls._devs:
            if sensor is not None:
                sensor.stop(is_del=True)

    # -- the sensor's own controls: kept, they change no picture

    def again(self, again=None):
        return self._control("_again", again, 1.0)

    def exposure(self, exposure_us=None):
        return self._control("_exposure", exposure_us, 10000.0)

    def auto_exposure(self, enable=None):
        return self._control("_auto_exposure", enable, True)

    def auto_focus(self, enable=None):
        if self._started:
            raise RuntimeError("call should before Sensor.run()")
        return self._control("_auto_focus", enable, False)

    def focus_pos(self, pos=None):
        return self._control("_focus", pos, 0)

    def _control(self, name: str, value, default):
        if value is None:
            return getattr(self, name) if hasattr(self, name) else default
        setattr(self, name, value)
        return True

    @staticmethod
    def list_mode(id=None):
        """Return (name, [{width, height, fps}])."""
        name, modes = _silicon.call("camera.modes", [id])[0]
        return name, [{"width": m[0], "height": m[1], "fps": m[2]} for m in modes]


def _refuse(name: str):
    def refused(*_, **__):
        print("not support %s now..." % name)
        raise NotImplementedError(name)

    return refused


for _number, _name in enumerate(_SIZE_NAMES.split()):
    setattr(Sensor, _name, _number)
for _name in _UNSUPPORTED.split():
    setattr(Sensor, _name, _refuse(_name))
