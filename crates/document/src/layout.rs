//! The page: what stands where.
//!
//! A4 upright, folded once at half its height. Above the fold what the holder wants to know (event, time, place,
//! seat), below it what the door wants (the code, the same in short, references).

use crate::TicketPage;
use crate::boxes::{Align, Area, BLACK, Canvas, HAIRLINE, PAGE, QUIET_TEXT, Role, TINT};
use crate::clean::{clean, clean_option};
use crate::face::{FontError, Style};
use crate::paragraph::{Fit, fit};
use crate::qr::Code;
use crate::shape::{Shaper, reads_rtl};

const MARGIN: f32 = 48.0;
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
const GUTTER: f32 = 24.0;
const HALF: f32 = (WIDTH - GUTTER) / 2.0;
const FOLD: f32 = PAGE.1 / 2.0;
/// 60 mm.
const CODE_SIDE: f32 = 170.08;

/// Font sizes with the lines each may take, from the wished to the smallest.
type Sizes = &'static [(f32, usize)];

const TITLE: Sizes = &[(46.0, 1), (38.0, 2), (32.0, 2), (26.0, 3), (22.0, 3), (18.0, 4)];
const STRONG: Sizes = &[(13.0, 2), (11.0, 2), (9.5, 3)];
const PLAIN: Sizes = &[(10.5, 1), (9.0, 2)];
const ADDRESS: Sizes = &[(10.5, 2), (9.0, 3)];
const SEAT: Sizes = &[(26.0, 1), (22.0, 1), (18.0, 1), (15.0, 1), (12.0, 2), (9.5, 2)];
const NAME: Sizes = &[(14.0, 1), (12.0, 1), (10.0, 2)];
const LABEL: Sizes = &[(8.5, 1)];
const HEADER: Sizes = &[(10.5, 1), (9.0, 1)];
const STUB_TITLE: Sizes = &[(15.0, 2), (13.0, 2), (11.0, 2)];
const STUB: Sizes = &[(10.5, 1), (9.0, 2)];
const CELL: Sizes = &[(9.0, 1), (8.0, 1), (7.0, 2)];
const NUMBER: Sizes = &[(19.0, 1), (16.0, 1), (13.0, 1), (11.0, 1), (9.0, 2)];
const SMALL: Sizes = &[(8.0, 1)];

const SMALL_PRINT: [&str; 2] = [
    "Show this code at the entrance, on paper or on a screen at full brightness. It lets one person in, once: ",
    "whoever shows it first. Keep it to yourself and do not post pictures of it.",
];
const FOLD_HERE: &str = "Fold here";

/// What every page says, in the regular face: shaped once.
pub(crate) const FIXED: &[&str] = &[
    SMALL_PRINT[0],
    SMALL_PRINT[1],
    FOLD_HERE,
    "Starts",
    "Doors",
    "Ends",
    "Venue",
    "Address",
    "Section",
    "Row",
    "Seat",
    "Category",
    "Ticket holder",
    "Price",
    "Ticket number",
    "Booked by",
    "Order",
    "Ticket ID",
    "Generated",
];

/// Lays the page out. `rtl` mirrors it.
pub(crate) fn lay_out(
    page: &TicketPage,
    code: Code,
    shaper: &mut Shaper<'_>,
    rtl: bool,
) -> Result<Canvas, FontError> {
    let mut sheet = Sheet { canvas: Canvas { rtl, ..Canvas::default() }, shaper };
    let event = clean(&page.event_name);
    sheet.header(page, &event)?;
    sheet.seat_band(page)?;
    sheet.people(page)?;
    sheet.fold()?;
    sheet.code_column(page, code)?;
    sheet.stub(page, &event)?;
    sheet.small_print()?;
    Ok(sheet.canvas)
}

