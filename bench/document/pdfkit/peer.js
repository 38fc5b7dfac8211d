// The page by pdfkit with the `qrcode` package. Modes: `plain` draws module by module; `tuned` and `tuned-tagged` draw the
// code's runs as one path from fonts read once, the latter with a tagged tree as PDF/UA.
//
// Time is the process's on all cores: Node has no clock of a thread, and collects garbage on others.
"use strict";
const fs = require("node:fs");
const readline = require("node:readline");
const PDFDocument = require("pdfkit");
const QRCode = require("qrcode");

const [pagePath, regular, bold, mode] = process.argv.slice(2);
const page = JSON.parse(fs.readFileSync(pagePath, "utf8"));
const tuned = mode.startsWith("tuned");
const tagged = mode.endsWith("tagged");
const fonts = tuned ? [fs.readFileSync(regular), fs.readFileSync(bold)] : [regular, bold];

function drawCode(doc, payload) {
  const { x, y, side } = page.code;
  const { modules } = QRCode.create(payload, { errorCorrectionLevel: "Q" });
  const { size, data } = modules;
  const module = side / size;
  doc.fillColor("black");
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!data[row * size + column]) continue;
      let end = column + 1;
      while (tuned && end < size && data[row * size + end]) end++;
      doc.rect(x + column * module, y + row * module, (end - column) * module, module);
      if (!tuned) doc.fill();
      column = end - 1;
    }
  }
  if (tuned) doc.fill();
}

function draw(number) {
  const digits = String(number).padStart(10, "0");
  const doc = new PDFDocument({
    size: [page.width, page.height],
    margin: 0,
    font: fonts[0],
    lang: "en",
    info: { Title: page.title, CreationDate: new Date(0) },
    ...(tagged ? { pdfVersion: "1.7", subset: "PDF/UA", tagged: true, displayTitle: true } : {}),
  });
  const chunks = [];
  doc.on("data", (chunk) => chunks.push(chunk));
  const done = new Promise((resolve) => doc.on("end", () => resolve(Buffer.concat(chunks))));
  doc.registerFont("Regular", fonts[0]).registerFont("Bold", fonts[1]);
  const root = tagged ? doc.struct("Document") : null;
  if (root) doc.addStructure(root);
  const part = (type, options, content) => {
    if (root) root.add(doc.struct(type, options, content));
    else content();
  };
  if (root) doc.markContent("Artifact", { type: "Layout" });
  for (const rect of page.rects) {
    const grey = Math.round(rect.grey * 255);
    doc.rect(rect.x, rect.y, rect.width, rect.height).fill([grey, grey, grey]);
  }
  if (root) doc.endMarkedContent();
  for (const text of page.texts) {
    const words = text.text.replace("{number}", `${digits.slice(0, 5)} ${digits.slice(5)}`);
    const grey = Math.round(text.grey * 255);
    const type = { heading: "H1", label: "Span", text: "P" }[text.role];
    part(type, {}, () => {
      doc.font(text.bold ? "Bold" : "Regular").fontSize(text.size).fillColor([grey, grey, grey]);
      doc.text(words, text.x, text.y, { lineBreak: false, baseline: "alphabetic" });
    });
  }
  part("Figure", { alt: "The ticket's code" }, () => drawCode(doc, page.code.text.replace("{digits}", digits)));
  if (root) root.end();
  doc.end();
  return done;
}

async function main() {
  let number = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const at = line.indexOf(" ");
    const value = line.slice(at + 1);
    if (line.slice(0, at) === "draw") {
      const begun = process.cpuUsage();
      let pdf;
      for (let index = 0; index < Number(value); index++) pdf = await draw(++number);
      const { user, system } = process.cpuUsage(begun);
      console.log((user + system) * 1000, pdf.length);
    } else {
      fs.writeFileSync(value, await draw(1234567890));
      console.log("saved");
    }
  }
}

main();
