//! Lays a ticket out with its template: which elements are drawn, their sizes and their positions.
//!
//! Texts never need more room than their boxes have (they shrink, and are finally truncated), so every maximum height
//! is known when the template is compiled: nothing leaves its place, whatever the ticket's values are.

mod container;
mod widths;

use std::sync::Arc;

use fulfillment_qr::Symbol;

use crate::font::FontError;
use crate::page::{Align, Area, Colour, DisplayItem, DisplayList, Role};
use crate::text::{Fit, Paragraph, Shaper, on_one_line};

use super::cache::{LayoutCache, Wanted};
use super::model::{Element, Kind, TemplateModel, TextBox, TextRole};
use super::text::Source;

/// The state of laying out one ticket.
pub(crate) struct Flow<'a, 'f> {
    pub(crate) model: &'a TemplateModel,
    pub(crate) source: Source<'a>,
    pub(crate) shaper: &'a mut Shaper<'f>,
    /// Texts that are already laid out.
    pub(crate) cache: &'a LayoutCache,
    /// In a row whose texts share one size: the largest size they may take.
    cap: Option<f32>,
    /// The numbers of texts that were truncated.
    pub(crate) cut: Vec<u32>,
}

/// A laid-out child of a container: pieces in its own coordinates.
struct Block<'a> {
    height: f32,
    pieces: Vec<Piece<'a>>,
}

/// A laid-out item, for a page that reads from left to right.
struct Piece<'a> {
    area: Area,
    what: What<'a>,
}

enum What<'a> {
    Text { text: &'a TextBox, paragraph: Arc<Paragraph> },
    Fill(Colour),
    Dashes([f32; 2], Colour),
    Image { image: usize, alt: Option<String> },
    Code,
}

impl<'a, 'f> Flow<'a, 'f> {
    pub(crate) fn new(
        model: &'a TemplateModel,
        source: Source<'a>,
        shaper: &'a mut Shaper<'f>,
        cache: &'a LayoutCache,
    ) -> Self {
        Self { model, source, shaper, cache, cap: None, cut: Vec::new() }
    }

    /// Lays the page out; `rtl` mirrors it. Without a code, its place stays empty. `alt` is the code's alternative
    /// text.
    pub(crate) fn page(
        &mut self,
        mut code: Option<Symbol>,
        alt: &str,
        rtl: bool,
    ) -> Result<DisplayList, FontError> {
        let model = self.model;
        let mut display_list = DisplayList::new(model.page, rtl && model.mirror);
        if let Some(background) = &model.artwork.background {
            display_list.items.push(DisplayItem::Background { size: background.size });
        }
        let mut named = false;
        let mut end: f32 = 0.0;
        for (_, Piece { area, what }) in self.pieces()? {
            end = end.max(area.y + area.height);
            match what {
                What::Text { text, paragraph } => {
                    let role = role(text.role, &mut named);
                    display_list.text(area, &paragraph, text.align, text.colour, role);
                }
                What::Fill(colour) => display_list.fill(area, colour),
                What::Dashes(dash, colour) => display_list.dashes(area, dash, colour),
                What::Image { image, alt } => display_list.image(area, image, alt),
                What::Code => {
                    named = false;
                    if let Some(code) = code.take() {
                        display_list.code(area, code, alt.to_owned());
                    }
                }
            }
        }
        if let Some(trim) = model.trim {
            display_list.page.1 = display_list.page.1.min(end + trim);
        }
        Ok(display_list)
    }

    /// All pieces of the page, each with the index of its element.
    fn pieces(&mut self) -> Result<Vec<(usize, Piece<'a>)>, FontError> {
        let mut pieces = Vec::with_capacity(64);
        for (index, element) in self.model.elements.iter().enumerate() {
            let Element { area, .. } = element;
            if let Some(mut block) = self.block(element, area.width, Some(area.height))? {
                move_by(&mut block.pieces, area.x, area.y);
                pieces.extend(block.pieces.into_iter().map(|piece| (index, piece)));
            }
        }
        Ok(pieces)
    }

    /// Lays an element out in a width; `None` where there is nothing to draw. `height` is the height available, where
    /// that is fixed.
    fn block(
        &mut self,
        element: &'a Element,
        width: f32,
        height: Option<f32>,
    ) -> Result<Option<Block<'a>>, FontError> {
        let area = |width: f32, height: f32| Area { x: 0.0, y: 0.0, width, height };
        let one =
            |area: Area, what: What<'a>| Block { height: area.height, pieces: vec![Piece { area, what }] };
        Ok(match &element.kind {
            Kind::Text(text) => {
                let paragraph = self.paragraph(text, Some(width))?;
                if paragraph.lines.is_empty() {
                    return Ok(None);
                }
                let used = paragraph.height();
                let mut block = one(area(width, used), What::Text { text, paragraph });
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
                Some(Block { height: whole.height, pieces })
            }
            Kind::Image { image, align, alt } => {
                let (wide, high) = (element.area.width.min(width), element.area.height);
                let ratio = self.model.artwork.images[*image].ratio();
                let (fit_wide, fit_high) =
                    if wide * ratio <= high { (wide, wide * ratio) } else { (high / ratio, high) };
                let alt =
                    alt.as_ref().map(|alt| on_one_line(&alt.fill(self.source))).filter(|alt| !alt.is_empty());
                let x = across(*align, wide - fit_wide);
                let y = element.valign.shift(high - fit_high);
                let placed = Area { x, y, width: fit_wide, height: fit_high };
                let what = What::Image { image: *image, alt };
                let mut pieces = vec![Piece { area: placed, what }];
                let room = width - wide;
                move_by(&mut pieces, across(*align, room), 0.0);
                Some(Block { height: high, pieces })
            }
            &Kind::Code { side, align } => {
                let mut block = one(area(side, side), What::Code);
                move_by(&mut block.pieces, across(align, (width - side).max(0.0)), 0.0);
                Some(block)
            }
            Kind::Stack(_) | Kind::Row(_) if !self.is_live(element) => None,
            Kind::Stack(container) => self.stack(element, container, width, height)?,
            Kind::Row(container) => self.row(element, container, width, height)?,
        })
    }

    /// Whether there is something to draw. Elements without content of the ticket are drawn only beside those that have
    /// it.
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

    /// Lays out a text in a width; without a width it is only measured, in its preferred size.
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
        let paragraph = self.cache.fit(self.shaper, wanted, fit)?;
        if paragraph.cut && !measures {
            self.cut.push(text.number);
        }
        Ok(paragraph)
    }
}

/// The offset from the start with this much room left, on a page that reads from left to right.
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

/// The four sides of a frame of this thickness, within an area.
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

/// The role of a text: a value continues the paragraph of the label before it. `named` is whether there is one.
fn role(part: TextRole, named: &mut bool) -> Role {
    let label = std::mem::replace(named, part == TextRole::Label);
    match part {
        TextRole::Title => Role::Heading,
        TextRole::Label => Role::Label,
        TextRole::Value if label => Role::Rest,
        TextRole::Value | TextRole::Note => Role::Paragraph,
        TextRole::Decoration => Role::Decoration,
    }
}

#[cfg(test)]
mod tests;