/// Whether the page is mirrored: by its language, else by the event's name.
pub(crate) fn is_rtl(page: &TicketPage) -> bool {
    let language = page.locale.as_deref().and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
    match language.to_ascii_lowercase().as_str() {
        "ar" | "fa" | "he" | "iw" | "ur" | "ps" | "ckb" | "dv" | "sd" | "ug" | "yi" => true,
        _ => reads_rtl(&page.event_name).unwrap_or(false),
    }
}

struct Sheet<'s, 'f> {
    canvas: Canvas,
    shaper: &'s mut Shaper<'f>,
}

/// A text's look.
#[derive(Clone, Copy)]
struct Look {
    sizes: Sizes,
    bold: bool,
    align: Align,
    grey: f32,
    style: Style,
    role: Role,
}

const fn look(sizes: Sizes, bold: bool) -> Look {
    Look { sizes, bold, align: Align::Start, grey: BLACK, style: Style::Text, role: Role::Paragraph }
}

/// A label's look.
const fn quiet(sizes: Sizes) -> Look {
    Look { grey: QUIET_TEXT, role: Role::Label, ..look(sizes, false) }
}

impl Sheet<'_, '_> {
    fn text(
        &mut self,
        name: &'static str,
        at: (f32, f32, f32),
        text: &str,
        look: Look,
    ) -> Result<f32, FontError> {
        let Look { sizes, bold, align, grey, style, role } = look;
        let paragraph = fit(self.shaper, text, Fit { width: at.2, sizes, bold, style })?;
        Ok(self.canvas.text(name, at, paragraph, align, grey, role))
    }

    /// A label and its value below; nothing where there is no value. Returns the height.
    fn field(
        &mut self,
        label: &'static str,
        (x, y, width): (f32, f32, f32),
        value: Option<&str>,
        look: Look,
    ) -> Result<f32, FontError> {
        let Some(value) = value else { return Ok(0.0) };
        let above = Look { align: look.align, ..quiet(LABEL) };
        let above = self.text("label", (x, y, width), label, above)? + 1.0;
        let look = Look { role: Role::Rest, ..look };
        Ok(above + self.text(label, (x, y + above, width), value, look)?)
    }

    /// Organizer, title, time and place.
    fn header(&mut self, page: &TicketPage, event: &str) -> Result<(), FontError> {
        let organizer = clean_option(page.organizer_name.as_deref());
        self.text(
            "organizer",
            (MARGIN, 44.0, WIDTH - 160.0),
            organizer.as_deref().unwrap_or_default(),
            look(HEADER, true),
        )?;
        let index = format!("Ticket {} of {}", page.ticket_index, page.ticket_count);
        let right = Look { align: Align::End, ..look(HEADER, false) };
        self.text("index", (MARGIN + WIDTH - 140.0, 44.0, 140.0), &index, right)?;
        self.canvas.fill(Area { x: MARGIN, y: 64.0, width: WIDTH, height: 1.5 }, BLACK);

        let title = Look { align: Align::Own, role: Role::Heading, ..look(TITLE, true) };
        let y = 74.0 + self.text("event", (MARGIN, 74.0, WIDTH), event, title)? + 14.0;

        let [starts, doors, ends] =
            [&page.starts, &page.doors, &page.ends].map(|time| clean_option(time.as_deref()));
        let mut left = y + self.field("Starts", (MARGIN, y, HALF), starts.as_deref(), look(STRONG, true))?;
        if starts.is_some() {
            left += 8.0;
        }
        let quarter = (HALF - 12.0) / 2.0;
        let mut x = MARGIN;
        for (label, time) in [("Doors", doors), ("Ends", ends)] {
            if time.is_some() {
                self.field(label, (x, left, quarter), time.as_deref(), look(PLAIN, false))?;
                x += quarter + 12.0;
            }
        }

        let x = MARGIN + HALF + GUTTER;
        let [venue, address] =
            [&page.venue_name, &page.venue_address].map(|text| clean_option(text.as_deref()));
        let label = if venue.is_some() { "Venue" } else { "Address" };
        let first = if venue.is_some() {
            (venue.as_deref(), STRONG, true)
        } else {
            (address.as_deref(), ADDRESS, false)
        };
        let below = y + self.field(label, (x, y, HALF), first.0, look(first.1, first.2))? + 2.0;
        if venue.is_some() {
            self.text(
                "address",
                (x, below, HALF),
                address.as_deref().unwrap_or_default(),
                look(ADDRESS, false),
            )?;
        }
        Ok(())
    }

