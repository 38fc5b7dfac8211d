//! A cache of the font subsets of single tickets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pdf::deflate;

use super::glyph_set::GlyphSet;
use super::loaded::Loaded;
use super::source::FontError;
use super::subset::FontSubset;

/// What a subset depends on, beside the face.
type Key = (Vec<u16>, Vec<(u16, String)>);

/// Subsets of one face that single tickets needed: an order's tickets often have the same holder, and a few letters
/// with accents make up most of what the shared subsets lack. A subset depends only on its key, so the cache changes no
/// output byte.
#[derive(Debug, Default)]
pub(crate) struct SubsetCache(Mutex<(HashMap<Key, Arc<FontSubset>>, usize)>);

impl SubsetCache {
    /// Maximum size of the cache in bytes; beyond it, the cache is cleared.
    const MOST: usize = 4 << 20;

    /// Cuts a subset, or returns the cached one.
    pub(crate) fn cut(
        &self,
        loaded: &Loaded,
        glyph_set: &GlyphSet,
        texts: Vec<(u16, String)>,
        unusable: impl FnOnce() -> FontError,
    ) -> Result<Arc<FontSubset>, FontError> {
        let key = (glyph_set.glyphs().collect(), texts);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subset) = known().0.get(&key) {
            return Ok(Arc::clone(subset));
        }
        let subset = Arc::new(FontSubset::new(loaded, glyph_set, &key.1, deflate).ok_or_else(unusable)?);
        let mut known = known();
        if known.1 + subset.size() > Self::MOST {
            *known = Default::default();
        }
        known.1 += subset.size();
        known.0.insert(key, Arc::clone(&subset));
        Ok(subset)
    }
}
