//! Reads a template's JSON. Every error has its place, and all are found in one go.
//!
//! `values` reads single values, `page` the whole, `element` what stands on it, `text` and `container` the two kinds
//! that have rules of their own.

mod container;
mod element;
mod page;
mod text;
mod values;

use std::collections::BTreeMap;

use fulfillment_qr::Level;

use crate::background::Background;
use crate::boxes::Colour;
use crate::picture::Picture;

use super::bundle::Files;
use super::json::Node;
use super::model::TemplateModel;
use super::text::OwnTexts;
use super::{Position, Problem, Severity};
use text::Look;

/// The version of the format that this engine reads.
pub(crate) const FORMAT: u16 = 1;

/// Points in a millimetre.
pub(crate) const MM: f32 = 72.0 / 25.4;

/// No template has more elements.
pub(crate) const MOST_ELEMENTS: usize = 400;
/// Containers in containers.
pub(crate) const DEEPEST: usize = 8;
/// No length is more, in millimetres: the longest page that every viewer shows.
pub(crate) const LONGEST: f32 = 5000.0;
/// No text of a template has more characters.
pub(crate) const MOST_CHARACTERS: usize = 2000;

/// The keys of the whole, and of each type of element; the schema has the same.
pub(crate) const TOP: &[&str] =
    &["format", "name", "page", "colors", "styles", "texts", "elements", "$schema"];
pub(crate) const PAGE: &[&str] = &["width", "height", "mirror", "trim", "background"];
pub(crate) const PLACE: &[&str] = &["type", "x", "y", "width", "height", "grow"];
pub(crate) const LOOK: &[&str] =
    &["size", "min_size", "lines", "line_height", "weight", "figures", "align", "color", "role", "same_size"];
pub(crate) const TYPES: &[(&str, &[&str])] = &[
    ("text", &["text", "separator", "style", "valign"]),
    ("line", &["thickness", "dash", "color"]),
    ("rect", &["fill", "border", "border_color"]),
    ("image", &["file", "optional", "align", "valign", "alt"]),
    ("qr", &["size", "level", "align", "valign"]),
    ("stack", &["children", "gap", "padding", "background", "divider", "divider_color", "valign"]),
    (
        "row",
        &[
            "children",
            "gap",
            "padding",
            "background",
            "divider",
            "divider_color",
            "valign",
            "columns",
            "min_width",
        ],
    ),
];

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Page,
    Stack,
    Row,
}

/// Reads a template.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(json: &str, files: &Files) -> Result<TemplateModel, Vec<Problem>> {
    let top = Node::parse(json).and_then(Node::object).map_err(|problem| vec![problem])?;
    let mut reader = Reader {
        problems: Vec::new(),
        files,
        page: (0.0, 0.0),
        colours: BTreeMap::new(),
        styles: BTreeMap::new(),
        own: OwnTexts::new(),
        images: Vec::new(),
        names: Vec::new(),
        elements: 0,
        texts: 0,
        codes: 0,
        level: Level::Q,
        background: None,
        background_at: Position { line: 1, column: 1 },
    };
    let model = reader.model(top);
    let mut problems = reader.problems;
    problems.sort_by_key(|problem| problem.at);
    match model {
        Some(model) if problems.iter().all(|problem| problem.severity < Severity::Error) => Ok(model),
        _ => Err(problems),
    }
}

struct Reader<'f> {
    problems: Vec<Problem>,
    files: &'f Files,
    page: (f32, f32),
    colours: BTreeMap<String, Colour>,
    styles: BTreeMap<String, Look>,
    own: OwnTexts,
    images: Vec<Picture>,
    /// The images' files, in the order of `images`.
    names: Vec<String>,
    elements: usize,
    texts: u32,
    codes: u32,
    /// The code's.
    level: Level,
    background: Option<Background>,
    background_at: Position,
}

#[cfg(test)]
mod tests;
