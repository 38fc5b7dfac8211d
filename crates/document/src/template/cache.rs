//! The layout cache: keeps laid-out texts, so that what tickets have in common (an event's texts, a section, a price,
//! an order's holder) is shaped once, and the fonts that an event's tickets share.
//!
//! Both depend only on their keys, so the cache changes no output byte.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::font::{FontError, SharedSubset};
use crate::text::{Fit, Paragraph, Shaper, fit};

/// The maximum number of cached texts for one language, about 1 KB each; beyond it, the cache is cleared. An event has
/// about 20 texts, and each ticket three or four that no other has.
const MOST: usize = 8192;

/// The cache key of a text; its number identifies its look.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The text's number in its template.
    pub(crate) number: u32,
    pub(crate) width: f32,
    pub(crate) cap: Option<f32>,
    pub(crate) text: String,
}

/// The maximum number of events whose fonts are cached for one language, about 100 KB each; beyond it, the cache is
/// cleared.
const MOST_FONTS: usize = 32;

type Key = (u32, u32, u32, String);

/// The cache of one template in one language.
#[derive(Debug, Default)]
pub(crate) struct LayoutCache {
    texts: RwLock<HashMap<Key, CachedText>>,
    fonts: RwLock<HashMap<String, Arc<Vec<SharedSubset>>>>,
}

#[derive(Debug)]
struct CachedText {
    paragraph: Arc<Paragraph>,
    missing: Vec<char>,
}

impl LayoutCache {
    /// Lays out a text, or returns it from the cache.
    pub(crate) fn fit(
        &self,
        shaper: &mut Shaper<'_>,
        wanted: Wanted,
        how: Fit<'_>,
    ) -> Result<Arc<Paragraph>, FontError> {
        if wanted.text.is_empty() {
            return Ok(Arc::new(fit(shaper, &wanted.text, how)?));
        }
        let key = (wanted.number, wanted.width.to_bits(), wanted.cap.unwrap_or(0.0).to_bits(), wanted.text);
        if let Some(known) = self.texts.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            note(&mut shaper.missing, &known.missing);
            return Ok(Arc::clone(&known.paragraph));
        }
        let before = std::mem::take(&mut shaper.missing);
        let paragraph = fit(shaper, &key.3, how);
        let missing = std::mem::replace(&mut shaper.missing, before);
        note(&mut shaper.missing, &missing);
        let paragraph = Arc::new(paragraph?);
        let mut all = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, CachedText { paragraph: Arc::clone(&paragraph), missing });
        Ok(paragraph)
    }

    /// The fonts of the event whose shared texts these are, cut now if they are not cached.
    pub(crate) fn fonts(
        &self,
        texts: String,
        cut: impl FnOnce() -> Result<Vec<SharedSubset>, FontError>,
    ) -> Result<Arc<Vec<SharedSubset>>, FontError> {
        if let Some(known) = self.fonts.read().unwrap_or_else(PoisonError::into_inner).get(&texts) {
            return Ok(Arc::clone(known));
        }
        let fonts = Arc::new(cut()?);
        let mut all = self.fonts.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_FONTS {
            all.clear();
        }
        all.insert(texts, Arc::clone(&fonts));
        Ok(fonts)
    }
}

/// Adds characters that are not there yet.
fn note(all: &mut Vec<char>, more: &[char]) {
    for c in more {
        if !all.contains(c) {
            all.push(*c);
        }
    }
}