    /// Section, row, seat and category, large: each as wide as its text asks, all in one size where that is possible.
    fn seat_band(&mut self, page: &TicketPage) -> Result<(), FontError> {
        const TOP: f32 = 292.0;
        const HEIGHT: f32 = 60.0;
        const INSET: f32 = 14.0;
        /// A text that needs a smaller size than this does not make its neighbours small too.
        const SHARED: f32 = 15.0;
        let mut cells = Vec::new();
        for (label, value) in [
            ("Section", page.section.as_deref()),
            ("Row", page.row.as_deref()),
            ("Seat", Some(page.seat.as_str())),
            ("Category", page.category.as_deref()),
        ] {
            let Some(value) = clean_option(value) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "a bounded text's width")]
            let natural =
                self.shaper.line(value.clone(), true, Style::Text)?.width as f32 * SEAT[0].0 / 1000.0;
            cells.push((label, value, (natural + 2.0 * INSET).clamp(72.0, WIDTH / 2.0)));
        }
        self.canvas.fill(Area { x: MARGIN, y: TOP, width: WIDTH, height: HEIGHT }, TINT);
        let all: f32 = cells.iter().map(|(.., wish)| wish).sum();
        let mut fitted = Vec::with_capacity(cells.len());
        for (label, value, wish) in cells {
            let width = WIDTH * wish / all;
            let room = Fit { width: width - 2.0 * INSET, sizes: SEAT, bold: true, style: Style::Text };
            fitted.push((label, width, fit(self.shaper, &value, room)?));
        }
        let large = || fitted.iter().map(|(.., text)| text).filter(|text| text.size >= SHARED);
        let size = large().map(|text| text.size).fold(SEAT[0].0, f32::min);
        let pitch = large().map(|text| text.pitch).fold(0.0, f32::max);
        let mut x = MARGIN;
        for (index, (label, width, mut value)) in fitted.into_iter().enumerate() {
            if index > 0 {
                self.canvas.fill(Area { x, y: TOP + 12.0, width: 0.75, height: HEIGHT - 24.0 }, HAIRLINE);
            }
            if value.size >= SHARED {
                (value.size, value.pitch) = (size, pitch);
            }
            let at = (x + INSET, TOP + 9.0, width - 2.0 * INSET);
            let below = at.1 + self.text("label", at, label, quiet(LABEL))? + 1.0;
            self.canvas.text(label, (at.0, below, at.2), value, Align::Start, BLACK, Role::Rest);
            x += width;
        }
        Ok(())
    }

    /// Who holds it, and what it cost.
    fn people(&mut self, page: &TicketPage) -> Result<(), FontError> {
        const TOP: f32 = 363.0;
        let holder = clean_option(page.holder_name.as_deref());
        let price = clean(&page.price);
        let wide = WIDTH - 150.0;
        self.field("Ticket holder", (MARGIN + 14.0, TOP, wide - 28.0), holder.as_deref(), look(NAME, true))?;
        let x = if holder.is_some() { MARGIN + wide } else { MARGIN };
        let align = if holder.is_some() { Align::End } else { Align::Start };
        let price = Some(price).filter(|price| !price.is_empty());
        let look = Look { align, ..look(NAME, true) };
        self.field("Price", (x + 14.0, TOP, 150.0 - 28.0), price.as_deref(), look)?;
        Ok(())
    }

    fn fold(&mut self) -> Result<(), FontError> {
        const GAP: f32 = 64.0;
        let side = (PAGE.0 - GAP) / 2.0;
        self.canvas.dashes(0.0, FOLD, side, 0.55);
        self.canvas.dashes(side + GAP, FOLD, side, 0.55);
        let centred = Look { align: Align::Centre, role: Role::Decoration, ..quiet(&[(7.5, 1)]) };
        self.text("fold", (side, FOLD - 5.0, GAP), FOLD_HERE, centred)?;
        Ok(())
    }

    /// The code with the ticket's number below.
    fn code_column(&mut self, page: &TicketPage, code: Code) -> Result<(), FontError> {
        const TOP: f32 = 462.0;
        let number = grouped(&clean(&page.ticket_number));
        let alt = format!("QR code of ticket {number}");
        let below = self.canvas.code(MARGIN, TOP, CODE_SIDE, code, alt).max(TOP + CODE_SIDE + 22.0);
        let look = Look { style: Style::Code, ..look(NUMBER, true) };
        self.field("Ticket number", (MARGIN, below, CODE_SIDE), Some(&number), look)?;
        Ok(())
    }

    /// The same ticket in short beside the code, and the references.
    fn stub(&mut self, page: &TicketPage, event: &str) -> Result<(), FontError> {
        const TOP: f32 = 458.0;
        const X: f32 = MARGIN + CODE_SIDE + 40.0;
        const LABELS: f32 = 84.0;
        let width = MARGIN + WIDTH - X;
        let mut y = TOP + self.text("stub event", (X, TOP, width), event, look(STUB_TITLE, true))? + 2.0;
        let starts = clean_option(page.starts.as_deref()).unwrap_or_default();
        y += self.text("stub starts", (X, y, width), &starts, look(STUB, false))?;
        let place = [
            ("Section", page.section.as_deref()),
            ("Row", page.row.as_deref()),
            ("Seat", Some(page.seat.as_str())),
        ];
        let place =
            place.into_iter().filter_map(|(label, value)| Some(format!("{label} {}", clean_option(value)?)));
        let place = place.collect::<Vec<_>>().join("  ·  ");
        y += self.text("stub seat", (X, y, width), &place, look(STUB, false))? + 10.0;

        let rows = [
            ("Booked by", clean(&page.customer)),
            ("Order", page.order_id.to_string()),
            ("Ticket ID", page.ticket_id.to_string()),
            ("Generated", clean(&page.issued)),
        ];
        for (label, value) in rows {
            self.canvas.fill(Area { x: X, y, width, height: 0.5 }, HAIRLINE);
            let high = self.text("label", (X, y + 5.0, LABELS), label, quiet(CELL))?;
            let cell = Look { role: Role::Rest, ..look(CELL, false) };
            let value = self.text(label, (X + LABELS, y + 5.0, width - LABELS), &value, cell)?;
            y += high.max(value) + 10.0;
        }
        self.canvas.fill(Area { x: X, y, width, height: 0.5 }, HAIRLINE);
        Ok(())
    }

    fn small_print(&mut self) -> Result<(), FontError> {
        const TOP: f32 = 756.0;
        self.canvas.fill(Area { x: MARGIN, y: TOP, width: WIDTH, height: 0.5 }, HAIRLINE);
        let mut y = TOP + 8.0;
        for (line, role) in SMALL_PRINT.into_iter().zip([Role::Paragraph, Role::Rest]) {
            y += self.text("small print", (MARGIN, y, WIDTH), line, Look { role, ..quiet(SMALL) })?;
        }
        Ok(())
    }
}

