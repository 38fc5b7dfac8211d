//! Remembers how texts were set that all tickets of an event have, so that each is shaped once an event.
//!
//! A text's setting depends on nothing but what it is asked by, so that remembering changes no byte.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::face::FontError;
use crate::paragraph::{Fit, Paragraph, fit};
use crate::shape::Shaper;

/// Texts remembered for one language; then all are forgotten. An event has about 20.
const MOST: usize = 4096;

/// What a text is set by, beside the look that its number stands for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The text's number in its template.
    pub(crate) number: u32,
    pub(crate) width: f32,
    pub(crate) cap: Option<f32>,
    pub(crate) text: String,
}

type Key = (u32, u32, u32, String);

/// Settings of one template in one language.
#[derive(Debug, Default)]
pub(crate) struct Memo(RwLock<HashMap<Key, Known>>);

#[derive(Debug)]
struct Known {
    paragraph: Arc<Paragraph>,
    missing: Vec<char>,
}

impl Memo {
    /// Sets a text, or remembers how it was set. A text that is not `shared` is not remembered.
    pub(crate) fn fit(
        &self,
        shaper: &mut Shaper<'_>,
        wanted: Wanted,
        how: Fit<'_>,
        shared: bool,
    ) -> Result<Arc<Paragraph>, FontError> {
        if !shared || wanted.text.is_empty() {
            return Ok(Arc::new(fit(shaper, &wanted.text, how)?));
        }
        let key = (wanted.number, wanted.width.to_bits(), wanted.cap.unwrap_or(0.0).to_bits(), wanted.text);
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            note(&mut shaper.missing, &known.missing);
            return Ok(Arc::clone(&known.paragraph));
        }
        let before = std::mem::take(&mut shaper.missing);
        let paragraph = fit(shaper, &key.3, how);
        let missing = std::mem::replace(&mut shaper.missing, before);
        note(&mut shaper.missing, &missing);
        let paragraph = Arc::new(paragraph?);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(key, Known { paragraph: Arc::clone(&paragraph), missing });
        Ok(paragraph)
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
