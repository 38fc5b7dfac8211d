//! The state of reading a template.

use std::collections::BTreeMap;

use fulfillment_qr::Level;

use crate::image::{Background, Picture};
use crate::page::Colour;
use crate::template::bundle::Files;
use crate::template::problem::{Position, Problem};
use crate::template::text::OwnTexts;

use super::look::Look;

/// Where an element is: on the page or in a container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Page,
    Stack,
    Row,
}

/// Reads a template, and collects its errors.
pub(super) struct Reader<'f> {
    pub(super) problems: Vec<Problem>,
    pub(super) files: &'f Files,
    pub(super) page: (f32, f32),
    pub(super) colours: BTreeMap<String, Colour>,
    pub(super) styles: BTreeMap<String, Look>,
    pub(super) own: OwnTexts,
    pub(super) images: Vec<Picture>,
    /// The images' files, in the order of `images`.
    pub(super) names: Vec<String>,
    pub(super) elements: usize,
    pub(super) texts: u32,
    pub(super) codes: u32,
    /// The code's error correction level.
    pub(super) level: Level,
    pub(super) background: Option<Background>,
    pub(super) background_at: Position,
}

impl<'f> Reader<'f> {
    pub(super) fn new(files: &'f Files) -> Self {
        Self {
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
        }
    }
}
