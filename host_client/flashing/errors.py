"""What keeps an image from a card."""

from __future__ import annotations

from host_client.base.exceptions import K230Error


class ImageError(K230Error, ValueError):
    """A file is no firmware image, or a damaged one."""

    code = "bad_image"
    exit_code = 8


class FlashError(K230Error):
    """A card or a board is not written: it must not be, or it can't be."""

    code = "flash"
    exit_code = 13
