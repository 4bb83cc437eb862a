"""media.media: module and channel numbers; MediaManager is a shell since CanMV 1.6."""

import uctypes

CAMERA_MOD_ID = 9
DISPLAY_MOD_ID = 11
DMA_MOD_ID = 15
VIDEO_ENCODE_MOD_ID = 5
VIDEO_DECODE_MOD_ID = 6

CAM_DEV_ID_0 = 0
CAM_DEV_ID_1 = 1
CAM_DEV_ID_2 = 2
CAM_DEV_ID_MAX = 3
CAM_CHN_ID_0 = 0
CAM_CHN_ID_1 = 1
CAM_CHN_ID_2 = 2
CAM_CHN_ID_MAX = 3
DISPLAY_DEV_ID = 0
VENC_DEV_ID = 0
VENC_CHN_ID_0 = 0
VENC_CHN_ID_1 = 1
VENC_CHN_ID_2 = 2
VENC_CHN_ID_3 = 3
VB_INVALID_POOLID = 0xFFFFFFFF
VB_INVALID_HANDLE = 0xFFFFFFFF


def ALIGN_UP(value: int, step: int) -> int:
    """Return value rounded up to a multiple of step."""
    return (value + step - 1) // step * step


class _Link:
    """A connection of two hardware blocks, which carries nothing here."""

    def destroy(self) -> None:
        """Take the connection away."""


class MediaManager:
    """What is left of the media manager."""

    @staticmethod
    def init(*_, **__) -> None:
        print("deprecated function")

    @staticmethod
    def deinit(*_, **__) -> None:
        print("deprecated function")

    @staticmethod
    def _config(*_, **__) -> None:
        raise RuntimeError("deprecated function")

    @staticmethod
    def config_comm_pool(*_, **__) -> None:
        raise RuntimeError("deprecated function")

    @staticmethod
    def link(src, dst):
        for name, end in (("src", src), ("dst", dst)):
            if not isinstance(end, tuple):
                raise TypeError("%s is not a tuple" % name)
            if len(end) != 3:
                raise TypeError("%s size shoule be 3" % name)
        return _Link()
