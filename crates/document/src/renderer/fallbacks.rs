//! The fonts that a renderer was given beside its own: which they are, and those that pages have needed. Kept, they make
//! the same renderer again when the machine's fonts are others.

use crate::font::{BUILT_IN, Face, FontId};

use super::engine::PdfRenderer;

impl PdfRenderer {
    /// The fonts that it was given, in the order in which they are asked. With the engine they make up its version:
    /// the same fonts in the same order give the same version, and the same pages.
    #[must_use]
    pub fn fallbacks(&self) -> Vec<FontId> {
        self.faces().iter().skip(BUILT_IN).map(Face::id).collect()
    }

    /// The files among them that pages have needed so far, by their fingerprints. A collection comes as often as faces of
    /// it were needed.
    pub fn files_read(&self) -> impl Iterator<Item = ([u8; 32], &[u8])> {
        let faces = self.faces().iter().skip(BUILT_IN);
        faces.filter_map(|face| Some((face.id().fingerprint, face.file()?)))
    }
}
