//! The glyphs of a font subset, with their numbers in it.

use subsetter::GlyphRemapper;

/// The glyphs of a subset that is to be cut out of a face.
#[derive(Default)]
pub(crate) struct GlyphSet(pub(super) GlyphRemapper);

impl GlyphSet {
    /// The number of a glyph in the subset; a new glyph gets the next one.
    pub(crate) fn add(&mut self, glyph: u16) -> u16 {
        self.0.remap(glyph)
    }

    /// The face's glyphs in the order of their numbers, the glyph for missing characters (`.notdef`) first.
    pub(crate) fn glyphs(&self) -> impl Iterator<Item = u16> {
        self.0.remapped_gids()
    }

    /// How many glyphs it has.
    pub(crate) fn len(&self) -> u16 {
        self.0.num_gids()
    }
}
