//! A font known by its name, with bytes that do not come from a font folder.

use std::io::Cursor;
use std::sync::Arc;

use fulfillment_document::{Coverage, FontId, FontSource};

use crate::catalogue::by_name;

/// A font as [`installed`](crate::installed) passes it, with bytes from another source: those of a file with the font's
/// fingerprint. A font of last resort without bytes covers no characters: where pages were drawn with it, its bytes
/// have been kept; other pages did not use it.
#[must_use]
pub fn named(font: &FontId, load: impl Fn() -> Option<Arc<Vec<u8>>> + Send + Sync + 'static) -> FontSource {
    let load = Arc::new(load);
    let bytes = Arc::clone(&load);
    let source = FontSource::lazy(&font.name, font.index, font.fingerprint, move || bytes());
    by_name(source, move || load().map(|bytes| Coverage::read(Cursor::new(&*bytes))).unwrap_or_default())
}
