"""Letterbox: integers that fill the target; the vendor's own pads beside them."""

from firmware_app.package import letterbox


def test_pads_fill_the_target() -> None:
    for width in (33, 97, 320, 384, 641, 1280, 1920):
        for height in (31, 100, 216, 241, 720, 1080):
            for target in ((224, 224), (320, 320), (640, 640), (608, 32), (96, 128)):
                w, h = letterbox.fit(width, height, target[0], target[1])
                assert w == target[0] or h == target[1]
                assert 1 <= w <= target[0]
                assert 1 <= h <= target[1]
                for pads in (letterbox.centre_pads, letterbox.corner_pads):
                    top, bottom, left, right = pads(width, height, target[0], target[1])
                    assert top + h + bottom == target[1]
                    assert left + w + right == target[0]
                top, bottom, left, right = letterbox.centre_pads(
                    width, height, target[0], target[1]
                )
                assert abs(top - bottom) <= 1
                assert abs(left - right) <= 1


def test_odd_border_keeps_every_column() -> None:
    # 135 x 240 into 320 x 320: 180 wide, borders of 70; 137 wide: 182, 69 each; 101: 134, 93.
    assert letterbox.centre_pads(137, 240, 320, 320) == (0, 0, 69, 69)
    assert letterbox.centre_pads(101, 240, 320, 320) == (0, 0, 93, 93)
    assert letterbox.centre_pads(100, 240, 320, 320) == (0, 0, 93, 94)


def test_the_vendors_border_loses_a_column() -> None:
    # 101 x 240 into 320 x 320 is 134 wide: borders of 93 each; 100 x 240, 133: 93 instead of 93 and 94.
    assert letterbox.vendor_centre_pads(101, 240, 320, 320) == (0, 0, 93, 93)
    assert letterbox.vendor_centre_pads(100, 240, 320, 320) == (0, 0, 93, 93)
    assert letterbox.vendor_corner_pads(100, 240, 320, 320) == (0, 0, 0, 187)
