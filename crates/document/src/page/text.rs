//! Writes lines of text to the content stream: glyphs, their positions, and the text that they represent.

use std::io::Write as _;

use unicode_bidi::{BidiClass, bidi_class};

use crate::font::Glyph;
use crate::pdf::{integer, text_string};
use crate::text::{Drawn, Line, MISSING};

use super::content::Content;

impl Content<'_, '_> {
    /// Writes a line; its left end and its baseline are counted from the page's bottom left.
    pub(super) fn text(&mut self, x: f32, y: f32, size: f32, line: &Line) {
        self.put("BT ");
        self.numbers(&[x, y]);
        self.put("Td\n");
        let mut pen = Pen::default();
        let mut pictures = Vec::new();
        for run in &line.runs {
            // A mark belongs to the letter that it follows in reading order: text extractors take a moved one for a
            // separate word.
            let moved = |mark: &Glyph| mark.advance == 0 && (mark.dx != 0 || mark.dy != 0);
            let together = |a: &Glyph, b: &Glyph| {
                a.start == b.start || if run.rtl { is_mark(&line.text, a) } else { moved(b) }
            };
            for cluster in run.glyphs.chunk_by(together) {
                let start = cluster.iter().map(|glyph| glyph.start).min().unwrap_or(0) as usize;
                let end = cluster.iter().map(|glyph| glyph.end).max().unwrap_or(0) as usize;
                let text = line.text.get(start..end).unwrap_or("");
                if run.drawn == Drawn::Boxes {
                    self.boxes(run.face, cluster, text, size, &mut pen);
                } else if run.drawn == Drawn::Pictures {
                    self.room(cluster, text, size, &mut pen);
                    pictures.push((run.face, cluster, pen.at));
                } else if run.rtl && text.chars().nth(1).is_some() {
                    self.rtl_cluster(run.face, cluster, text, size, &mut pen);
                } else {
                    self.cluster(run.face, cluster, text, size, &mut pen);
                }
            }
        }
        // A program that joins the lines again needs the space between their words.
        if line.goes_on
            && let Some(run) = line.runs.last().filter(|run| !run.rtl)
            && let Some(space) = self.fonts.space(run.face)
        {
            self.glyph(run.face, &space, Some(" "), size, &mut pen);
        }
        self.close(&mut pen);
        if pen.rise != 0 {
            self.put("0 Ts ");
        }
        self.put("ET\n");
        for (face, cluster, end) in pictures {
            self.pictures(face, cluster, [x, y, size], end);
        }
    }

    /// Leaves room for pictures in a line: a space stretched to their width, which carries their text.
    fn room(&mut self, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        let advance = cluster.iter().map(|glyph| glyph.advance).sum();
        let Some(space) = self.fonts.space(0).filter(|space| space.natural > 0 && advance > 0) else {
            return;
        };
        let stretched = f64::from(advance) / f64::from(space.natural) * 100.0;
        // A pending move is measured without the stretching.
        self.move_ahead(pen);
        self.close(pen);
        let _infallible = write!(self.out, "{stretched:.4} Tz ");
        self.glyph(0, &Glyph { natural: advance, advance, ..space }, Some(text), size, pen);
        self.close(pen);
        self.put("100 Tz ");
    }

    /// Draws pictures that end at this position in a line, in thousandths of an em.
    fn pictures(&mut self, face: usize, cluster: &[Glyph], [x, y, size]: [f32; 3], end: i32) {
        let mut at = end - cluster.iter().map(|glyph| glyph.advance).sum::<i32>();
        #[expect(clippy::cast_precision_loss, reason = "places within a line")]
        let place = |thousandths: i32| thousandths as f32 * size / 1000.0;
        for glyph in cluster {
            if let Some((number, emoji)) = self.fonts.picture(face, glyph.id) {
                self.put("q ");
                self.numbers(&[emoji.width * size, 0.0, 0.0, emoji.height * size]);
                self.numbers(&[
                    x + place(at + glyph.dx) + emoji.left * size,
                    y + place(glyph.dy) + emoji.bottom * size,
                ]);
                let _infallible = writeln!(self.out, "cm/E{number} Do Q");
            }
            at += glyph.advance;
        }
    }

