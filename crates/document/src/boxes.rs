//! What a laid-out page consists of, in points from the top left corner.

use crate::paragraph::Paragraph;
use crate::qr::Code;
use crate::shape::Line;

/// A4 upright, in points.
pub(crate) const PAGE: (f32, f32) = (595.276, 841.89);

/// A rectangle; `y` is its upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// Shades of grey, from black.
pub(crate) const BLACK: f32 = 0.0;
pub(crate) const QUIET_TEXT: f32 = 0.38;
pub(crate) const HAIRLINE: f32 = 0.8;
pub(crate) const TINT: f32 = 0.955;

/// What a text is to somebody who hears the page. Marks are read in the order in which they are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The page's title.
    Heading,
    Paragraph,
    /// Begins a paragraph, and names what follows in it: read with a colon.
    Label,
    /// Goes on with the paragraph before it.
    Rest,
    /// Not read: it says something about the paper alone.
    Decoration,
}

/// A line of text in place: its left end and its baseline.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) x: f32,
    pub(crate) baseline: f32,
    pub(crate) line: Line,
}

/// Something drawn. Fills and dashes are decoration.
#[derive(Debug)]
pub(crate) enum Mark {
    /// A text of one line or more.
    Text { role: Role, size: f32, grey: f32, lines: Vec<Placed> },
    /// A filled rectangle.
    Fill { area: Area, grey: f32 },
    /// A dashed level line.
    Dashes { x: f32, y: f32, width: f32, grey: f32 },
    /// The QR code's dark modules; the area is theirs, the quiet zone lies around it. `alt` is said instead of it.
    Code { area: Area, code: Code, alt: String },
}

/// Where a text stands in its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// Where the page's reading direction starts.
    Start,
    /// Where it ends.
    End,
    /// Where the text's own reading direction starts.
    Own,
    Centre,
}

/// Collects marks, mirrored for pages that read from right to left.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) marks: Vec<Mark>,
    /// What each text and the code keep for themselves, by name: nothing else may stand there.
    pub(crate) frames: Vec<(&'static str, Area)>,
    pub(crate) rtl: bool,
}

impl Canvas {
    /// Mirrors an area given for a left-to-right page.
    fn mirror(&self, area: Area) -> Area {
        if self.rtl { Area { x: PAGE.0 - area.x - area.width, ..area } } else { area }
    }

    /// Sets a paragraph with its first line's top at `y`; returns the height it takes.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        (x, y, width): (f32, f32, f32),
        paragraph: Paragraph,
        align: Align,
        grey: f32,
        role: Role,
    ) -> f32 {
        let Paragraph { size, pitch, lines } = paragraph;
        #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
        let height = pitch * lines.len() as f32;
        if lines.is_empty() {
            return 0.0;
        }
        let area = self.mirror(Area { x, y, width, height });
        self.frames.push((name, area));
        let mut baseline = y + pitch / 2.0 + size * MIDDLE;
        let place = |line: Line| {
            #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
            let room = area.width - line.width as f32 * size / 1000.0;
            let right = match align {
                Align::Start => self.rtl,
                Align::End => !self.rtl,
                Align::Own => crate::shape::reads_rtl(&line.text).unwrap_or(self.rtl),
                Align::Centre => false,
            };
            let shift = match (align, right) {
                (Align::Centre, _) => room / 2.0,
                (_, true) => room,
                (_, false) => 0.0,
            };
            let placed = Placed { x: area.x + shift, baseline, line };
            baseline += pitch;
            placed
        };
        let lines = lines.into_iter().map(place).collect();
        self.marks.push(Mark::Text { role, size, grey, lines });
        height
    }

    pub(crate) fn fill(&mut self, area: Area, grey: f32) {
        let area = self.mirror(area);
        self.marks.push(Mark::Fill { area, grey });
    }

    pub(crate) fn dashes(&mut self, x: f32, y: f32, width: f32, grey: f32) {
        let area = self.mirror(Area { x, y, width, height: 0.0 });
        self.marks.push(Mark::Dashes { x: area.x, y, width, grey });
    }

    /// Draws a code of this side and keeps its quiet zone free; returns where that ends below.
    pub(crate) fn code(&mut self, x: f32, y: f32, side: f32, code: Code, alt: String) -> f32 {
        let area = self.mirror(Area { x, y, width: side, height: side });
        let quiet = side * f32::from(crate::qr::QUIET) / f32::from(code.size);
        let frame =
            Area { x: area.x - quiet, y: y - quiet, width: side + 2.0 * quiet, height: side + 2.0 * quiet };
        self.frames.push(("code", frame));
        self.marks.push(Mark::Code { area, code, alt });
        frame.y + frame.height
    }
}

/// How far below a line's middle its baseline is, in ems: half the capitals' height.
const MIDDLE: f32 = 0.364;
