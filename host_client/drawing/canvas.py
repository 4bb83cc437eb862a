"""A picture to draw on: outlines, labels that stay inside and do not overlap, and a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from host_client.base.wording import quantity
from host_client.drawing.font import Font, clipped, font_for, shown
from host_client.drawing.palette import GREY, INK, PAPER, Colour, colour_of, ink_on

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, top, right, bottom

_LEAST = 640  # pixels of the longer side; smaller pictures are enlarged so that text fits
_PAD = 3
_MARGIN = 8
_SHADE = 110  # of 255: opacity of a mask
_RIM = 5  # pixels, odd: 2 * width of a mask's rim + 1
_MOST = 100  # labels at most; more are unreadable
_LEGEND = 18  # rows at most, a person with keypoints; a model may have thousands of labels
_SMALL = 12  # pixels: the least size of a label's text
_CROWDED = 0.2  # of the picture's area: labels that would take more are smaller


class Entry(NamedTuple):
    """A row of the legend: colour (None: text only), text, and length of its bar, 0 to 1."""

    colour: Colour | None
    text: str
    part: float | None = None


class _Wanted(NamedTuple):
    text: str
    colour: Colour
    box: Rectangle


class Canvas:
    """Draws into an enlarged copy of a picture; all coordinates are those of the original."""

    def __init__(self, image: Image.Image) -> None:
        self.scale = max(1.0, _LEAST / max(image.size))
        size = (max(1, round(image.width * self.scale)), max(1, round(image.height * self.scale)))
        self.image = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        self._pen = ImageDraw.Draw(self.image)
        self.width, self.height = size
        self.text_size = max(14, round(max(size) / 45))
        self._line = max(3, round(max(size) / 250))
        self._wanted: list[_Wanted] = []
        self._bars: tuple[float, ...] = ()
        self.placed: list[Rectangle] = []
        """Rectangles of the labels."""
        self.left_out = 0
        """Number of labels without room."""

    def _place(self, points: Iterable[Sequence[float]]) -> list[Point]:
        return [(self.scale * point[0], self.scale * point[1]) for point in points]

    def line(self, points: Iterable[Sequence[float]], colour: Colour, *, closed: bool) -> None:
        """Draw a line through points, with a dark edge, so that it is visible on any background."""
        path = self._place(points)
        if closed:
            path.append(path[0])
        self._pen.line(path, fill=INK, width=self._line + 2, joint="curve")
        self._pen.line(path, fill=colour, width=self._line, joint="curve")

    def dot(self, point: Sequence[float], colour: Colour) -> None:
        """Draw a point."""
        ((x, y),) = self._place([point])
        radius = 1.8 * self._line
        for more, fill in ((1, INK), (0, colour)):
            r = radius + more
            self._pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def shade(self, mask: Image.Image, at: Rectangle, colour: Colour) -> None:
        """Cover a rectangle of the picture with a colour where a mask (L) is not 0.

        The inside is translucent, the rim is not.
        """
        (left, top), (right, bottom) = self._place([at[:2], at[2:]])
        corner = (max(0, round(left)), max(0, round(top)))
        size = (
            min(self.width, round(right)) - corner[0],
            min(self.height, round(bottom)) - corner[1],
        )
        if min(size) <= 0 or min(right - left, bottom - top) <= 0:
            return
        x, y = mask.width / (right - left), mask.height / (bottom - top)
        place = (x, 0, (corner[0] - left) * x, 0, y, (corner[1] - top) * y)
        # Nearest keeps the cells of a coarse mask at their places.
        grown = mask.transform(size, Image.Transform.AFFINE, place, Image.Resampling.NEAREST)
        grown = grown.point(lambda v: 255 if v else 0)
        rim = ImageChops.subtract(grown, grown.filter(ImageFilter.MinFilter(_RIM)))
        self.image.paste(colour, corner, grown.point(lambda v: _SHADE if v else 0))
        self.image.paste(colour, corner, rim)

    def label(self, text: str, colour: Colour, box: Rectangle) -> None:
        """Add the label of a box (picture coordinates); finish() places all labels."""
        (left, top), (right, bottom) = self._place([box[:2], box[2:]])
        self._wanted.append(_Wanted(shown(text), colour, (left, top, right, bottom)))

    def bars(self, values: Sequence[float]) -> None:
        """Draw numbers as bars below the picture, up or down from a centre line."""
        self._bars = tuple(values)

    def finish(self, title: str, entries: Sequence[Entry]) -> Image.Image:
        """Draw the labels, and a title and legend below the picture; return the image."""
        self._labels()
        self.left_out += max(0, len(self._wanted) - _MOST)
        return self._with_legend(shown(title), entries)

    def _labels(self) -> None:
        taken = self.placed
        size = self._label_size()
        found = []
        for text, colour, box in self._wanted[:_MOST]:
            font = font_for(text, size)
            line = clipped(text, font, self.width - 2 * _PAD)
            spot = self._spot(*_room(line, font), box, taken)
            if spot is None:
                self.left_out += 1
                continue
            taken.append(spot)
            found.append((spot, line, font, colour, box))
        # Below all labels, so that none is crossed out.
        for spot, _, _, colour, box in found:
            self._leader(spot, box, colour)
        for spot, line, font, colour, _ in found:
            self._pen.rectangle(spot, fill=colour, outline=INK)
            at = (spot[0] + _PAD, (spot[1] + spot[3]) / 2)
            self._pen.text(at, line, fill=ink_on(colour), font=font, anchor="lm")

    def _label_size(self) -> int:
        """Return the size of the labels' text: smaller where they would hide much of the picture."""
        wanted = self._wanted[:_MOST]
        size = self.text_size
        while size > _SMALL:
            areas = [_room(one.text, font_for(one.text, size)) for one in wanted]
            if (
                sum(width * height for width, height in areas)
                <= _CROWDED * self.width * self.height
            ):
                break
            size -= 1
        return size

    def _spot(
        self, width: float, height: float, box: Rectangle, taken: Sequence[Rectangle]
    ) -> Rectangle | None:
        """Return the free place inside the picture that is nearest to a box, or None."""
        left, top, right, bottom = box
        starts = (
            (left, top - height),
            (left, bottom),
            (right - width, top - height),
            (right - width, bottom),
            (left, top),
            (right, top),
            (left - width, top),
        )
        for x, y in starts:
            spot = self._inside(x, y, width, height)
            if not any(_meet(spot, other) for other in taken):
                return spot
        best, least = None, 0.0
        for step in range(2 * int((self.height - 1) / height)):
            y = step * height / 2
            if y + height > self.height:
                break
            for x in self._free(y, width, height, left, taken):
                away = _gap(x, x + width, left, right) + _gap(y, y + height, top, bottom)
                if best is None or away < least:
                    best, least = (x, y, x + width, y + height), away
        return best

    def _free(
        self, y: float, width: float, height: float, wanted: float, taken: Sequence[Rectangle]
    ) -> list[float]:
        """Return the left edges at which a label of this size is free in a row."""
        most = self.width - 1 - width
        blocked = [(r[0] - width, r[2]) for r in taken if r[1] < y + height and y < r[3]]
        places = [min(max(0.0, wanted), most), *(edge for pair in blocked for edge in pair)]
        return [
            x for x in places if 0 <= x <= most and not any(low < x < high for low, high in blocked)
        ]

    def _inside(self, x: float, y: float, width: float, height: float) -> Rectangle:
        x = min(max(0.0, x), max(0.0, self.width - 1 - width))
        y = min(max(0.0, y), max(0.0, self.height - 1 - height))
        return x, y, x + width, y + height

    def _leader(self, spot: Rectangle, box: Rectangle, colour: Colour) -> None:
        """Draw a line from a distant label to its box."""
        across = _gap(spot[0], spot[2], box[0], box[2])
        down = _gap(spot[1], spot[3], box[1], box[3])
        if max(across, down) <= self.text_size / 2:
            return
        middle = ((spot[0] + spot[2]) / 2, (spot[1] + spot[3]) / 2)
        near = (min(max(middle[0], box[0]), box[2]), min(max(middle[1], box[1]), box[3]))
        self._pen.line([middle, near], fill=INK, width=3)
        self._pen.line([middle, near], fill=colour, width=1)

    def _with_legend(self, title: str, entries: Sequence[Entry]) -> Image.Image:
        size = self.text_size
        row = round(1.5 * size)
        if self.left_out:
            title += f"; {quantity(self.left_out, 'label')} not shown (no room)"
        rows = list(entries[:_LEGEND])
        if len(entries) > len(rows):
            rows.append(Entry(None, f"… and {len(entries) - len(rows)} more"))
        columns = 1 if any(entry.part is not None for entry in rows) else 2 + (self.width > 1000)
        lines = -(-len(rows) // columns)
        chart = 4 * row if self._bars else 0
        height = self.height + 2 * _MARGIN + row * (1 + lines) + chart
        whole = Image.new("RGB", (self.width, height), PAPER)
        whole.paste(self.image, (0, 0))
        pen = ImageDraw.Draw(whole)
        top = self.height + _MARGIN
        if chart:
            _chart(pen, self._bars, (_MARGIN, height - chart, self.width - _MARGIN, height))
        _write(pen, (_MARGIN, top + row / 2), title, INK, size, self.width - 2 * _MARGIN)
        wide = (self.width - _MARGIN) / columns
        for number, entry in enumerate(rows):
            x = _MARGIN + number % columns * wide
            y = top + row * (1 + number // columns)
            _entry(pen, entry, (x, y, x + wide - _MARGIN, y + row), size)
        return whole


def _entry(pen: ImageDraw.ImageDraw, entry: Entry, at: Rectangle, size: int) -> None:
    left, top, right, bottom = at
    middle = (top + bottom) / 2
    bar = left + (right - left) * 0.6  # the same for rows with and without a colour
    if entry.colour is not None:
        pen.rectangle(
            (left, middle - size / 2, left + size, middle + size / 2),
            fill=entry.colour,
            outline=INK,
        )
        left += size + 6
    if entry.part is not None:
        end = bar + (right - bar) * min(1.0, max(0.0, entry.part))
        pen.rectangle((bar, middle - size / 3, right, middle + size / 3), outline=GREY)
        pen.rectangle((bar, middle - size / 3, end, middle + size / 3), fill=entry.colour or GREY)
        right = bar - 6
    _write(pen, (left, middle), shown(entry.text), INK, size, right - left)


def _chart(pen: ImageDraw.ImageDraw, values: Sequence[float], at: Rectangle) -> None:
    left, top, right, bottom = at
    middle, reach = (top + bottom) / 2, (bottom - top) / 2 - _MARGIN
    most = max(map(abs, values)) or 1.0
    step = (right - left) / len(values)
    for number, value in enumerate(values):
        x, end = left + number * step, middle - reach * value / most
        bar = (x, min(middle, end), x + max(1.0, step - 1), max(middle, end))
        pen.rectangle(bar, fill=colour_of(1 if value >= 0 else 5))
    pen.line((left, middle, right, middle), fill=INK)


def _write(
    pen: ImageDraw.ImageDraw, at: Point, text: str, colour: Colour, size: int, width: float
) -> None:
    font = font_for(text, size)
    pen.text(at, clipped(text, font, width), fill=colour, font=font, anchor="lm")


def _room(text: str, font: Font) -> tuple[float, float]:
    """Return the width and height of a label."""
    return font.getlength(text) + 2 * _PAD, _height(font) + _PAD


def _height(font: Font) -> float:
    return 1.25 * font.size


def _gap(low: float, high: float, other_low: float, other_high: float) -> float:
    return max(0.0, other_low - high, low - other_high)


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
