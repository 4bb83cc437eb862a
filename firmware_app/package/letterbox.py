"""Where the picture lies inside the model's input when its aspect is kept.

Integers only: the result is the same on the board's single floats and on a PC. The vendor's own
way loses a column for odd widths; vendor_centre_pads() and vendor_corner_pads() repeat it, in the
interpreter's own floats as the vendor's scripts do. On a PC with double floats both move a pixel
in 7 % of all sizes.
"""


def fit(width: int, height: int, to_width: int, to_height: int):
    """Return the (width, height) that the picture has inside the target, its aspect kept."""
    if to_width * height <= to_height * width:
        return to_width, max(1, height * to_width // width)
    return max(1, width * to_height // height), to_height


def centre_pads(width: int, height: int, to_width: int, to_height: int):
    """Return (top, bottom, left, right) in target pixels, the picture in the middle."""
    w, h = fit(width, height, to_width, to_height)
    left = (to_width - w) // 2
    top = (to_height - h) // 2
    return top, to_height - h - top, left, to_width - w - left


def corner_pads(width: int, height: int, to_width: int, to_height: int):
    """Return (top, bottom, left, right) in target pixels, the picture at the top left."""
    w, h = fit(width, height, to_width, to_height)
    return 0, to_height - h, 0, to_width - w


def _vendor_borders(width: int, height: int, to_width: int, to_height: int):
    ratio = min(to_width / width, to_height / height)
    return (to_width - int(ratio * width)) / 2, (to_height - int(ratio * height)) / 2


def vendor_centre_pads(width: int, height: int, to_width: int, to_height: int):
    """Return the pads of the vendor's centred letterbox (its Utils.center_pad_param)."""
    dw, dh = _vendor_borders(width, height, to_width, to_height)
    side = int(round(dw - 0.1))
    return int(round(dh - 0.1)), int(round(dh + 0.1)), side, side


def vendor_corner_pads(width: int, height: int, to_width: int, to_height: int):
    """Return the pads of the vendor's corner letterbox (its Utils.letterbox_pad_param)."""
    dw, dh = _vendor_borders(width, height, to_width, to_height)
    return 0, int(round(dh * 2 + 0.1)), 0, int(round(dw * 2 - 0.1))