/// A number in groups a person can read out: as it is where it has separators, else in groups of five or four.
fn grouped(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    if letters.len() < 6 || !letters.iter().all(char::is_ascii_alphanumeric) {
        return number.to_owned();
    }
    let size = if letters.len().is_multiple_of(5) { 5 } else { 4 };
    letters.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::boxes::{Mark, Placed};
    use crate::{PdfRenderer, Renderer as _};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped("7K3M9QXT2F"), "7K3M9 QXT2F");
        assert_eq!(grouped("7K3M9QXT"), "7K3M 9QXT");
        assert_eq!(grouped("7K3-M9Q-XT2"), "7K3-M9Q-XT2");
        assert_eq!(grouped("12345"), "12345");
    }

    /// Texts of any length, with words of any length, in several scripts.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            4 => "[A-Za-z]{1,14}",
            2 => "[0-9]{1,20}",
            1 => "[А-Яа-яÀ-žẠ-ỹ]{1,30}",
            1 => "[אבגדה]{1,12}",
            1 => "[一-龠]{1,30}",
            1 => "[W]{1,90}",
            1 => "[\u{0}-\u{20}\u{200B}-\u{202E}\u{300}-\u{310}—/-]{1,8}",
        ];
        prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.join(" "))
    }

    fn page(texts: &[String]) -> TicketPage {
        let text = |index: usize| texts[index].clone();
        let some = |index: usize| Some(text(index)).filter(|text| text.len() % 5 != 0);
        TicketPage {
            ticket_id: uuid::Uuid::nil(),
            ticket_number: text(0),
            order_id: uuid::Uuid::max(),
            event_name: text(1),
            organizer_name: some(2),
            venue_name: some(3),
            venue_address: some(4),
            starts: some(5),
            doors: some(6),
            ends: some(7),
            holder_name: some(8),
            customer: text(9),
            section: some(10),
            row: some(11),
            seat: text(12),
            category: some(13),
            price: text(14),
            ticket_index: u32::MAX,
            ticket_count: u32::MAX,
            issued_at: jiff::Timestamp::UNIX_EPOCH,
            issued: text(15),
            code: "TK1:ABC".to_owned(),
            locale: None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_overlaps_or_leaves_the_page(texts in prop::collection::vec(texts(), 16)) {
            static RENDERER: LazyLock<PdfRenderer> = LazyLock::new(|| PdfRenderer::new(Vec::new()).unwrap());
            let renderer = &*RENDERER;
            let page = page(&texts);
            let drawn = renderer.render(&page).unwrap();
            prop_assert!(drawn.pdf.starts_with(b"%PDF-1.7") && drawn == renderer.render(&page).unwrap());
            let mut shaper = renderer.shaper("");
            let code = crate::qr::code(&page.code).unwrap();
            let canvas = lay_out(&page, code, &mut shaper, is_rtl(&page)).unwrap();
            for (index, (name, a)) in canvas.frames.iter().enumerate() {
                // The code's quiet zone may reach into the margin.
                let margin = if *name == "code" { 12.0 } else { 24.0 };
                prop_assert!(a.x >= margin && a.x + a.width <= PAGE.0 - margin, "{name} leaves the page: {a:?}");
                prop_assert!(a.y >= margin && a.y + a.height <= PAGE.1 - margin, "{name} leaves the page: {a:?}");
                for (other, b) in &canvas.frames[..index] {
                    let apart = a.x + a.width <= b.x + 0.01
                        || b.x + b.width <= a.x + 0.01
                        || a.y + a.height <= b.y + 0.01
                        || b.y + b.height <= a.y + 0.01;
                    prop_assert!(apart, "{name} {a:?} overlaps {other} {b:?}");
                }
            }
            let lines = canvas.marks.iter().flat_map(|mark| match mark {
                Mark::Text { size, lines, .. } => lines.iter().map(|placed| (size, placed)).collect(),
                _ => Vec::new(),
            });
            for (size, Placed { x, baseline, line }) in lines {
                let width = f64::from(line.width) * f64::from(*size) / 1000.0;
                let inside = |a: &Area| {
                    *x >= a.x - 0.1
                        && f64::from(*x) + width <= f64::from(a.x + a.width) + 0.1
                        && *baseline - 0.75 * size >= a.y
                        && *baseline + 0.2 * size <= a.y + a.height
                };
                prop_assert!(canvas.frames.iter().any(|(_, a)| inside(a)), "{:?} is in no frame", line.text);
            }
        }
    }
}
