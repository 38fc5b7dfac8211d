"""Cut the two Inter faces down to what a ticket needs.

    npm pack inter-ui@4.1.1 && tar xzf inter-ui-4.1.1.tgz
    pip install fonttools==4.68.0 brotli && python3 subset.py package/web .
"""

import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

RANGES = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x259, 0x259), (0x2B0, 0x36F),  # Latin, modifiers, combining marks
    (0x370, 0x52F), (0x1E00, 0x1FFF),  # Greek, Cyrillic, Latin and Greek with diacritics
    (0x2000, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x218F), (0x2190, 0x2193),  # punctuation, money, numbers, arrows
    (0x2212, 0x2212), (0x221E, 0x221E), (0x2248, 0x2248), (0x2260, 0x2260), (0x2264, 0x2265),
    (0x25A1, 0x25A1), (0x2605, 0x2606), (0x2660, 0x2667), (0x266A, 0x266F), (0x2713, 0x2713), (0xFB00, 0xFB06),
]  # fmt: skip
# Half of the units that Inter is drawn in: half a unit's rounding is 0.01 mm in letters of 20 mm, and an outline takes
# a tenth less of every ticket.
UNITS = 1024
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum", "zero"]


def main(source: pathlib.Path, target: pathlib.Path) -> None:
    for weight in ("Regular", "SemiBold"):
        font = TTFont(source / f"Inter-{weight}.woff2", recalcTimestamp=False)
        options = subset.Options()
        options.layout_features = FEATURES
        options.hinting = False
        options.notdef_outline = True
        options.glyph_names = False
        options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
        options.recalc_timestamp = False
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=[u for first, last in RANGES for u in range(first, last + 1)])
        subsetter.subset(font)
        scale_upem(font, UNITS)
        font.flavor = None
        font.save(target / f"Inter-{weight}.ttf")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
