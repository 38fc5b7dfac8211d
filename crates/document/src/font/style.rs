//! Glyph features that a text asks for (OpenType, `GSUB`).

use harfrust::{Feature, Tag};

/// Which glyph features a text asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Running text.
    Text,
    /// Codes: digits of one width, zero with a slash.
    Code,
}

impl Style {
    /// The features for the shaper.
    pub(crate) fn features(self) -> &'static [Feature] {
        const fn on(tag: Tag) -> Feature {
            Feature { tag, value: 1, start: Feature::GLOBAL_START, end: Feature::GLOBAL_END }
        }
        const CODE: &[Feature] = &[on(Tag::new(b"tnum")), on(Tag::new(b"zero"))];
        match self {
            Self::Text => &[],
            Self::Code => CODE,
        }
    }
}
