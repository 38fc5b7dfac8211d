//! Where a font face comes from: its file, and the characters and languages it is used for, known before it is read.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::coverage::Coverage;

/// A font that cannot be used. The name is the source's, not a person's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FontError {
    /// The file was there at the start and cannot be read now.
    #[error("the font {0} cannot be read; put the file back, or restart to draw without it")]
    Unreadable(String),
    /// The file is not the one that was there at the start, so that pages would differ within one version.
    #[error("the font {0} has changed since the start; restart to draw with the new one")]
    Changed(String),
    /// Not a TrueType or OpenType font, or a damaged one.
    #[error("the font {0} is not a usable TrueType or OpenType font")]
    Unusable(String),
}

/// Reads a font file's bytes; called when a character first needs the face, and never again once it worked.
pub(super) type Load = Box<dyn Fn() -> Option<Arc<Vec<u8>>> + Send + Sync>;

/// Reads a face's coverage without reading the whole face.
pub(super) type Cover = Box<dyn Fn() -> Coverage + Send + Sync>;

/// A face the renderer may fall back to: in memory, or to be read when a character first needs it.
pub struct FontSource {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) bold: bool,
    pub(super) emoji: bool,
    pub(super) languages: &'static [&'static str],
    pub(super) ranges: &'static [(char, char)],
    /// Set for a face of last resort.
    pub(super) cover: Option<Cover>,
    pub(super) fingerprint: [u8; 32],
    pub(super) load: Load,
}

impl std::fmt::Debug for FontSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FontSource")
            .field("name", &self.name)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl FontSource {
    /// How many bytes at a file's start [`FontSource::fingerprint`] reads: the table directory with its checksums.
    pub const FINGERPRINT_PREFIX: usize = 4096;

    /// A face in memory that may be used for any character it has.
    #[must_use]
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>, index: u32) -> Self {
        let fingerprint = Self::fingerprint(&bytes, bytes.len() as u64);
        let bytes = Arc::new(bytes);
        Self::lazy(name, index, fingerprint, move || Some(Arc::clone(&bytes)))
    }

    /// A face that `load` reads when a character first needs it. `fingerprint` is [`FontSource::fingerprint`] of
    /// the file; bytes of another fingerprint are refused, so that a version always names the same glyphs.
    #[must_use]
    pub fn lazy(
        name: impl Into<String>,
        index: u32,
        fingerprint: [u8; 32],
        load: impl Fn() -> Option<Arc<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            index,
            bold: false,
            emoji: false,
            languages: &[],
            ranges: &[('\0', char::MAX)],
            cover: None,
            fingerprint,
            load: Box::new(load),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Prefer this face for headings.
    #[must_use]
    pub fn bold(mut self, bold: bool) -> Self {
        self.bold = bold;
        self
    }

    /// Try this face first for characters that are to look like emoji, whatever its ranges: characters followed by
    /// U+FE0F, keycaps and skin tones (Unicode UTS #51).
    #[must_use]
    pub fn emoji(mut self) -> Self {
        self.emoji = true;
        self
    }

    /// Use this face only for characters in these ranges (both ends included), so that it is not read for others.
    #[must_use]
    pub fn only(mut self, ranges: &'static [(char, char)]) -> Self {
        self.ranges = ranges;
        self
    }

    /// Try this face when no other has all of a character's parts, and only for characters in its `cover`.
    #[must_use]
    pub fn last_resort(mut self, cover: impl Fn() -> Coverage + Send + Sync + 'static) -> Self {
        self.cover = Some(Box::new(cover));
        self
    }

    /// Prefer this face for text in one of these languages (lower-case BCP 47 prefixes such as `ja`, `zh-hant`).
    #[must_use]
    pub fn languages(mut self, languages: &'static [&'static str]) -> Self {
        self.languages = languages;
        self
    }

    /// What identifies a font file: a hash of its first 4096 bytes, which hold the checksum of
    /// every table, and of its length. `prefix` may be longer.
    #[must_use]
    pub fn fingerprint(prefix: &[u8], length: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&prefix[..prefix.len().min(Self::FINGERPRINT_PREFIX)]);
        hash.update(length.to_be_bytes());
        hash.finalize().into()
    }
}

/// Identifies a font by its name, its index in a collection and its file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FontId {
    /// The name it was given, for instance `NotoSansArabic-Bold`.
    pub name: String,
    /// Its index in the file: 0 except in collections.
    pub index: u32,
    /// [`FontSource::fingerprint`] of the file.
    pub fingerprint: [u8; 32],
}
