//! Event fonts: the font subsets beyond the built-in faces that all tickets of an event share, cut and compressed once
//! for each event.
//!
//! Their content depends only on the template, the page's language and the event's texts, never on which tickets were
//! drawn before. A glyph that is not in them costs its ticket a small font of its own.

use std::sync::Arc;

use crate::font::{BUILT_IN, Face, FontError, FontResources, SharedSubset, Style};
use crate::page::{self, Colour, DisplayItem, DisplayList, PlacedLine, Role, StructureTree};
use crate::template::{CompiledTemplate, Element, Kind, Source, TemplateModel};
use crate::text::{BREAK, Shaper};

use super::engine::PdfRenderer;
use super::error::RenderError;
use super::page_context::PageContext;

impl PdfRenderer {
    /// The subsets of faces that are not built in, shared by an event's tickets; none where a page uses only built-in
    /// faces.
    pub(super) fn event_fonts(
        &self,
        template: &CompiledTemplate,
        context: &PageContext,
        display_list: &DisplayList,
    ) -> Result<Option<Arc<Vec<SharedSubset>>>, RenderError> {
        if !needs_more(display_list) {
            return Ok(None);
        }
        let texts = shared_texts(&template.model, context.source(template));
        let fonts = template.cache(&context.tag).fonts(key(&texts), || {
            fonts(self.faces(), self.subsets(), &context.tag, texts, template.model.artwork.forms.next)
        })?;
        Ok(Some(fonts))
    }
}

/// A text shared by all tickets of an event, or the part of one that is.
struct SharedText {
    text: String,
    bold: bool,
    style: Style,
}

/// The shared texts of a template, in their order.
fn shared_texts(model: &TemplateModel, source: Source<'_>) -> Vec<SharedText> {
    let mut all = Vec::new();
    collect(&model.elements, source, &mut all);
    all
}

fn collect(elements: &[Element], source: Source<'_>, all: &mut Vec<SharedText>) {
    for element in elements {
        if let Kind::Text(text) = &element.kind {
            let shared_texts = |part| SharedText { text: part, bold: text.bold, style: text.style };
            all.extend(text.text.shared_texts(source).into_iter().map(shared_texts));
        }
        collect(element.children(), source, all);
    }
}

/// The cache key of an event's shared texts; their looks depend only on the template.
fn key(texts: &[SharedText]) -> String {
    let mut key = String::with_capacity(512);
    for SharedText { text, .. } in texts {
        key.push_str(text);
        key.push('\0');
    }
    key
}

/// Cuts the fonts that the texts need, with object numbers from `first`.
fn fonts(
    faces: &[Face],
    subsets: &[SharedSubset],
    language: &str,
    texts: Vec<SharedText>,
    first: i32,
) -> Result<Vec<SharedSubset>, FontError> {
    let mut shaper = Shaper::new(faces, language);
    let mut display_list = DisplayList::new((0.0, 0.0), false);
    for SharedText { text, bold, style } in texts {
        for part in text.split(['\n', BREAK]) {
            let line = Arc::new(shaper.line(part.to_owned(), bold, style)?);
            let lines = vec![PlacedLine { x: 0.0, baseline: 0.0, line }];
            display_list.items.push(DisplayItem::Text {
                role: Role::Paragraph,
                size: 1.0,
                colour: Colour::BLACK,
                lines,
            });
        }
    }
    // Drawn only to collect the glyphs that are used, and their characters.
    let mut fonts = FontResources::new(faces, subsets, &[]);
    page::draw(&display_list, 0, 0, &mut fonts, &mut StructureTree::new("Document"));
    fonts.share(first)
}

/// Whether a page is drawn with more than the built-in faces.
fn needs_more(display_list: &DisplayList) -> bool {
    let lines = display_list.items.iter().flat_map(|item| match item {
        DisplayItem::Text { lines, .. } => &lines[..],
        _ => &[],
    });
    lines.flat_map(|placed| &placed.line.runs).any(|run| run.face >= BUILT_IN)
}
