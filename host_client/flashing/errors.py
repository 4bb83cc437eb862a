"""The exceptions of flashing."""

from __future__ import annotations

from host_client.base.exceptions import K230Error


class ImageError(K230Error, ValueError):
    """A file is not a firmware image, or is damaged."""

    code = "bad_image"
    exit_code = 8


class FlashError(K230Error):
    """A card or board must not or can't be written."""

    code = "flash"
    exit_code = 13
