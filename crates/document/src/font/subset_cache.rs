//! Subsets of one face that tickets had of their own, kept: an order's tickets often have the same holder, and a few
//! letters with accents make up most of what the shared subsets lack.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pdf::deflate;

use super::glyph_set::GlyphSet;
use super::loaded::Loaded;
use super::source::FontError;
use super::subset::FontSubset;

/// What a cut depends on, beside the face.
type Key = (Vec<u16>, Vec<(u16, String)>);

/// Cuts of one face that tickets had of their own: an order's tickets often have the same holder, and a few letters with
/// accents make up most of what the shared subsets lack. A cut follows from its key alone, so that remembering changes
/// no byte.
#[derive(Debug, Default)]
pub(crate) struct SubsetCache(Mutex<(HashMap<Key, Arc<FontSubset>>, usize)>);

impl SubsetCache {
    /// Bytes remembered; then all are forgotten.
    const MOST: usize = 4 << 20;

    /// Cuts a program, or remembers how it was cut.
    pub(crate) fn cut(
        &self,
        loaded: &Loaded,
        glyph_set: &GlyphSet,
        texts: Vec<(u16, String)>,
        unusable: impl FnOnce() -> FontError,
    ) -> Result<Arc<FontSubset>, FontError> {
        let key = (glyph_set.glyphs().collect(), texts);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cut) = known().0.get(&key) {
            return Ok(Arc::clone(cut));
        }
        let cut = Arc::new(FontSubset::new(loaded, glyph_set, &key.1, deflate).ok_or_else(unusable)?);
        let mut known = known();
        if known.1 + cut.size() > Self::MOST {
            *known = Default::default();
        }
        known.1 += cut.size();
        known.0.insert(key, Arc::clone(&cut));
        Ok(cut)
    }
}
