"""media.display: accepts what scripts show and remembers the last of it; there is no screen."""

import _silicon
import image

_SIZES = {"LT9611": (1920, 1080), "ST7701": (800, 480), "VIRT": (1920, 1080), "NT35516": (960, 540)}


class Display:
    """The display, with four layers for video and graphics."""

    LT9611 = 1
    HX8377 = 2
    ST7701 = 3
    VIRT = 4
    NT35516 = 5
    LAYER_VIDEO1 = 1
    LAYER_VIDEO2 = 2
    LAYER_OSD0 = 3
    LAYER_OSD1 = 4
    LAYER_OSD2 = 5
    LAYER_OSD3 = 6
    FLAG_ROTATION_0 = 1
    FLAG_ROTATION_90 = 2
    FLAG_ROTATION_180 = 4
    FLAG_ROTATION_270 = 8

    _size = (1920, 1080)
    _fps = 60
    shown = 0  # pictures given to show_image()

    @classmethod
    def init(cls, type=None, width=None, height=None, osd_num: int = 1, to_ide: bool = False, fps=None,
             quality: int = 90, flag=None) -> None:
        for name in _SIZES:
            if type == getattr(cls, name):
                cls._size = _SIZES[name]
        if width is not None and height is not None:
            cls._size = (width, height)
        if fps is not None:
            cls._fps = fps

    @classmethod
    def deinit(cls) -> None:
        """Switch the display off."""

    @classmethod
    def width(cls, layer=None) -> int:
        return cls._size[0]

    @classmethod
    def height(cls, layer=None) -> int:
        return cls._size[1]

    @classmethod
    def fps(cls) -> int:
        return cls._fps

    @classmethod
    def bind_layer(cls, src=None, dstlayer=None, rect=(0, 0, 0, 0), pix_format=None, alpha: int = 255, flag: int = 0) -> None:
        """Let a camera channel appear on a layer."""

    @classmethod
    def unbind_layer(cls, layer) -> None:
        """Undo bind_layer()."""

    @classmethod
    def disable_layer(cls, layer) -> None:
        """Switch a layer off."""

    @classmethod
    def show_image(cls, img, x: int = 0, y: int = 0, layer=None, alpha: int = 255, flag: int = 0) -> None:
        """Show an image: counted, and kept as the virtual board's picture of the screen."""
        if not isinstance(img, image.Image):
            raise TypeError("expected an image")
        if img._frame is not None:
            img._frame.check()
        cls.shown += 1
