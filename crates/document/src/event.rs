//! The fonts beyond the built-in ones that all tickets of an event have in common: cut and compressed once an event.
//!
//! What is in them follows from the template, the page's language and the event's texts alone, never from which tickets
//! were drawn before. A glyph that is not in them costs its ticket a small font of its own.

use std::sync::Arc;

use crate::boxes::{Canvas, Colour, Mark, Placed, Role};
use crate::clean::BREAK;
use crate::common::Common;
use crate::content;
use crate::embed::Fonts;
use crate::face::{BUILT_IN, Face, FontError, Style};
use crate::shape::Shaper;
use crate::tags::Tree;
use crate::template::sheet::{Element, Kind, Sheet};
use crate::template::text::Source;

/// A text that all tickets of an event have, or a part of one that differs.
pub(crate) struct Lasting {
    text: String,
    bold: bool,
    style: Style,
}

/// The lasting texts of a template, in their order.
pub(crate) fn lasting(sheet: &Sheet, source: Source<'_>) -> Vec<Lasting> {
    let mut all = Vec::new();
    collect(&sheet.elements, source, &mut all);
    all
}

fn collect(elements: &[Element], source: Source<'_>, all: &mut Vec<Lasting>) {
    for element in elements {
        if let Kind::Text(text) = &element.kind {
            let lasting = |part| Lasting { text: part, bold: text.bold, style: text.style };
            all.extend(text.text.lasting(source).into_iter().map(lasting));
        }
        collect(element.children(), source, all);
    }
}

/// What tells one event's lasting texts from another's; their looks are the template's.
pub(crate) fn key(texts: &[Lasting]) -> String {
    let mut key = String::with_capacity(512);
    for Lasting { text, .. } in texts {
        key.push_str(text);
        key.push('\0');
    }
    key
}

/// Cuts the fonts that the texts need, with object numbers from `first`.
pub(crate) fn fonts(
    faces: &[Face],
    commons: &[Common],
    language: &str,
    texts: Vec<Lasting>,
    first: i32,
) -> Result<Vec<Common>, FontError> {
    let mut shaper = Shaper::new(faces, language);
    let mut canvas = Canvas::new((0.0, 0.0), false);
    for Lasting { text, bold, style } in texts {
        for part in text.split(['\n', BREAK]) {
            let line = Arc::new(shaper.line(part.to_owned(), bold, style)?);
            let lines = vec![Placed { x: 0.0, baseline: 0.0, line }];
            canvas.marks.push(Mark::Text { role: Role::Paragraph, size: 1.0, colour: Colour::BLACK, lines });
        }
    }
    // Drawn only to see which glyphs are asked for, and for which characters.
    let mut fonts = Fonts::new(faces, commons, &[]);
    content::draw(&canvas, 0, 0, &mut fonts, &mut Tree::new("Document"));
    fonts.share(first)
}

/// Whether a page is drawn with more than the built-in faces.
pub(crate) fn needs_more(canvas: &Canvas) -> bool {
    let lines = canvas.marks.iter().flat_map(|mark| match mark {
        Mark::Text { lines, .. } => &lines[..],
        _ => &[],
    });
    lines.flat_map(|placed| &placed.line.runs).any(|run| run.face >= BUILT_IN)
}
