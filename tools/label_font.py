"""Cut a Chinese font down to what labels need: ``python -m tools.label_font SOURCE.otf TARGET.otf``.

Needs fontTools, which comes with the extra ``train``. host_client/vendor/README.md says which font
is the source.
"""

from __future__ import annotations

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "K230 Labels"
# The licence reserves the source's name: each record that has it gets the new one.
FAMILY, UNIQUE = (1, 4, 16), (3, 6)
LAYOUT = ("GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG", "DSIG")
MORE = "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac\u2190\u2192\u25a1\ufffd"


def characters() -> set[int]:
    """Return the code points: ASCII, Latin with accents, and GB 2312."""
    wanted = {*range(0x20, 0x7F), *range(0xA0, 0x180), *map(ord, MORE)}
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            text = bytes((row, cell)).decode("gb2312", "ignore")
            wanted.update(map(ord, text))
    return wanted


def cut(source: str, target: str) -> None:
    """Write the smaller font."""
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.drop_tables += LAYOUT
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    plain = f"{NAME.replace(' ', '')}-Regular"
    for record in font["name"].names:
        if record.nameID in FAMILY:
            record.string = NAME
        elif record.nameID in UNIQUE:
            record.string = plain
    outlines = font["CFF "].cff
    outlines.fontNames = [plain]
    outlines.topDictIndex[0].FullName = outlines.topDictIndex[0].FamilyName = NAME
    font.save(target)


if __name__ == "__main__":
    cut(sys.argv[1], sys.argv[2])
