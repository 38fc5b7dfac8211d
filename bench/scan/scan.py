"""How much a printed code endures before scanners give up: ours beside two others of the same printed size.

Usage: scripts/bench scan [--json FILE] [--quick]

Every code is drawn by segno (not by our own encoder, which has no public interface; the standard leaves only the mask
open), brought to the same side in pixels as a camera would see it, and damaged step by step. Two decoders that share
no code read it: zbar (by zbarimg) and ZXing (by zxing-cpp), as they come. What is printed is the hardest step at
which at least 11 of 12 pictures are read, found by halving; each picture has its own payload, position, and a turn of up to 2 degrees.
"""

import functools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import numpy
import segno
import zxingcpp
from PIL import Image, ImageFilter

SIDE_MM = 60  # printed side of a code without its quiet zone: crates/document/templates/a4.json
QUIET = 4  # modules of white around a code
UNIT = 8  # pixels a module as drawn, before the camera
PICTURES, ENOUGH = 12, 11

ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def text(kind, chance):
    """A payload of the kind: its length and its characters are what counts for the symbol."""
    some = lambda alphabet, count: "".join(chance.choices(alphabet, k=count))
    if kind == "ours":
        return "TK1:" + some(ALNUM, 174)
    if kind == "byte-124":
        return some(BASE64, 124)
    return f"{some(BASE64, 54)}.{some(BASE64, 123)}.{some(BASE64, 86)}"


# Ours at 178 characters, the longest that is usual; the others have the level that our page would give them.
CODES = [
    ("ours", "Q", "ours, 178 chars, Q"),
    ("ours", "M", "ours, 178 chars, M"),
    ("byte-124", "Q", "byte mode, 124 chars, Q"),
    ("byte-124", "M", "byte mode, 124 chars, M"),
    ("jws-265", "Q", "JWS, 265 chars, Q"),
    ("jws-265", "M", "JWS, 265 chars, M"),
]


class Code:
    """One symbol: its text, its modules a side, and its picture at UNIT pixels a module, quiet zone included."""

    def __init__(self, kind, level, chance):
        self.text = text(kind, chance)
        symbol = segno.make(self.text, error=level, boost_error=False, micro=False)
        modules = numpy.array([list(row) for row in symbol.matrix], dtype=bool)
        self.size, self.version = len(modules), symbol.version
        dark = numpy.kron(numpy.pad(modules, QUIET), numpy.ones((UNIT, UNIT), dtype=bool))
        self.picture = Image.fromarray(numpy.where(dark, 0, 255).astype(numpy.uint8))

    def seen(self, side, chance, angle=None, dark=None):
        """As a camera sees it: `side` pixels for the code, white paper around, a little askew."""
        picture = dark(self, self.picture, chance) if dark else self.picture
        angle = chance.uniform(-2, 2) if angle is None else angle
        picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
        scale = side / (self.size * UNIT)
        width, height = (round(length * scale) for length in picture.size)
        # The camera's pixels do not begin where the code does.
        shift = [chance.random() / scale for _ in range(2)]
        picture = picture.transform(
            picture.size, Image.Transform.AFFINE, (1, 0, -shift[0], 0, 1, -shift[1]), Image.Resampling.BILINEAR, fillcolor=255
        )
        page = Image.new("L", (width + 40, height + 40), 255)
        page.paste(picture.resize((width, height), Image.Resampling.BOX), (20, 20))
        return page


def blurred(page, sigma):
    return page.filter(ImageFilter.GaussianBlur(sigma))


def noisy(page, sigma, chance):
    generator = numpy.random.default_rng(chance.getrandbits(32))
    grey = numpy.asarray(page, dtype=float) + generator.normal(0, sigma, (page.height, page.width))
    return Image.fromarray(grey.clip(0, 255).astype(numpy.uint8))


def faint(page, contrast):
    """Black and white brought together around a middle grey."""
    return page.point(lambda grey: round(140 + (grey - 128) * contrast))


def covered(share):
    """A square patch of the share of the code's area, white or black, anywhere clear of the three finder patterns."""

    def cover(code, picture, chance):
        picture = picture.copy()
        patch = round((share**0.5) * code.size * UNIT)
        low, high = (QUIET + 8) * UNIT, (QUIET + code.size - 8) * UNIT
        most = max(low, high - patch)
        corner = [chance.randint(low, most) for _ in range(2)]
        picture.paste(chance.choice((0, 255)), (*corner, corner[0] + patch, corner[1] + patch))
        return picture

    return cover


# Each: a name, the steps from mild to hard, how a step reads, and how a picture of it is made.
DAMAGES = [
    (
        "down-scaling: smallest side",
        [300, 260, 230, 200, 180, 170, 160, 150, 140, 130, 120, 115, 110, 105, 100, 95, 90, 85, 80, 75, 70, 65, 60],
        lambda side: f"{side} px",
        lambda code, side, chance: code.seen(side, chance),
    ),
    (
        "blur: widest (sigma on paper)",
        [step / 20 for step in range(1, 41)],
        lambda sigma: f"{sigma:.2f} mm",
        lambda code, sigma, chance: blurred(code.seen(400, chance), sigma * 400 / SIDE_MM),
    ),
    (
        "noise at 240 px: strongest sigma",
        range(5, 151, 5),
        lambda sigma: f"{sigma} of 255",
        lambda code, sigma, chance: noisy(code.seen(240, chance), sigma, chance),
    ),
    (
        "low contrast at 240 px: least",
        [0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.16, 0.13, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02],
        lambda contrast: f"{contrast:.0%}",
        lambda code, contrast, chance: noisy(faint(code.seen(240, chance), contrast), 2, chance),
    ),
    (
        "occlusion: largest patch",
        [step / 200 for step in range(1, 61)],
        lambda share: f"{share:.1%} of area",
        lambda code, share, chance: code.seen(400, chance, dark=covered(share)),
    ),
    (
        "blur and noise (0.2 mm, 10): side",
        [300, 280, 260, 240, 220, 200, 190, 180, 170, 160, 150, 140, 130, 120, 110, 100, 90, 80],
        lambda side: f"{side} px",
        lambda code, side, chance: noisy(blurred(code.seen(side, chance), 0.2 * side / SIDE_MM), 10, chance),
    ),
]

