//! Shaped lines of text: runs of glyphs from left to right.

use unicode_bidi::{BidiClass, bidi_class};

use crate::font::Glyph;

/// What the glyphs of a run are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drawn {
    /// Outlines of their face.
    Outlines,
    /// Pictures of their face.
    Pictures,
    /// No font has these characters: each is drawn as [`MISSING`].
    Boxes,
}

/// Glyphs of one face, from left to right.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Index into the renderer's list of faces.
    pub(crate) face: usize,
    /// Read from right to left.
    pub(crate) rtl: bool,
    /// Of a script whose marks reach far above and below the letters.
    pub(crate) tall: bool,
    pub(crate) drawn: Drawn,
    pub(crate) glyphs: Vec<Glyph>,
}

/// One line of text, shaped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// From left to right.
    pub(crate) runs: Vec<Run>,
    /// In thousandths of an em.
    pub(crate) width: i32,
    /// The text continues on the next line; the line break replaces a space.
    pub(crate) goes_on: bool,
}

/// The character drawn for one that no font has; both built-in faces have it.
pub(crate) const MISSING: &str = "□";

/// Whether the text reads from right to left, by its first strong character; `None` where it has none.
pub(crate) fn reads_rtl(text: &str) -> Option<bool> {
    text.chars().find_map(|c| match bidi_class(c) {
        BidiClass::L => Some(false),
        BidiClass::R | BidiClass::AL => Some(true),
        _ => None,
    })
}
