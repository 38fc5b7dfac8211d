//! Lays a ticket out by its template: what is there, how wide, how high, and where.
//!
//! Texts never need more room than their boxes have (they shrink, and at last are cut), so that every height was
//! known when the template was compiled: nothing leaves its place, whatever the ticket says.

use std::sync::Arc;

use crate::boxes::{Align, Area, Canvas, Colour, Mark, Role};
use crate::face::FontError;
use crate::paragraph::{Fit, Paragraph};
use crate::qr::Code;
use crate::shape::Shaper;

use super::memo::{Memo, Wanted};
use super::sheet::{Column, Container, Element, Kind, Part, Sheet, TextBox, Vertical};
use super::text::Source;

/// A text that needs less than this part of its wished size keeps its own size in a row of one size.
const ALONE_BELOW: f32 = 0.57;

/// What one ticket is laid out with.
pub(crate) struct Flow<'a, 'f> {
    pub(crate) sheet: &'a Sheet,
    pub(crate) source: Source<'a>,
    pub(crate) shaper: &'a mut Shaper<'f>,
    /// Texts that all tickets of an event have.
    pub(crate) memo: &'a Memo,
    /// In a row of one size: the largest size its texts may take.
    cap: Option<f32>,
    /// The numbers of texts that had to be cut.
    pub(crate) cut: Vec<u32>,
}

/// What a container's child came to: pieces in its own coordinates.
struct Block<'a> {
    width: f32,
    height: f32,
    pieces: Vec<Piece<'a>>,
}

/// Something laid out, for a page that reads from left to right.
struct Piece<'a> {
    area: Area,
    what: What<'a>,
}

enum What<'a> {
    Text { text: &'a TextBox, paragraph: Arc<Paragraph>, wished: f32 },
    Fill(Colour),
    Dashes([f32; 2], Colour),
    Image { image: usize, alt: Option<String> },
    Code,
}

impl<'a, 'f> Flow<'a, 'f> {
    pub(crate) fn new(
        sheet: &'a Sheet,
        source: Source<'a>,
        shaper: &'a mut Shaper<'f>,
        memo: &'a Memo,
    ) -> Self {
        Self { sheet, source, shaper, memo, cap: None, cut: Vec::new() }
    }

    /// Lays the page out; `rtl` mirrors it. Without a code its place stays empty. `alt` is said in its place.
    pub(crate) fn page(&mut self, mut code: Option<Code>, alt: &str, rtl: bool) -> Result<Canvas, FontError> {
        let sheet = self.sheet;
        let mut canvas = Canvas::new(sheet.page, rtl && sheet.mirror);
        if let Some(background) = &sheet.background {
            canvas.marks.push(Mark::Background { size: background.size });
        }
        let mut named = false;
        let mut end: f32 = 0.0;
        for (_, Piece { area, what }) in self.pieces()? {
            end = end.max(area.y + area.height);
            match what {
                What::Text { text, paragraph, .. } => {
                    let role = role(text.part, &mut named);
                    canvas.text(area, &paragraph, text.align, text.colour, role);
                }
                What::Fill(colour) => canvas.fill(area, colour),
                What::Dashes(dash, colour) => canvas.dashes(area, dash, colour),
                What::Image { image, alt } => canvas.image(area, image, alt),
                What::Code => {
                    named = false;
                    if let Some(code) = code.take() {
                        canvas.code(area, code, alt.to_owned());
                    }
                }
            }
        }
        if let Some(trim) = sheet.trim {
            canvas.page.1 = canvas.page.1.min(end + trim);
        }
        Ok(canvas)
    }

    /// All that is on the page, each piece with the number of its element.
    fn pieces(&mut self) -> Result<Vec<(usize, Piece<'a>)>, FontError> {
        let mut pieces = Vec::with_capacity(64);
        for (index, element) in self.sheet.elements.iter().enumerate() {
            let Element { area, .. } = element;
            if let Some(mut block) = self.block(element, area.width, Some(area.height))? {
                move_by(&mut block.pieces, area.x, area.y);
                pieces.extend(block.pieces.into_iter().map(|piece| (index, piece)));
            }
        }
        Ok(pieces)
    }

