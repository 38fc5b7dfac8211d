//! The file: the page's content stream, its fonts, its metadata.

use std::cell::RefCell;
use std::io::Write as _;

use jiff::tz::Offset;
use libdeflater::{CompressionLvl, Compressor};
use pdf_writer::{Date, Filter, Finish, Name, Pdf, Rect, Ref, TextStr};
use sha2::{Digest, Sha256};
use unicode_bidi::{BidiClass, bidi_class};

use crate::boxes::{Area, Canvas, Mark, PAGE};
use crate::common::{Common, TIERS};
use crate::embed::{FontName, Fonts};
use crate::face::{Face, FontError};
use crate::qr::Code;
use crate::shape::{Glyph, Line};

/// What the file says of itself.
pub(crate) struct Meta<'a> {
    pub(crate) title: String,
    pub(crate) author: Option<String>,
    pub(crate) language: &'a str,
    pub(crate) issued_at: jiff::Timestamp,
    pub(crate) version: &'a str,
}

/// Writes the file.
pub(crate) fn write(
    canvas: &Canvas,
    faces: &[Face],
    commons: &[[Common; TIERS]],
    meta: &Meta<'_>,
) -> Result<Vec<u8>, FontError> {
    let lines = canvas.marks.iter().filter_map(|mark| match mark {
        Mark::Text { line, .. } => Some(line),
        _ => None,
    });
    let mut fonts = Fonts::new(faces, commons, lines);
    let content = Content::draw(canvas, &mut fonts);
    let packed = deflate(&content);

    let [catalog, pages, page, stream, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let mut pdf = Pdf::with_capacity(48 * 1024);
    let mut root = pdf.catalog(catalog);
    root.pages(pages).lang(TextStr(meta.language));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    pdf.pages(pages).kids([page]).count(1);
    let mut next = Common::after(i32::try_from(commons.len() * TIERS).unwrap_or(0));
    let names = fonts.write(&mut pdf, &mut next)?;
    let mut out = pdf.page(page);
    out.parent(pages).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).contents(stream);
    let mut resources = out.resources();
    let mut dict = resources.fonts();
    for (name, font) in &names {
        dict.pair(Name(name.as_bytes()), *font);
    }
    dict.finish();
    resources.finish();
    out.finish();
    pdf.stream(stream, &packed).filter(Filter::FlateDecode);

    let mut about = pdf.document_info(info);
    about.title(TextStr(&meta.title)).creator(TextStr("Fulfillment")).producer(TextStr(meta.version));
    if let Some(author) = &meta.author {
        about.author(TextStr(author));
    }
    if let Some(date) = date(meta.issued_at) {
        about.creation_date(date).modified_date(date);
    }
    about.finish();

    let mut hash = Sha256::new();
    for part in [meta.version.as_bytes(), &content, meta.title.as_bytes(), meta.language.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(meta.issued_at.as_nanosecond().to_be_bytes());
    let id = hash.finalize()[..16].to_vec();
    pdf.set_file_id((id.clone(), id));
    Ok(pdf.finish())
}

fn date(at: jiff::Timestamp) -> Option<Date> {
    let at = Offset::UTC.to_datetime(at);
    let part = |value: i8| u8::try_from(value).ok();
    Some(
        Date::new(u16::try_from(at.year()).ok()?)
            .month(part(at.month())?)
            .day(part(at.day())?)
            .hour(part(at.hour())?)
            .minute(part(at.minute())?)
            .second(part(at.second())?)
            .utc_offset_hour(0)
            .utc_offset_minute(0),
    )
}

/// Compresses for `FlateDecode`. The same bytes in give the same bytes out.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    thread_local! {
        static COMPRESSOR: RefCell<Compressor> = RefCell::new(compressor(LEVEL));
    }
    COMPRESSOR.with_borrow_mut(|compressor| compress(compressor, bytes))
}

/// The same for what is compressed once and written many times: smaller, and slower.
pub(crate) fn deflate_once(bytes: &[u8]) -> Vec<u8> {
    compress(&mut compressor(SMALLEST), bytes)
}

/// A page's own streams: level 6 takes twice as long for 5 % less.
const LEVEL: i32 = 3;
const SMALLEST: i32 = 12;

fn compressor(level: i32) -> Compressor {
    Compressor::new(CompressionLvl::new(level).unwrap_or_default())
}

fn compress(compressor: &mut Compressor, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    // The bound is what the compressor itself says it needs at most.
    let length = compressor.zlib_compress(bytes, &mut out).unwrap_or(0);
    out.truncate(length);
    out
}