DECODERS = ("zbar", "zxing")


def read_by_zbar(pages):
    """One call of zbarimg for all pages, as the text of each or None."""
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, f"{number:04}.png") for number in range(len(pages))]
        for file, page in zip(files, pages):
            page.save(file, compress_level=1)
        command = ["zbarimg", "--quiet", "--xml", "-Sdisable", "-Sqrcode.enable", *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 4):  # 4: nothing found in some
            sys.exit(f"zbarimg: {done.stderr}")
    found = {}
    if done.stdout.strip():
        for source in ElementTree.fromstring(done.stdout).iter("{http://zbar.sourceforge.net/2008/barcode}source"):
            data = source.find(".//{*}data")
            found[source.get("href")] = data.text if data is not None else None
    return [found.get(str(file)) for file in files]


def read_by_zxing(pages):
    results = (zxingcpp.read_barcodes(numpy.asarray(page), formats=zxingcpp.BarcodeFormat.QRCode) for page in pages)
    return [found[0].text if found else None for found in results]


READ = {"zbar": read_by_zbar, "zxing": read_by_zxing}


def pictures(kind, level, seed, make, count):
    """`count` codes with their pictures, the same ones every time."""
    chance = random.Random(f"{kind} {level} {seed}")
    codes = [Code(kind, level, chance) for _ in range(count)]
    return codes, [make(code, chance) for code in codes]


def read_share(decoder, codes, pages):
    answers = READ[decoder](pages)
    return sum(answer == code.text for code, answer in zip(codes, answers))


def endured(decoder, kind, level, steps, make):
    """The hardest step that is survived, found by halving; None if the mildest is too much."""
    good, bad = -1, len(steps)
    while bad - good > 1:
        middle = (good + bad) // 2
        if read_share(decoder, *make(kind, level, steps[middle])) >= ENOUGH:
            good = middle
        else:
            bad = middle
    return None if good < 0 else steps[good]


def main(args):
    file, quick = None, False
    while args:
        option = args.pop(0)
        if option == "--json" and args:
            file = args.pop(0)
        elif option == "--quick":
            quick = True
        else:
            sys.exit(__doc__)

    print(f"\nprinted side {SIDE_MM} mm without the quiet zone of {QUIET} modules\n")
    print(f"{'code':<26} {'version':>7} {'modules':>7} {'module':>8}")
    for kind, level, name in CODES:
        code = Code(kind, level, random.Random(0))
        print(f"{name:<26} {code.version:>7} {code.size:>7} {SIDE_MM / code.size:>5.2f} mm")

    figures = []

    def row(damage, decoder, shown, values):
        print(f"{damage:<35} {decoder:<6}" + "".join(f"{cell:>15}" for cell in shown), flush=True)
        for (_, _, name), value in zip(CODES, values):
            figures.append({"damage": damage, "decoder": decoder, "code": name, "value": value})

    print(f"\n{'survived by':<35} {'':<6}" + "".join(f"{kind + ' ' + level:>15}" for kind, level, _ in CODES))
    for damage, steps, reads_as, make in DAMAGES:
        steps = list(steps)[:: 4 if quick else 1]

        @functools.cache  # both decoders are shown the same pictures
        def damaged(kind, level, step, make=make):
            return pictures(kind, level, step, lambda code, chance: make(code, step, chance), PICTURES)

        for decoder in DECODERS:
            values = [endured(decoder, kind, level, steps, damaged) for kind, level, _ in CODES]
            row(damage, decoder, ["none" if value is None else reads_as(value) for value in values], values)

    # Not a ladder: a camera is as likely to be turned one way as another.
    angles = list(range(0, 360, 30 if quick else 5))
    damage = "rotation at 140 px: of all angles"
    for decoder in DECODERS:
        values = []
        for kind, level, _ in CODES:
            turn = iter(angles)
            codes, pages = pictures(
                kind, level, "turn", lambda code, chance: code.seen(140, chance, angle=next(turn)), len(angles)
            )
            values.append(read_share(decoder, codes, pages) / len(angles))
        row(damage, decoder, [f"{value:.0%}" for value in values], values)

    damage = "inverted at 240 px"
    for decoder in DECODERS:
        values = []
        for kind, level, _ in CODES:
            codes, pages = pictures(
                kind, level, "inverted", lambda code, chance: code.seen(240, chance).point(lambda grey: 255 - grey), PICTURES
            )
            values.append(read_share(decoder, codes, pages) / PICTURES)
        row(damage, decoder, [f"{value:.0%}" for value in values], values)

    if file:
        pathlib.Path(file).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
