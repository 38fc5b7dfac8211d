//! Remembers how texts were set, so that what tickets have in common (an event's words, a section, a price, an order's
//! holder) is shaped once, and the fonts that an event's tickets share.
//!
//! Both depend on nothing but what they are asked by, so that remembering changes no byte.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::font::{FontError, SharedSubset};
use crate::text::{Fit, Paragraph, Shaper, fit};

/// Texts remembered for one language, some 1 KB each; then all are forgotten. An event has about 20, and each ticket three
/// or four that no other has.
const MOST: usize = 8192;

/// What a text is set by, beside the look that its number stands for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The text's number in its template.
    pub(crate) number: u32,
    pub(crate) width: f32,
    pub(crate) cap: Option<f32>,
    pub(crate) text: String,
}

/// Events whose fonts are remembered for one language, then all are forgotten: some 100 KB each.
const MOST_FONTS: usize = 32;

type Key = (u32, u32, u32, String);

/// Settings of one template in one language.
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
    /// Sets a text, or remembers how it was set.
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

    /// The fonts of the event whose shared texts these are, cut now if they were not before.
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
