"""media.display: accepts what scripts show and counts it; there is no screen."""

import image

# Panel: (width, height) at power-on.
_PANELS = {
    "LT9611": (1920, 1080),
    "HX8399": (1920, 1080),
    "ST7701": (800, 480),
    "ILI9806": (800, 480),
    "NT35516": (960, 540),
    "NT35532": (1920, 1080),
    "GC9503": (800, 480),
    "AML020T": (480, 360),
    "JD9852": (320, 240),
    "ST7789": (320, 240),
    "VIRT": (1920, 1080),
}


class Display:
    """The display, with layers for video and graphics."""

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
    _on = False
    shown = 0  # pictures given to show_image()

    @classmethod
    def init(
        cls,
        type=None,
        width=None,
        height=None,
        osd_num: int = 1,
        to_ide: bool = False,
        fps=None,
        quality: int = 90,
        flag=None,
    ) -> None:
        for name in _PANELS:
            if type == getattr(cls, name):
                cls._size = _PANELS[name]
        if width is not None and height is not None:
            cls._size = (width, height)
        if fps is not None:
            cls._fps = fps
        cls._on = True

    @classmethod
    def inited(cls) -> bool:
        return cls._on

    @classmethod
    def deinit(cls) -> None:
        """Switch the display off."""
        cls._on = False

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
    def bind_layer(
        cls,
        src=None,
        layer=None,
        rect=(0, 0, 0, 0),
        pix_format=None,
        alpha: int = 255,
        flag: int = 0,
        dstlayer=None,
    ) -> None:
        """Let a camera channel appear on a layer."""

    @classmethod
    def unbind_layer(cls, layer) -> None:
        """Undo bind_layer()."""

    @classmethod
    def disable_layer(cls, layer) -> None:
        """Switch a layer off."""

    @classmethod
    def writeback(cls, on=None) -> bool:
        """Read the screen back: the virtual board has none."""
        return False

    @classmethod
    def show_image(
        cls, img, x: int = 0, y: int = 0, layer=None, alpha: int = 255, flag: int = 0
    ) -> None:
        """Show an image; a dead camera frame is found out here too."""
        if not isinstance(img, image.Image):
            raise TypeError("expected an image")
        if img._frame is not None:
            img._frame.check()
        cls.shown += 1


for _number, _name in enumerate(sorted(_PANELS)):
    setattr(Display, _name, _number)
