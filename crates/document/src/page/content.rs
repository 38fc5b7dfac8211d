//! Writes a page's content stream (ISO 32000-1, 7.8.2): drawing operators with marked-content ids for the structure
//! tree.

use std::io::Write as _;

use fulfillment_qr::Symbol;

use crate::font::{FontName, FontResources};
use crate::pdf::{digits, integer};

use super::area::Area;
use super::colour::Colour;
use super::display_list::{DisplayItem, DisplayList, PlacedLine, Role};
use super::structure::StructureTree;

/// Draws all items; adds what they use to the fonts and the tree. The images are numbered from `first_image`; the
/// background's number is `background`.
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

/// A content stream that is being written. Coordinates have two decimals: a unit is a 7,200th of an inch.
pub(super) struct Content<'f, 'a> {
    pub(super) out: Vec<u8>,
    pub(super) fonts: &'f mut FontResources<'a>,
    pub(super) font: Option<(FontName, f32)>,
    colour: Colour,
    /// The page's.
    width: f32,
    height: f32,
    first_image: usize,
    background: usize,
    /// Pieces are marked for the tree.
    marking: bool,
    /// What is drawn now is decoration, not part of the tree.
    decorating: bool,
}

impl Content<'_, '_> {
    fn item(&mut self, item: &DisplayItem, tree: &mut StructureTree) {
        match item {
            DisplayItem::Text { role, size, colour, lines } => {
                // Right-to-left glyphs are in the file from left to right, so the tree gets the text in reading order.
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

    /// Begins marked content of this kind and number, or decoration.
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

    /// Ends marked content; decoration continues until something else begins.
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

    pub(super) fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn numbers(&mut self, values: &[f32]) {
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

    /// Writes a colour and its operator: the first for greys, the second for other colours.
    fn colour(&mut self, Colour([red, green, blue]): Colour, operators: [&str; 2]) {
        let grey = red == green && green == blue;
        let channels: &[u8] = if grey { &[red] } else { &[red, green, blue] };
        for channel in channels {
            // Three decimals are enough to distinguish all 256 values.
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

    /// The area's lower left and upper right corners in PDF coordinates, from the bottom.
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

    /// Draws the modules with integers in a coordinate system of their own: short, and without seams between rows.
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
            // All are below a hundred; the leading space of those below ten costs less than a branch.
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