    /// Draws boxes for characters that no font has; their text is given as `ActualText`.
    fn boxes(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        self.begin_span(text, pen);
        for glyph in cluster {
            self.glyph(face, glyph, Some(MISSING), size, pen);
        }
        self.end_span(pen);
    }

    /// Draws a cluster. For one glyph, the font's table gives its text; for several, the text is given as `ActualText`.
    fn cluster(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        if let [glyph] = cluster
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

    /// Draws characters that share glyphs, or marks with their letter, in right-to-left text. Text extractors reverse
    /// such a line character by character, some of them also within a glyph's text. So the glyphs carry only the first
    /// character, and each other character gets an invisible glyph without width on its left.
    fn rtl_cluster(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        let Some(blank) = self.fonts.blank(face) else { return self.cluster(face, cluster, text, size, pen) };
        let first = text.chars().next().map_or(0, char::len_utf8);
        self.render_mode("3 Tr ", pen);
        for (at, c) in text.char_indices().skip(1).collect::<Vec<_>>().into_iter().rev() {
            self.glyph(face, &blank, text.get(at..at + c.len_utf8()), size, pen);
        }
        self.render_mode("0 Tr ", pen);
        if let [_] = cluster {
            return self.cluster(face, cluster, &text[..first], size, pen);
        }
        // The text's extent is from the first glyph's left to the last one's right end, and marks come first wherever
        // they are drawn: one more blank marks the letter's position.
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
        self.put("/Span<</ActualText");
        text_string(&mut self.out, text);
        self.put(">>BDC ");
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
        self.move_ahead(pen);
        self.open(pen);
        if !pen.string {
            self.put("(");
            pen.string = true;
        }
        self.string(code);
        pen.ahead = glyph.advance - glyph.natural - glyph.dx;
        pen.at += glyph.advance;
    }

    /// Writes the pending move before the next glyph.
    fn move_ahead(&mut self, pen: &mut Pen) {
        let ahead = std::mem::take(&mut pen.ahead);
        if ahead != 0 {
            self.open(pen);
            if std::mem::take(&mut pen.string) {
                self.put(")");
            }
            integer(&mut self.out, -ahead);
        }
    }

    /// Begins a `TJ` array of strings and moves, unless one is open.
    fn open(&mut self, pen: &mut Pen) {
        if !std::mem::replace(&mut pen.open, true) {
            self.put("[");
        }
    }

    /// Writes a glyph's number in a literal string: half as long as in hexadecimal.
    fn string(&mut self, code: u16) {
        for byte in code.to_be_bytes() {
            match byte {
                b'\r' => self.put("\\r"),
                b'(' | b')' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                byte => self.out.push(byte),
            }
        }
    }

    /// Ends the `TJ` array of strings and moves.
    fn close(&mut self, pen: &mut Pen) {
        if std::mem::take(&mut pen.string) {
            self.put(")");
        }
        if std::mem::take(&mut pen.open) {
            self.put("]TJ\n");
        }
    }
}

/// Whether a glyph represents a mark on a letter.
fn is_mark(text: &str, glyph: &Glyph) -> bool {
    let first = text.get(glyph.start as usize..).and_then(|rest| rest.chars().next());
    first.is_some_and(|c| bidi_class(c) == BidiClass::NSM)
}

/// The state of a line that is being drawn.
#[derive(Default)]
struct Pen {
    /// An array is open.
    open: bool,
    /// A string in it is open.
    string: bool,
    /// How far the next glyph is to be moved from where a viewer would put it, in thousandths of an em.
    ahead: i32,
    /// The height above the baseline, in thousandths of an em.
    rise: i32,
    /// The current position in the line, in thousandths of an em.
    at: i32,
}
