"""The page by ReportLab. Modes: `plain` with its own QR widget; `tuned` with the code made by zxing-cpp (C++) and
drawn as one path, and with ReportLab's accelerator written in C installed (for both)."""

import io
import json
import sys
import time

import reportlab.rl_config
import zxingcpp
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

page_path, regular, bold, mode = sys.argv[1:]
reportlab.rl_config.invariant = 1
with open(page_path, encoding="utf-8") as file:
    PAGE = json.load(file)
pdfmetrics.registerFont(TTFont("Regular", regular))
pdfmetrics.registerFont(TTFont("Bold", bold))


def draw(number):
    digits = f"{number:010}"
    height = PAGE["height"]
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(PAGE["width"], height), pageCompression=1, lang="en")
    canvas.setTitle(PAGE["title"])
    for rect in PAGE["rects"]:
        canvas.setFillGray(rect["grey"])
        canvas.rect(rect["x"], height - rect["y"] - rect["height"], rect["width"], rect["height"], stroke=0, fill=1)
    for text in PAGE["texts"]:
        canvas.setFillGray(text["grey"])
        canvas.setFont("Bold" if text["bold"] else "Regular", text["size"])
        words = text["text"].replace("{number}", f"{digits[:5]} {digits[5:]}")
        canvas.drawString(text["x"], height - text["y"], words)
    code = PAGE["code"]
    payload = code["text"].replace("{digits}", digits)
    if mode == "plain":
        widget = QrCodeWidget(payload, barLevel="Q", barBorder=0, barWidth=code["side"], barHeight=code["side"])
        drawing = Drawing(code["side"], code["side"])
        drawing.add(widget)
        renderPDF.draw(drawing, canvas, code["x"], height - code["y"] - code["side"])
    else:
        canvas.setFillGray(0)
        symbol = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
        rows = memoryview(symbol.to_image(scale=1, add_quiet_zones=False))
        size = rows.shape[0]
        module = code["side"] / size
        path = canvas.beginPath()
        for y, row in enumerate(rows.tolist()):
            top = height - code["y"] - (y + 1) * module
            x = 0
            while x < size:
                end = x
                while end < size and not row[end]:
                    end += 1
                if end > x:
                    path.rect(code["x"] + x * module, top, (end - x) * module, module)
                x = end + 1
        canvas.drawPath(path, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


number = 0
for line in sys.stdin:
    what, value = line.rstrip("\n").split(" ", 1)
    if what == "draw":
        begun = time.thread_time_ns()
        for _ in range(int(value)):
            number += 1
            pdf = draw(number)
        print(time.thread_time_ns() - begun, len(pdf), flush=True)
    else:
        with open(value, "wb") as file:
            file.write(draw(1234567890))
        print("saved", flush=True)
