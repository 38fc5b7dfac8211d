//! The display list: the items of a laid-out page, in points from the top left corner.

use std::sync::Arc;

use fulfillment_qr::{QUIET_ZONE, Symbol};

use crate::text::{Line, Paragraph, reads_rtl};

use super::area::Area;
use super::colour::Colour;

/// A text's role for screen readers. Items are read in the order in which they are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The page's title.
    Heading,
    Paragraph,
    /// Begins a paragraph and labels what follows in it: read with a colon.
    Label,
    /// Continues the paragraph before it.
    Rest,
    /// Not read aloud: it matters only on paper.
    Decoration,
}

/// A positioned line of text: its left end and its baseline.
#[derive(Debug)]
pub(crate) struct PlacedLine {
    pub(crate) x: f32,
    pub(crate) baseline: f32,
    pub(crate) line: Arc<Line>,
}

/// An item to draw. Fills and dashes are decoration.
#[derive(Debug)]
pub(crate) enum DisplayItem {
    /// A text of one line or more.
    Text { role: Role, size: f32, colour: Colour, lines: Vec<PlacedLine> },
    /// A filled rectangle.
    Fill { area: Area, colour: Colour },
    /// A dashed line along the middle of the area, as thick as its shorter side; `dash` is `[drawn, left out]`.
    Dashes { area: Area, dash: [f32; 2], colour: Colour },
    /// A page of another file behind all that follows, with its width and height.
    Background { size: (f32, f32) },
    /// The image of this number; `alt` is read instead of it, and without `alt` it is decoration.
    Image { area: Area, image: usize, alt: Option<String> },
    /// The QR code's dark modules, which fill the area; the quiet zone is around it. `alt` is read instead of it.
    Code { area: Area, symbol: Symbol, alt: String },
}

/// A text's alignment in its column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    /// The side where the page's reading direction starts.
    Start,
    /// The side where it ends.
    End,
    /// The side where the text's own reading direction starts.
    Own,
    Centre,
}

/// Collects items, mirrored for pages that read from right to left.
#[derive(Debug)]
pub(crate) struct DisplayList {
    pub(crate) items: Vec<DisplayItem>,
    /// Width and height.
    pub(crate) page: (f32, f32),
    pub(crate) rtl: bool,
}

impl DisplayList {
    pub(crate) fn new(page: (f32, f32), rtl: bool) -> Self {
        Self { items: Vec::with_capacity(64), page, rtl }
    }

    /// Mirrors an area given for a left-to-right page.
    pub(crate) fn mirror(&self, area: Area) -> Area {
        if self.rtl { Area { x: self.page.0 - area.x - area.width, ..area } } else { area }
    }

    /// Adds a paragraph in the area's width, from the area's top.
    pub(crate) fn text(
        &mut self,
        area: Area,
        paragraph: &Paragraph,
        align: Align,
        colour: Colour,
        role: Role,
    ) {
        let &Paragraph { size, pitch, ref lines, .. } = paragraph;
        let area = self.mirror(area);
        let mut baseline = area.y + pitch / 2.0 + size * MIDDLE;
        let place = |line: &Arc<Line>| {
            #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
            let room = area.width - line.width as f32 * size / 1000.0;
            let right = match align {
                Align::Start => self.rtl,
                Align::End => !self.rtl,
                Align::Own => reads_rtl(&line.text).unwrap_or(self.rtl),
                Align::Centre => false,
            };
            let shift = match (align, right) {
                (Align::Centre, _) => room / 2.0,
                (_, true) => room,
                (_, false) => 0.0,
            };
            let placed = PlacedLine { x: area.x + shift, baseline, line: Arc::clone(line) };
            baseline += pitch;
            placed
        };
        let lines = lines.iter().map(place).collect();
        self.items.push(DisplayItem::Text { role, size, colour, lines });
    }

    pub(crate) fn fill(&mut self, area: Area, colour: Colour) {
        let area = self.mirror(area);
        self.items.push(DisplayItem::Fill { area, colour });
    }

    pub(crate) fn dashes(&mut self, area: Area, dash: [f32; 2], colour: Colour) {
        let area = self.mirror(area);
        self.items.push(DisplayItem::Dashes { area, dash, colour });
    }

    pub(crate) fn image(&mut self, area: Area, image: usize, alt: Option<String>) {
        let area = self.mirror(area);
        self.items.push(DisplayItem::Image { area, image, alt });
    }

    /// Adds a code in the middle of an area, its quiet zone included.
    pub(crate) fn code(&mut self, area: Area, symbol: Symbol, alt: String) {
        let area = self.mirror(area);
        let side = f32::from(symbol.side());
        let quiet = area.width * f32::from(QUIET_ZONE) / (side + 2.0 * f32::from(QUIET_ZONE));
        let dark = area.width - 2.0 * quiet;
        let area = Area { x: area.x + quiet, y: area.y + quiet, width: dark, height: dark };
        self.items.push(DisplayItem::Code { area, symbol, alt });
    }
}

/// How far below a line's middle its baseline is, in ems: half the capitals' height.
const MIDDLE: f32 = 0.364;
