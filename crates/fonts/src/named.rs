//! A font that is known already, with its bytes from elsewhere than a folder.

use std::io::Cursor;
use std::sync::Arc;

use fulfillment_document::{Coverage, FontId, FontSource};

use crate::catalogue::by_name;

/// A font as [`installed`](crate::installed) hands it in, with bytes from another place: those of a file with the font's fingerprint. A font
/// of last resort without bytes has nothing; pages that were drawn with it have kept them, and others did without it.
#[must_use]
pub fn named(font: &FontId, load: impl Fn() -> Option<Arc<Vec<u8>>> + Send + Sync + 'static) -> FontSource {
    let load = Arc::new(load);
    let bytes = Arc::clone(&load);
    let source = FontSource::lazy(&font.name, font.index, font.fingerprint, move || bytes());
    by_name(source, move || load().map(|bytes| Coverage::read(Cursor::new(&*bytes))).unwrap_or_default())
}