/// The content stream. Everything is written with two decimals, a 36,000th of an inch.
struct Content<'f, 'a> {
    out: Vec<u8>,
    fonts: &'f mut Fonts<'a>,
    font: Option<(FontName, f32)>,
    grey: f32,
}

impl<'f, 'a> Content<'f, 'a> {
    fn draw(canvas: &Canvas, fonts: &'f mut Fonts<'a>) -> Vec<u8> {
        let mut this = Self { out: Vec::with_capacity(16 * 1024), fonts, font: None, grey: 0.0 };
        for mark in &canvas.marks {
            match mark {
                Mark::Text { x, baseline, size, grey, line } => {
                    this.fill_grey(*grey);
                    this.text(*x, PAGE.1 - baseline, *size, line);
                }
                Mark::Fill { area, grey } => {
                    this.fill_grey(*grey);
                    this.numbers(&[area.x, PAGE.1 - area.y - area.height, area.width, area.height]);
                    this.put("re f\n");
                }
                Mark::Dashes { x, y, width, grey } => {
                    this.put("q [3 3] 0 d 0.75 w ");
                    this.numbers(&[*grey]);
                    this.put("G ");
                    this.numbers(&[*x, PAGE.1 - y]);
                    this.put("m ");
                    this.numbers(&[x + width, PAGE.1 - y]);
                    this.put("l S Q\n");
                }
                Mark::Code { area, code } => this.code(*area, code),
            }
        }
        this.out
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn numbers(&mut self, values: &[f32]) {
        for value in values {
            number(&mut self.out, *value);
            self.out.push(b' ');
        }
    }

    fn fill_grey(&mut self, grey: f32) {
        if (self.grey - grey).abs() > f32::EPSILON {
            self.numbers(&[grey]);
            self.put("g\n");
            self.grey = grey;
        }
    }

    /// Modules as whole numbers in a coordinate system of their own: short, and no seams between rows.
    fn code(&mut self, area: Area, code: &Code) {
        self.fill_grey(0.0);
        let module = area.width / f32::from(code.size);
        self.put("q ");
        let mut scale = Vec::new();
        // More decimals here: the error is multiplied by the count of modules.
        let _infallible = write!(scale, "{module:.5} 0 0 -{module:.5} ");
        self.out.extend_from_slice(&scale);
        self.numbers(&[area.x, PAGE.1 - area.y]);
        self.put("cm\n");
        for &(x, y, length) in &code.runs {
            for value in [x, y, length] {
                integer(&mut self.out, i32::from(value));
                self.out.push(b' ');
            }
            self.put("1 re\n");
        }
        self.put("f Q\n");
    }

    fn text(&mut self, x: f32, y: f32, size: f32, line: &Line) {
        self.put("BT ");
        self.numbers(&[x, y]);
        self.put("Td\n");
        let mut pen = Pen::default();
        for run in &line.runs {
            // A mark belongs to the letter that it follows in reading order: readers take a moved one for a word.
            let moved = |mark: &Glyph| mark.advance == 0 && (mark.dx != 0 || mark.dy != 0);
            let together = |a: &Glyph, b: &Glyph| {
                a.start == b.start || if run.rtl { is_mark(&line.text, a) } else { moved(b) }
            };
            for cluster in run.glyphs.chunk_by(together) {
                let start = cluster.iter().map(|glyph| glyph.start).min().unwrap_or(0) as usize;
                let end = cluster.iter().map(|glyph| glyph.end).max().unwrap_or(0) as usize;
                let text = line.text.get(start..end).unwrap_or("");
                if run.rtl && text.chars().nth(1).is_some() {
                    self.rtl_cluster(run.face, cluster, text, size, &mut pen);
                } else {
                    self.cluster(run.face, cluster, text, size, &mut pen);
                }
            }
        }
        self.close(&mut pen);
        if pen.rise != 0 {
            self.put("0 Ts ");
        }
        self.put("ET\n");
    }

    /// One glyph for some characters: the font's table says which. Several glyphs, or a box for a missing character:
    /// the text stands beside them.
    fn cluster(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        if let [glyph] = cluster
            && glyph.id != 0
            && !text.is_empty()
        {
            return self.glyph(face, glyph, Some(text), size, pen);
        }
        self.begin_span(text, pen);
        for glyph in cluster {
            self.glyph(face, glyph, None, size, pen);
        }
        self.end_span(pen);
    }

    /// Characters that share glyphs, or marks with their letter, read from right to left. Readers turn such a line
    /// around character by character, some of them within a glyph's text too. So the glyphs stand for the first
    /// character alone, and the others get invisible glyphs without width on its left.
    fn rtl_cluster(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        let Some(id) = self.fonts.blank(face) else { return self.cluster(face, cluster, text, size, pen) };
        let blank = Glyph { id, natural: 0, advance: 0, dx: 0, dy: 0, start: 0, end: 0 };
        let first = text.chars().next().map_or(0, char::len_utf8);
        self.render_mode("3 Tr ", pen);
        for (at, c) in text.char_indices().skip(1).collect::<Vec<_>>().into_iter().rev() {
            self.glyph(face, &blank, text.get(at..at + c.len_utf8()), size, pen);
        }
        self.render_mode("0 Tr ", pen);
        if let [_] = cluster {
            return self.cluster(face, cluster, &text[..first], size, pen);
        }
        // The text's place is from the first glyph's left to the last one's right end, and marks come first wherever
        // they stand: one more blank tells where the letter is.
        self.begin_span(&text[..first], pen);
        self.render_mode("3 Tr ", pen);
        self.glyph(face, &blank, None, size, pen);
        self.render_mode("0 Tr ", pen);
        for glyph in cluster {
            self.glyph(face, glyph, None, size, pen);
        }
        self.end_span(pen);
    }

    fn begin_span(&mut self, text: &str, pen: &mut Pen) {
        self.close(pen);
        self.put("/Span<</ActualText<FEFF");
        for unit in text.encode_utf16() {
            hex(&mut self.out, unit);
        }
        self.put(">>>BDC ");
    }

    fn end_span(&mut self, pen: &mut Pen) {
        self.close(pen);
        self.put("EMC\n");
    }

    fn render_mode(&mut self, operator: &str, pen: &mut Pen) {
        self.close(pen);
        self.put(operator);
    }

    fn glyph(&mut self, face: usize, glyph: &Glyph, text: Option<&str>, size: f32, pen: &mut Pen) {
        let (font, code) = self.fonts.place(face, glyph, text);
        if self.font != Some((font, size)) {
            self.close(pen);
            self.put("/");
            self.put(&font.name());
            self.put(" ");
            self.numbers(&[size]);
            self.put("Tf ");
            self.font = Some((font, size));
        }
        if pen.rise != glyph.dy {
            self.close(pen);
            #[expect(clippy::cast_precision_loss, reason = "an offset within a glyph")]
            self.numbers(&[glyph.dy as f32 * size / 1000.0]);
            self.put("Ts ");
            pen.rise = glyph.dy;
        }
        pen.ahead += glyph.dx;
        if !pen.open {
            self.put("[");
            pen.open = true;
        }
        if pen.ahead != 0 {
            if std::mem::take(&mut pen.string) {
                self.put(">");
            }
            integer(&mut self.out, -pen.ahead);
        }
        if !pen.string {
            self.put("<");
            pen.string = true;
        }
        hex(&mut self.out, code);
        pen.ahead = glyph.advance - glyph.natural - glyph.dx;
    }

    /// Ends the array of strings and moves.
    fn close(&mut self, pen: &mut Pen) {
        if std::mem::take(&mut pen.string) {
            self.put(">");
        }
        if std::mem::take(&mut pen.open) {
            self.put("]TJ\n");
        }
    }
}

/// Whether a glyph stands for a mark on a letter.
fn is_mark(text: &str, glyph: &Glyph) -> bool {
    let first = text.get(glyph.start as usize..).and_then(|rest| rest.chars().next());
    first.is_some_and(|c| bidi_class(c) == BidiClass::NSM)
}

/// Where a text's drawing stands.
#[derive(Default)]
struct Pen {
    /// An array is open.
    open: bool,
    /// A string in it is open.
    string: bool,
    /// How far the next glyph is to stand from where a viewer would put it, in thousandths of an em.
    ahead: i32,
    /// The height above the baseline, likewise.
    rise: i32,
}

fn integer(out: &mut Vec<u8>, value: i32) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs());
}

fn digits(out: &mut Vec<u8>, value: u32) {
    if value >= 10 {
        digits(out, value / 10);
    }
    out.push(b'0' + (value % 10).to_le_bytes()[0]);
}

/// A number with at most two decimals.
fn number(out: &mut Vec<u8>, value: f32) {
    #[expect(clippy::cast_possible_truncation, reason = "lengths on a page")]
    let hundredths = (value * 100.0).round() as i32;
    if hundredths < 0 {
        out.push(b'-');
    }
    let (whole, rest) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    digits(out, whole);
    if rest != 0 {
        out.push(b'.');
        digits(out, rest / 10);
        if !rest.is_multiple_of(10) {
            digits(out, rest % 10);
        }
    }
}

fn hex(out: &mut Vec<u8>, value: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(value >> shift & 15)]));
}
