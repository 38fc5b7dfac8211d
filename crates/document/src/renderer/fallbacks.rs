//! A renderer's fallback fonts: the fonts that it was given beside the built-in ones, and those that pages have needed.
//! When they are stored, the same renderer can be made again after the machine's fonts have changed.

use crate::font::{BUILT_IN, Face, FontId};

use super::engine::PdfRenderer;

impl PdfRenderer {
    /// The fonts that it was given, in the order in which they are tried. With the engine they make up its version: the
    /// same fonts in the same order give the same version, and the same pages.
    #[must_use]
    pub fn fallbacks(&self) -> Vec<FontId> {
        self.faces().iter().skip(BUILT_IN).map(Face::id).collect()
    }

    /// The files among them that pages have needed so far, by their fingerprints. A collection is listed once for each
    /// of its faces that was needed.
    pub fn files_read(&self) -> impl Iterator<Item = ([u8; 32], &[u8])> {
        let faces = self.faces().iter().skip(BUILT_IN);
        faces.filter_map(|face| Some((face.id().fingerprint, face.file()?)))
    }
}
