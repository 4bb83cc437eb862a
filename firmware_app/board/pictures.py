"""Pictures that lie on the card, read by the vendor's image module.

The board decodes JPEG into RGB565 and makes RGB888 of that: five or six bits of each colour are
left. A picture that a client decodes and sends keeps all eight.
"""

import image

from firmware_app.base.errors import CommandError
from firmware_app.board import arrays, vendor
from firmware_app.wire.messages import MAX_PIXELS

ROOTS = ("/sdcard/", "/data/")
_ENDS = (".jpg", ".jpeg", ".png", ".bmp")
# RGB565, RGB888 and planes of a picture lie in memory at a time: 17 MB at most.


def _bad_picture(text: str) -> CommandError:
    return CommandError("bad_picture", text)


def read(path: str):
    """Return (planes, width, height) of a picture on the card; CommandError where it is none."""
    if not any([path.startswith(root) for root in ROOTS]) or "/../" in path:
        raise CommandError(
            "bad_argument", "path: expected a file in /sdcard or /data, found %r" % path[:128]
        )
    if not any([path.lower().endswith(end) for end in _ENDS]):
        raise CommandError(
            "bad_picture",
            "path: expected a name with %s, found %r" % (", ".join(_ENDS), path[-64:]),
        )
    try:
        open(path, "rb").close()
    except OSError:
        raise CommandError("not_found", "path: there is no file %s" % path)
    try:
        picture = image.Image(path)
        width, height = picture.width(), picture.height()
        if width * height > MAX_PIXELS:
            raise CommandError(
                "too_large",
                "%s: expected at most %d pixels, found %d x %d" % (path, MAX_PIXELS, width, height),
            )
        return arrays.separated(picture.to_rgb888().to_numpy_ref()), width, height
    except Exception as error:
        raise vendor.failed(_bad_picture, "%s: expected a picture" % path, error)