    /// Lays an element out in a width; `None` where there is nothing to draw. `height` is what it stands in, where
    /// that is fixed.
    fn block(
        &mut self,
        element: &'a Element,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        let area = |width: f32, height: f32| Area { x: 0.0, y: 0.0, width, height };
        let one = |area: Area, what: What<'a>| Block {
            width: area.width,
            height: area.height,
            pieces: vec![Piece { area, what }],
        };
        Ok(match &element.kind {
            Kind::Text(text) => {
                let paragraph = self.paragraph(text, Some(width))?;
                if paragraph.lines.is_empty() {
                    return Ok(None);
                }
                let used = paragraph.height();
                let wished = paragraph.wished;
                let mut block = one(area(width, used), What::Text { text, paragraph, wished });
                if let Some(height) = height {
                    move_by(&mut block.pieces, 0.0, element.valign.shift((height - used).max(0.0)));
                    block.height = height;
                }
                Some(block)
            }
            &Kind::Line { colour, thickness, dash } => {
                let upright = element.area.height > element.area.width && element.area.width > 0.0;
                let area =
                    if upright { area(thickness, element.area.height) } else { area(width, thickness) };
                Some(one(area, dash.map_or(What::Fill(colour), |dash| What::Dashes(dash, colour))))
            }
            &Kind::Rect { fill, border } => {
                let whole = area(width, element.area.height);
                let mut pieces = Vec::new();
                pieces.extend(fill.map(|colour| Piece { area: whole, what: What::Fill(colour) }));
                if let Some((thick, colour)) = border {
                    pieces.extend(frame(whole, thick).map(|area| Piece { area, what: What::Fill(colour) }));
                }
                Some(Block { width, height: whole.height, pieces })
            }
            Kind::Image { image, align, alt } => {
                let (wide, high) = (element.area.width.min(width), element.area.height);
                let ratio = self.sheet.images[*image].ratio();
                let (fit_wide, fit_high) =
                    if wide * ratio <= high { (wide, wide * ratio) } else { (high / ratio, high) };
                let alt = alt.as_ref().map(|alt| alt.fill(self.source)).filter(|alt| !alt.is_empty());
                let x = across(*align, wide - fit_wide);
                let y = element.valign.shift(high - fit_high);
                let placed = Area { x, y, width: fit_wide, height: fit_high };
                let what = What::Image { image: *image, alt };
                let mut pieces = vec![Piece { area: placed, what }];
                let room = width - wide;
                move_by(&mut pieces, across(*align, room), 0.0);
                Some(Block { width: wide, height: high, pieces })
            }
            &Kind::Code { side, align } => {
                let mut block = one(area(side, side), What::Code);
                move_by(&mut block.pieces, across(align, (width - side).max(0.0)), 0.0);
                Some(block)
            }
            Kind::Stack(container) => self.stack(element, container, width, height)?,
            Kind::Row(container) => self.row(element, container, width, height)?,
        })
    }

    /// Children one below another.
    fn stack(
        &mut self,
        element: &'a Element,
        container: &'a Container,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        if !self.is_live(element) {
            return Ok(None);
        }
        let inner = width - container.sides();
        let (left, mut y) = (container.padding[3], container.padding[0]);
        let mut pieces = Vec::with_capacity(8);
        let mut widest: f32 = 0.0;
        let mut first = true;
        for child in &container.children {
            if !self.is_live(child) {
                continue;
            }
            let Some(mut block) = self.block(child, inner, None)? else { continue };
            if !std::mem::take(&mut first) {
                if let Some((thick, colour)) = container.divider {
                    let area =
                        Area { x: left, y: y + (container.gap - thick) / 2.0, width: inner, height: thick };
                    pieces.push(Piece { area, what: What::Fill(colour) });
                }
                y += container.gap;
            }
            move_by(&mut block.pieces, left, y);
            y += block.height;
            widest = widest.max(block.width);
            pieces.append(&mut block.pieces);
        }
        if first {
            return Ok(None);
        }
        let used = y + container.padding[2];
        Ok(Some(finish(element, container, (width, used, height), pieces)))
    }

    /// Children side by side.
    fn row(
        &mut self,
        element: &'a Element,
        container: &'a Container,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        let live: Vec<&Element> = container.children.iter().filter(|child| self.is_live(child)).collect();
        if live.is_empty() || !self.is_live(element) {
            return Ok(None);
        }
        let widths = self.widths(container, &live, width - container.sides())?;
        let mut blocks = self.columns(&live, &widths)?;
        // Texts of one size: the size that the largest of them have in common.
        let sized = |block: &Option<Block<'a>>| {
            let texts = block.iter().flat_map(|block| &block.pieces).filter_map(|piece| match &piece.what {
                What::Text { text, wished, .. } if text.same_size => Some((*wished, text.sizes[0].0)),
                _ => None,
            });
            texts.filter(|(size, wish)| *size >= wish * ALONE_BELOW).collect::<Vec<_>>()
        };
        let taken: Vec<(f32, f32)> = blocks.iter().flat_map(sized).collect();
        let common = taken.iter().map(|(size, _)| *size).fold(f32::INFINITY, f32::min);
        if self.cap.is_none() && taken.iter().any(|(size, _)| *size > common) {
            self.cap = Some(common);
            let again = self.columns(&live, &widths);
            self.cap = None;
            blocks = again?;
        }
        let tallest = blocks.iter().flatten().map(|block| block.height).fold(0.0, f32::max);
        let inner = height.map_or(tallest, |height| (height - container.ends()).max(tallest));
        let mut pieces = Vec::with_capacity(16);
        let mut x = container.padding[3];
        let mut first = true;
        for ((child, block), width) in live.iter().zip(blocks).zip(widths) {
            let Some(mut block) = block else { continue };
            if !std::mem::take(&mut first) {
                if let Some((thick, colour)) = container.divider {
                    let x = x + (container.gap - thick) / 2.0;
                    let area = Area { x, y: container.padding[0], width: thick, height: inner };
                    pieces.push(Piece { area, what: What::Fill(colour) });
                }
                x += container.gap;
            }
            let shift = child.valign.shift(inner - block.height);
            move_by(&mut block.pieces, x, container.padding[0] + shift);
            pieces.append(&mut block.pieces);
            x += width;
        }
        if first {
            return Ok(None);
        }
        let used = inner + container.ends();
        Ok(Some(finish(element, container, (width, used, height), pieces)))
    }

    fn columns(&mut self, live: &[&'a Element], widths: &[f32]) -> Result<Vec<Option<Block<'a>>>, FontError> {
        live.iter().zip(widths).map(|(child, width)| self.block(child, *width, None)).collect()
    }

    /// How wide each of a row's columns is.
    fn widths(
        &mut self,
        container: &Container,
        live: &[&'a Element],
        inner: f32,
    ) -> Result<Vec<f32>, FontError> {
        let gaps = container.gap * f32::from(u16::try_from(live.len() - 1).unwrap_or(u16::MAX));
        let mut rest = (inner - gaps).max(0.0);
        let mut widths = vec![0.0; live.len()];
        for (width, child) in widths.iter_mut().zip(live) {
            if let Column::Fixed(fixed) = child.column {
                *width = fixed;
                rest -= fixed;
            }
        }
        rest = rest.max(0.0);
        let shares = live.iter().any(|child| matches!(child.column, Column::Share(_)));
        for (width, child) in widths.iter_mut().zip(live) {
            if child.column == Column::Content {
                // Those that share the rest are to find some.
                let most = if shares { rest / 2.0 } else { rest };
                *width = self.natural(child)?.min(most);
                rest -= *width;
            }
        }
        let mut wishes = vec![0.0; live.len()];
        for (wish, child) in wishes.iter_mut().zip(live) {
            let Column::Share(grow) = child.column else { continue };
            *wish = match container.by_content {
                Some(least) => {
                    let most = (inner / 2.0).max(least);
                    self.natural(child)?.clamp(least, most) * grow
                }
                None => grow,
            };
        }
        let all: f32 = wishes.iter().sum();
        for (width, wish) in widths.iter_mut().zip(&wishes) {
            if *wish > 0.0 {
                *width = rest * wish / all;
            }
        }
        Ok(widths)
    }

    /// How wide an element would be by itself.
    fn natural(&mut self, element: &'a Element) -> Result<f32, FontError> {
        Ok(match &element.kind {
            Kind::Text(text) => {
                let paragraph = self.paragraph(text, None)?;
                let widest = paragraph.lines.iter().map(|line| line.width).max().unwrap_or(0);
                #[expect(clippy::cast_precision_loss, reason = "a bounded text's width")]
                let width = widest as f32 * paragraph.size / 1000.0;
                // A hair more, so that rounding does not break the line.
                width + 0.1
            }
            Kind::Stack(container) => {
                let mut widest: f32 = 0.0;
                for child in container.children.iter().filter(|child| self.is_live(child)).collect::<Vec<_>>()
                {
                    widest = widest.max(self.natural(child)?);
                }
                widest + container.sides()
            }
            Kind::Row(container) => {
                let live: Vec<_> = container.children.iter().filter(|child| self.is_live(child)).collect();
                let mut sum = container.sides();
                for (index, child) in live.into_iter().enumerate() {
                    let gap = if index > 0 { container.gap } else { 0.0 };
                    sum += gap
                        + if let Column::Fixed(width) = child.column { width } else { self.natural(child)? };
                }
                sum
            }
            _ => element.area.width,
        })
    }

    /// Whether there is something to draw. What says nothing goes with what does.
    fn is_live(&self, element: &Element) -> bool {
        match &element.kind {
            Kind::Text(text) => text.text.is_live(self.source),
            Kind::Stack(container) | Kind::Row(container) => {
                let says = |child: &&Element| child.says || !element.says;
                container.children.iter().filter(says).any(|child| self.is_live(child))
            }
            _ => true,
        }
    }

    /// Sets a text in a width; without one it is only measured, in its wished size.
    fn paragraph(&mut self, text: &TextBox, width: Option<f32>) -> Result<Arc<Paragraph>, FontError> {
        let string = text.text.fill(self.source);
        let cap = self.cap.filter(|_| text.same_size);
        let capped;
        let sizes = match cap {
            Some(cap) => {
                let lines = text.sizes.iter().find(|(size, _)| *size <= cap).map_or(1, |(_, lines)| *lines);
                let smaller = text.sizes.iter().filter(|(size, _)| *size < cap).copied();
                capped = std::iter::once((cap, lines)).chain(smaller).collect::<Vec<_>>();
                capped.as_slice()
            }
            None => text.sizes.as_slice(),
        };
        let measures = width.is_none();
        let sizes = if measures { &sizes[..1] } else { sizes };
        let width = width.unwrap_or(f32::MAX);
        let fit = Fit { width, sizes, leading: text.leading, bold: text.bold, style: text.style };
        let wanted = Wanted { number: text.number, width, cap, text: string };
        let paragraph = self.memo.fit(self.shaper, wanted, fit, text.text.is_shared())?;
        if paragraph.cut && !measures {
            self.cut.push(text.number);
        }
        Ok(paragraph)
    }
}

/// How far from the start something stands with this much room left, on a page that reads from left to right.
fn across(align: Align, room: f32) -> f32 {
    match align {
        Align::Start | Align::Own => 0.0,
        Align::Centre => room / 2.0,
        Align::End => room,
    }
}

fn move_by(pieces: &mut [Piece<'_>], x: f32, y: f32) {
    for piece in pieces {
        piece.area.x += x;
        piece.area.y += y;
    }
}

/// The four sides of a frame so thick, within an area.
fn frame(area: Area, thick: f32) -> [Area; 4] {
    let Area { x, y, width, height } = area;
    let inner = (height - 2.0 * thick).max(0.0);
    [
        Area { height: thick, ..area },
        Area { y: y + height - thick, height: thick, ..area },
        Area { x, y: y + thick, width: thick, height: inner },
        Area { x: x + width - thick, y: y + thick, width: thick, height: inner },
    ]
}

/// A container's block: its contents where `valign` wants them, over its background.
fn finish<'a>(
    element: &Element,
    container: &Container,
    (width, used, height): (f32, f32, Option<f32>),
    mut pieces: Vec<Piece<'a>>,
) -> Block<'a> {
    let high = height.unwrap_or(used);
    if element.valign != Vertical::Top {
        move_by(&mut pieces, 0.0, element.valign.shift((high - used).max(0.0)));
    }
    if let Some(colour) = container.background {
        let area = Area { x: 0.0, y: 0.0, width, height: high };
        pieces.insert(0, Piece { area, what: What::Fill(colour) });
    }
    Block { width, height: high, pieces }
}

/// A value goes on with the label before it. `named` says whether there is one.
fn role(part: Part, named: &mut bool) -> Role {
    let label = std::mem::replace(named, part == Part::Label);
    match part {
        Part::Title => Role::Heading,
        Part::Label => Role::Label,
        Part::Value if label => Role::Rest,
        Part::Value | Part::Note => Role::Paragraph,
        Part::Decoration => Role::Decoration,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::boxes::Placed;
    use crate::renderer::{Setting, lay_out};
    use crate::template::{CompiledTemplate, Shipped, TemplateBundle};
    use crate::{PdfRenderer, Renderer as _, TicketPage};

    static RENDERER: LazyLock<PdfRenderer> = LazyLock::new(|| PdfRenderer::new(Vec::new()).unwrap());

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

    pub(crate) fn page(texts: &[String], locale: Option<&str>) -> TicketPage {
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
            locale: locale.map(str::to_owned),
            template: None,
        }
    }

    /// The page, and the element each text and the code stands in with what it takes there.
    fn laid_out(template: &CompiledTemplate, page: &TicketPage) -> (Canvas, Vec<(usize, Area)>) {
        let setting = Setting::of(page);
        let mut shaper = RENDERER.shaper(&setting.tag);
        let canvas = lay_out(template, page, &setting, &mut shaper).unwrap();
        let memo = Memo::default();
        let mut flow = Flow::new(&template.sheet, setting.source(template), &mut shaper, &memo);
        let frames = flow.pieces().unwrap().into_iter().filter_map(|(element, piece)| match piece.what {
            What::Text { .. } | What::Code => Some((element, canvas.mirror(piece.area))),
            _ => None,
        });
        let frames = frames.collect();
        (canvas, frames)
    }

    /// Every text and the code lie apart from each other, within their element's place and on the page; every line
    /// lies within a text's frame.
    fn check(template: &CompiledTemplate, page: &TicketPage) {
        let (canvas, frames) = laid_out(template, page);
        for (index, (element, a)) in frames.iter().enumerate() {
            let place = template.sheet.elements[*element].area;
            let place = canvas.mirror(place);
            let within = |a: &Area, b: &Area| {
                a.x >= b.x - 0.05
                    && a.y >= b.y - 0.05
                    && a.x + a.width <= b.x + b.width + 0.05
                    && a.y + a.height <= b.y + b.height + 0.05
            };
            assert!(within(a, &place), "{a:?} leaves its place {place:?}");
            let paper = Area { x: 0.0, y: 0.0, width: canvas.page.0, height: canvas.page.1 };
            assert!(within(a, &paper), "{a:?} leaves the page");
            for (other, b) in &frames[..index] {
                let apart = a.x + a.width <= b.x + 0.01
                    || b.x + b.width <= a.x + 0.01
                    || a.y + a.height <= b.y + 0.01
                    || b.y + b.height <= a.y + 0.01;
                assert!(apart, "{a:?} of element {element} overlaps {b:?} of {other}");
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
            assert!(frames.iter().any(|(_, a)| inside(a)), "{:?} is in no frame", line.text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_overlaps_or_leaves_the_page(texts in prop::collection::vec(texts(), 16), language in 0_usize..4) {
            let page = page(&texts, [None, Some("de"), Some("ar"), Some("ja")][language]);
            for shipped in Shipped::ALL {
                let page = TicketPage { template: Some(shipped.bundle().hash()), ..page.clone() };
                let drawn = RENDERER.render(&page).unwrap();
                prop_assert!(drawn.pdf.starts_with(b"%PDF-1.7") && drawn == RENDERER.render(&page).unwrap());
                check(&RENDERER.template(shipped.bundle().hash()).unwrap(), &page);
            }
        }
    }

    fn laid(json: &str, texts: &[(usize, &str)]) -> Vec<(String, Area)> {
        let template = CompiledTemplate::new(&TemplateBundle::new(json)).unwrap();
        let mut all = vec![String::new(); 16];
        for (index, text) in texts {
            (*text).clone_into(&mut all[*index]);
        }
        let page = page(&all, None);
        let (canvas, frames) = laid_out(&template, &page);
        let texts = canvas.marks.iter().filter_map(|mark| match mark {
            Mark::Text { lines, .. } => Some(lines[0].line.text.clone()),
            _ => None,
        });
        texts.zip(frames.iter().map(|(_, area)| *area)).collect()
    }

    #[test]
    fn absent_fields_leave_no_holes() {
        let json = r#"{"format": 1, "page": {"width": 100, "height": 100}, "elements": [
            {"type": "stack", "x": 0, "y": 0, "width": 100, "gap": 1, "children": [
                {"type": "stack", "children": [
                    {"type": "text", "text": "{label.section}"}, {"type": "text", "text": "{seat.section}"}]},
                {"type": "row", "children": [
                    {"type": "text", "text": "{seat.row}"}, {"type": "text", "text": "{seat.number}"}]}
            ]}]}"#;
        let texts = |laid: &[(String, Area)]| laid.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
        let all = laid(json, &[(10, "A"), (11, "12"), (12, "7")]);
        assert_eq!(texts(&all), ["Section", "A", "12", "7"]);
        assert!((all[3].1.x - all[2].1.x - all[2].1.width).abs() < 0.01);
        let seat = laid(json, &[(12, "7")]);
        assert_eq!(texts(&seat), ["7"], "a label belongs to its field");
        assert_eq!((seat[0].1.x, seat[0].1.y), (0.0, 0.0));
        assert!(laid(json, &[]).is_empty());
    }

    #[test]
    fn a_row_of_one_size_takes_the_smallest_but_not_a_tiny_one() {
        let json = r#"{"format": 1, "page": {"width": 100, "height": 100}, "elements": [
            {"type": "row", "x": 0, "y": 0, "width": 90, "children": [
                {"type": "text", "text": "{seat.section}", "size": 30, "min_size": 6, "same_size": true},
                {"type": "text", "text": "{seat.row}", "size": 30, "min_size": 6, "same_size": true}]}]}"#;
        let heights = |section: &str| {
            laid(json, &[(10, section), (11, "12")]).iter().map(|(_, area)| area.height).collect::<Vec<_>>()
        };
        let pitch = |size: f32| crate::paragraph::pitch(size, None);
        assert_eq!(heights("A1"), [pitch(30.0); 2]);
        let middle = heights("Parkett lin");
        assert!(middle[0] < pitch(30.0) && (middle[0] - middle[1]).abs() < 0.01, "{middle:?}");
        let long = heights("Parkett links hinten rechts außen");
        assert!(long[0] < pitch(15.0) && (long[1] - pitch(30.0)).abs() < 0.01, "{long:?}");
    }
}
