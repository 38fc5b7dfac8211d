//! The page's content stream: marks as operators, each told apart for the structure tree.

use std::io::Write as _;

use fulfillment_qr::Symbol;
use unicode_bidi::{BidiClass, bidi_class};

use crate::boxes::{Area, Colour, DisplayItem, DisplayList, PlacedLine, Role};
use crate::embed::{FontName, FontResources};
use crate::file::{digits, integer, text_string};
use crate::shape::{Drawn, Glyph, Line, MISSING};
use crate::tags::StructureTree;

/// Draws everything; fonts and tree grow with it. The canvas's images are called from `first_image` on, its
/// background `background`.
pub(crate) fn draw(
    display_list: &DisplayList,
    first_image: usize,
    background: usize,
    fonts: &mut FontResources<'_>,
    tree: &mut StructureTree,
) -> Vec<u8> {
    let out = Vec::with_capacity(16 * 1024);
    let (colour, (width, height)) = (Colour::BLACK, display_list.page);
    let (marking, decorating) = (!tree.is_none(), false);
    let mut content = Content {
        out,
        fonts,
        font: None,
        colour,
        width,
        height,
        first_image,
        background,
        marking,
        decorating,
    };
    for item in &display_list.items {
        content.item(item, tree);
    }
    content.end_decoration();
    content.out
}

/// Everything is written with two decimals, a 36,000th of an inch.
struct Content<'f, 'a> {
    out: Vec<u8>,
    fonts: &'f mut FontResources<'a>,
    font: Option<(FontName, f32)>,
    colour: Colour,
    /// The page's.
    width: f32,
    height: f32,
    first_image: usize,
    background: usize,
    /// Pieces are marked for the tree.
    marking: bool,
    /// What is drawn now is no part of the tree.
    decorating: bool,
}

impl Content<'_, '_> {
    fn item(&mut self, item: &DisplayItem, tree: &mut StructureTree) {
        match item {
            DisplayItem::Text { role, size, colour, lines } => {
                // Glyphs from right to left stand in the file from left to right: the tree has the text as it is read.
                let spoken = match role {
                    Role::Label => lines.first().map(|placed| format!("{}: ", placed.line.text)),
                    _ if lines.iter().any(|placed| placed.line.runs.iter().any(|run| run.rtl)) => {
                        Some(lines.iter().map(|placed| &*placed.line.text).collect::<Vec<_>>().join(" "))
                    }
                    _ => None,
                };
                let marked = tree.text(*role, spoken.as_deref());
                self.begin(marked);
                self.fill(*colour);
                for PlacedLine { x, baseline, line } in lines {
                    self.text(*x, self.height - baseline, *size, line);
                }
                self.end(marked);
            }
            DisplayItem::Fill { area, colour } => {
                self.begin(None);
                self.fill(*colour);
                self.numbers(&[area.x, self.height - area.y - area.height, area.width, area.height]);
                self.put("re f\n");
            }
            DisplayItem::Dashes { area, dash, colour } => {
                self.begin(None);
                self.dashes(*area, *dash, *colour);
            }
            DisplayItem::Background { size: (width, height) } => {
                self.begin(None);
                self.put("q ");
                let _infallible =
                    write!(self.out, "{:.6} 0 0 {:.6} 0 0 ", self.width / width, self.height / height);
                let _infallible = writeln!(self.out, "cm/I{} Do Q", self.background);
            }
            DisplayItem::Image { area, image, alt } => {
                let marked = alt.as_ref().and_then(|alt| tree.figure(self.on_paper(*area), alt));
                self.begin(marked);
                self.put("q ");
                self.numbers(&[area.width, 0.0, 0.0, area.height]);
                self.numbers(&[area.x, self.height - area.y - area.height]);
                let _infallible = writeln!(self.out, "cm/I{} Do Q", self.first_image + image);
                self.end(marked);
            }
            DisplayItem::Code { area, symbol, alt } => {
                let marked = tree.figure(self.on_paper(*area), alt);
                self.begin(marked);
                self.code(*area, symbol);
                self.end(marked);
            }
        }
    }

    /// Begins a piece of the tree with its kind and number, or decoration.
    fn begin(&mut self, marked: Option<(&str, usize)>) {
        match marked {
            Some((role, number)) => {
                self.end_decoration();
                for part in ["/", role, "<</MCID "] {
                    self.put(part);
                }
                integer(&mut self.out, i32::try_from(number).unwrap_or(0));
                self.put(">>BDC\n");
            }
            None if self.marking && !self.decorating => {
                self.decorating = true;
                self.put("/Artifact BMC\n");
            }
            None => {}
        }
    }

    /// Ends a piece of the tree; decoration goes on until something else begins.
    fn end(&mut self, marked: Option<(&str, usize)>) {
        if marked.is_some() {
            self.put("EMC\n");
        }
    }

