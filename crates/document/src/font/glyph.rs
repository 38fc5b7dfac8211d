//! A glyph in a line of text.

/// A glyph in place. Lengths are thousandths of an em, whole numbers: what is measured is what a viewer adds up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyph {
    pub(crate) id: u16,
    /// The advance the font states, which a viewer applies on its own.
    pub(crate) natural: i32,
    /// The advance wanted, kerning included.
    pub(crate) advance: i32,
    pub(crate) dx: i32,
    pub(crate) dy: i32,
    /// The characters it stands for, as a range of the line's text; all glyphs of a cluster have the same.
    pub(crate) start: u32,
    pub(crate) end: u32,
}
