"""Draws one page with several libraries in turn and compares what they take. scripts/bench document calls it.

Each peer is a process that answers `draw COUNT` with the time it was on a core and the size of its last page. They take
turns, so that whatever else the machine does hits all of them, and each is judged by its median turn. Before that, each
page is looked at by others: its words by pdftotext, its code by poppler and zbar.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FONTS = os.path.join(HERE, "../../crates/document/fonts")
PAGE = os.path.join(HERE, "page.json")
# How many pages fill a turn, by the first turn's speed.
TURN_NS = 150e6
# How many of our pages a peer's page should be worth, at its best and as it comes: what we aim at.
AIMS = {"krilla": (6, "best"), "typst": (12, "as it comes"), "ReportLab": (300, "as it comes")}


class Peer:
    def __init__(self, group, name, tags, command):
        self.group, self.name, self.tags = group, name, tags
        arguments = [PAGE, f"{FONTS}/Inter-Regular.ttf", f"{FONTS}/Inter-SemiBold.ttf"]
        self.process = subprocess.Popen(
            [part for word in command for part in (arguments if word == "PAGE" else [word])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.times, self.bytes, self.count = [], 0, 3

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} gave up")
        return answer

    def turn(self):
        nanoseconds, size = self.ask(f"draw {self.count}").split()
        self.bytes = int(size)
        return float(nanoseconds) / self.count

    def warm(self, turns):
        # A just-in-time compiler needs its time too.
        for _ in range(turns):
            # The kernel counts time in ticks of some milliseconds: a turn without one was too short.
            taken = self.turn()
            self.count = max(1, min(500, round(TURN_NS / taken))) if taken else 10 * self.count

    @property
    def median(self):
        return statistics.median(self.times)

    def check(self, folder):
        """Exits unless the page has the words and the code it should."""
        path = os.path.join(folder, "page.pdf")
        self.ask(f"save {path}")
        words = run("pdftotext", "-raw", path, "-").split()
        with open(PAGE, encoding="utf-8") as file:
            page = json.load(file)
        wanted = " ".join(text["text"] for text in page["texts"]).replace("{number}", "12345 67890").split()
        # Kerning makes some readers lose spaces; no letter may be lost.
        there, asked = (sorted("".join(words)) for words in (words, wanted))
        if there != asked:
            sys.exit(f"{self.name} draws other words: {words}")
        run("pdftoppm", "-r", "200", "-gray", "-singlefile", path, os.path.join(folder, "page"))
        code = run("zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", os.path.join(folder, "page.pgm"))
        if code.rstrip("\n") != page["code"]["text"].replace("{digits}", "1234567890"):
            sys.exit(f"{self.name} draws another code: {code}")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def peers(options):
    krilla, typst = "krilla 0.8.2", "typst 0.15.1"
    rl, pdfkit = "ReportLab 5.1.0", "pdfkit 0.20.2"
    node = ["node", os.path.join(options.pdfkit, "peer.js"), "PAGE"]
    python = [options.python, os.path.join(HERE, "reportlab/peer.py"), "PAGE"]
    return [
        Peer("ours", "ours", "A-2a, UA-1", [options.ours]),
        Peer("ours", "ours, without tags", "", [options.ours, "untagged"]),
        Peer(krilla, f"{krilla}, as it comes", "", [options.krilla, "PAGE", "plain"]),
        Peer(krilla, f"{krilla}, tuned", "", [options.krilla_tuned, "PAGE", "tuned"]),
        Peer(krilla, f"{krilla}, tuned", "A-2a, UA-1", [options.krilla_tuned, "PAGE", "tuned-tagged"]),
        Peer(typst, f"{typst}, as it comes", "tags", [options.typst, "PAGE", "plain"]),
        Peer(typst, f"{typst}, tuned", "", [options.typst, "PAGE", "tuned"]),
        Peer(typst, f"{typst}, tuned", "A-2a, UA-1", [options.typst, "PAGE", "tuned-tagged"]),
        Peer(rl, f"{rl}, as it comes", "", [*python, "plain"]),
        Peer(rl, f"{rl}, tuned, code by zxing-cpp", "", [*python, "tuned"]),
        Peer(pdfkit, f"{pdfkit}, as it comes", "", [*node, "plain"]),
        Peer(pdfkit, f"{pdfkit}, tuned", "", [*node, "tuned"]),
        Peer(pdfkit, f"{pdfkit}, tuned", "UA-1", [*node, "tuned-tagged"]),
    ]


def main():
    parser = argparse.ArgumentParser(description="The same page by several libraries, in turn.")
    parser.add_argument("--json", metavar="FILE", help="the figures as a list of {name, value, unit, ...} too")
    parser.add_argument("--quick", action="store_true", help="few turns")
    for name in ("ours", "krilla", "krilla-tuned", "typst", "python", "pdfkit"):
        parser.add_argument(f"--{name}", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    everyone = peers(options)
    with tempfile.TemporaryDirectory() as folder:
        for peer in everyone:
            peer.check(folder)
    for peer in everyone:
        peer.warm(2 if options.quick else 5)
    for _ in range(3 if options.quick else 15):
        for peer in everyone:
            peer.times.append(peer.turn())
    for peer in everyone:
        peer.end()
    ours = everyone[0].median
    print(f"{'one page, CPU time':<42} {'tags':<11} {'median':>10} {'fastest':>10} {'bytes':>7} {'ours is':>9}")
    figures = []
    for peer in everyone:
        ratio = peer.median / ours
        print(
            f"{peer.name:<42} {peer.tags:<11} {peer.median / 1e3:>7.0f} µs {min(peer.times) / 1e3:>7.0f} µs"
            f" {peer.bytes:>7} {ratio:>6.1f} x"
        )
        figures.append(
            {"name": peer.name, "value": peer.median / 1e3, "unit": "µs", "tags": peer.tags, "bytes": peer.bytes, "ratio": ratio}
        )
    print("Every ratio is to ours with its tags and its archival parts.")
    for library, (aim, which) in AIMS.items():
        rows = [peer for peer in everyone if peer.group.startswith(library)]
        if which == "best":
            ratio = min(peer.median for peer in rows) / ours
        else:
            ratio = next(peer.median for peer in rows if peer.name.endswith(which)) / ours
        reached = "reached" if ratio >= aim else "not reached"
        print(f"{library}, {which}: {ratio:.1f} x, the aim of {aim} x is {reached}")
        figures.append({"name": f"{library}, {which}", "value": ratio, "unit": "x", "aim": aim})
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, ensure_ascii=False, indent=2)
            file.write("\n")


main()