    fn end_decoration(&mut self) {
        if std::mem::take(&mut self.decorating) {
            self.put("EMC\n");
        }
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

    fn fill(&mut self, colour: Colour) {
        if self.colour != colour {
            self.colour(colour, ["g\n", "rg\n"]);
            self.colour = colour;
        }
    }

    /// A colour and its operator: the first for greys, the second for the others.
    fn colour(&mut self, Colour([red, green, blue]): Colour, operators: [&str; 2]) {
        let grey = red == green && green == blue;
        let channels: &[u8] = if grey { &[red] } else { &[red, green, blue] };
        for channel in channels {
            // Three decimals tell all 256 values apart.
            match (u32::from(*channel) * 1000 + 127) / 255 {
                0 => self.put("0 "),
                1000 => self.put("1 "),
                thousandths => {
                    let _infallible = write!(self.out, ".{thousandths:03} ");
                }
            }
        }
        self.put(operators[usize::from(!grey)]);
    }

    /// The area's lower left and upper right corners, as a PDF counts: from the bottom.
    fn on_paper(&self, area: Area) -> [f32; 4] {
        [area.x, self.height - area.y - area.height, area.x + area.width, self.height - area.y]
    }

    fn dashes(&mut self, area: Area, dash: [f32; 2], colour: Colour) {
        let [x, bottom, right, top] = self.on_paper(area);
        let (thick, from, to) = if area.width >= area.height {
            let middle = f32::midpoint(bottom, top);
            (area.height, [x, middle], [right, middle])
        } else {
            let middle = f32::midpoint(x, right);
            (area.width, [middle, top], [middle, bottom])
        };
        self.put("q [");
        self.numbers(&dash);
        self.put("] 0 d ");
        self.numbers(&[thick]);
        self.put("w ");
        self.colour(colour, ["G ", "RG "]);
        self.numbers(&from);
        self.put("m ");
        self.numbers(&to);
        self.put("l S Q\n");
    }

    /// Modules as whole numbers in a coordinate system of their own: short, and no seams between rows.
    fn code(&mut self, area: Area, symbol: &Symbol) {
        self.fill(Colour::BLACK);
        let module = area.width / f32::from(symbol.side());
        self.put("q ");
        let mut scale = Vec::new();
        // More decimals here: the error is multiplied by the count of modules.
        let _infallible = write!(scale, "{module:.5} 0 0 -{module:.5} ");
        self.out.extend_from_slice(&scale);
        self.numbers(&[area.x, self.height - area.y]);
        self.put("cm\n");
        for &(x, y, length) in symbol.runs() {
            // All are below a hundred; the leading space of those below ten costs less than the question.
            let mut run = *b"         1 re\n";
            for (at, value) in [x, y, length].into_iter().enumerate() {
                let [value, _] = value.to_le_bytes();
                if value >= 10 {
                    run[3 * at] = b'0' + value / 10;
                }
                run[3 * at + 1] = b'0' + value % 10;
            }
            self.out.extend_from_slice(&run);
        }
        self.put("f Q\n");
    }

    fn text(&mut self, x: f32, y: f32, size: f32, line: &Line) {
        self.put("BT ");
        self.numbers(&[x, y]);
        self.put("Td\n");
        let mut pen = Pen::default();
        let mut pictures = Vec::new();
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
        // Whoever puts the lines together again needs the space between their words.
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

    /// The room that pictures take in a line: a space stretched to their width, which stands for their text.
    fn room(&mut self, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        let advance = cluster.iter().map(|glyph| glyph.advance).sum();
        let Some(space) = self.fonts.space(0).filter(|space| space.natural > 0 && advance > 0) else {
            return;
        };
        let stretched = f64::from(advance) / f64::from(space.natural) * 100.0;
        // What is still to be moved is measured without the stretching.
        self.move_ahead(pen);
        self.close(pen);
        let _infallible = write!(self.out, "{stretched:.4} Tz ");
        self.glyph(0, &Glyph { natural: advance, advance, ..space }, Some(text), size, pen);
        self.close(pen);
        self.put("100 Tz ");
    }

    /// Draws pictures that end at a place in a line, in thousandths of an em.
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

    /// Boxes for characters that no font has; the text stands beside them.
    fn boxes(&mut self, face: usize, cluster: &[Glyph], text: &str, size: f32, pen: &mut Pen) {
        self.begin_span(text, pen);
        for glyph in cluster {
            self.glyph(face, glyph, Some(MISSING), size, pen);
        }
        self.end_span(pen);
    }

    /// One glyph for some characters: the font's table says which. Several glyphs: the text stands beside them.
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

    /// Characters that share glyphs, or marks with their letter, read from right to left. Readers turn such a line
    /// around character by character, some of them within a glyph's text too. So the glyphs stand for the first
    /// character alone, and the others get invisible glyphs without width on its left.
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

    /// Moves to where the next glyph is to stand.
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

    /// Begins an array of strings and moves.
    fn open(&mut self, pen: &mut Pen) {
        if !std::mem::replace(&mut pen.open, true) {
            self.put("[");
        }
    }

    /// A glyph's number in a string: half of what it takes in hexadecimal.
    fn string(&mut self, code: u16) {
        for byte in code.to_be_bytes() {
            match byte {
                b'\r' => self.put("\\r"),
                b'(' | b')' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                byte => self.out.push(byte),
            }
        }
    }

    /// Ends the array of strings and moves.
    fn close(&mut self, pen: &mut Pen) {
        if std::mem::take(&mut pen.string) {
            self.put(")");
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
    /// How far the line has come, likewise.
    at: i32,
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
