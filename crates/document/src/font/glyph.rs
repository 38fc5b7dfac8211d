//! A glyph in a line of text.

/// A positioned glyph. Lengths are whole thousandths of an em, so that measuring gives exactly the sum that a viewer
/// computes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyph {
    pub(crate) id: u16,
    /// The font's own advance, which a viewer applies by itself.
    pub(crate) natural: i32,
    /// The advance to apply, kerning included.
    pub(crate) advance: i32,
    pub(crate) dx: i32,
    pub(crate) dy: i32,
    /// The characters it represents, as a range of the line's text; all glyphs of a cluster have the same.
    pub(crate) start: u32,
    pub(crate) end: u32,
}
