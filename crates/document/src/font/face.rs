//! A face of the renderer's list, read from its source when it is first needed.

use std::sync::{Arc, OnceLock};

use harfrust::font::Blob;
use sha2::{Digest as _, Sha256};

use super::coverage::Coverage;
use super::glyph_set::GlyphSet;
use super::loaded::Loaded;
use super::source::{FontError, FontId, FontSource};
use super::subset::FontSubset;
use super::subset_cache::SubsetCache;

/// How many faces are built into the binary: regular and bold.
pub(crate) const BUILT_IN: usize = 2;

/// A face of the renderer's fixed list.
pub(crate) struct Face {
    source: FontSource,
    loaded: OnceLock<Loaded>,
    /// Its coverage, once it was needed.
    coverage: OnceLock<Coverage>,
    subsets: SubsetCache,
}

impl Face {
    pub(crate) fn new(source: FontSource) -> Self {
        Self { source, loaded: OnceLock::new(), coverage: OnceLock::new(), subsets: SubsetCache::default() }
    }

    /// A face that is built into the binary.
    pub(crate) fn built_in(name: &str, bytes: &'static [u8], bold: bool) -> Result<Self, FontError> {
        let fingerprint = FontSource::fingerprint(bytes, bytes.len() as u64);
        let face = Self::new(FontSource::lazy(name, 0, fingerprint, || None).bold(bold));
        let loaded =
            Loaded::read(Blob::Static(bytes), 0).ok_or_else(|| FontError::Unusable(name.to_owned()))?;
        if face.loaded.set(loaded).is_err() {
            return Err(FontError::Unusable(name.to_owned()));
        }
        Ok(face)
    }

    pub(crate) fn name(&self) -> &str {
        self.source.name()
    }

    pub(crate) fn is_bold(&self) -> bool {
        self.source.bold
    }

    pub(crate) fn is_emoji(&self) -> bool {
        self.source.emoji
    }

    /// Whether the face was made for this language: the longest matching prefix's length, 0 for none.
    pub(crate) fn speaks(&self, language: &str) -> usize {
        let matching = |tag: &&&str| {
            language.strip_prefix(**tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.source.languages.iter().filter(matching).map(|tag| tag.len()).max().unwrap_or(0)
    }

    /// Adds what identifies the face to the hash of the renderer's version.
    pub(crate) fn identify(&self, hash: &mut Sha256) {
        hash.update(self.source.name.as_bytes());
        hash.update(self.source.index.to_be_bytes());
        hash.update(self.source.fingerprint);
    }

    /// Identifies the font, independent of its file's path.
    pub(crate) fn id(&self) -> FontId {
        let FontSource { name, index, fingerprint, .. } = &self.source;
        FontId { name: name.clone(), index: *index, fingerprint: *fingerprint }
    }

    /// The file's bytes, if they have been read.
    pub(crate) fn file(&self) -> Option<&[u8]> {
        match &self.loaded.get()?.bytes {
            Blob::Shared(bytes) => Some((**bytes).as_ref()),
            Blob::Static(_) => None,
        }
    }

    /// Whether it is tried only when no other face has a character.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.source.cover.is_some()
    }

    /// Whether the face may be used for this character; does not read the face.
    pub(crate) fn may_have(&self, c: char) -> bool {
        if let Some(cover) = &self.source.cover {
            return self.coverage.get_or_init(cover).has(c);
        }
        self.source.ranges.iter().any(|&(first, last)| (first..=last).contains(&c))
    }

    /// The face; reads it if it has not been read yet.
    pub(crate) fn load(&self) -> Result<&Loaded, FontError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let name = || self.source.name.clone();
        let bytes = (self.source.load)().ok_or_else(|| FontError::Unreadable(name()))?;
        if FontSource::fingerprint(&bytes, bytes.len() as u64) != self.source.fingerprint {
            return Err(FontError::Changed(name()));
        }
        let loaded = Loaded::read(Blob::Shared(bytes), self.source.index).ok_or_else(|| self.unusable())?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// The page's own subset of the face; `texts` as for [`FontSubset::new`].
    pub(crate) fn cut(
        &self,
        glyph_set: &GlyphSet,
        texts: Vec<(u16, String)>,
    ) -> Result<Arc<FontSubset>, FontError> {
        self.subsets.cut(self.load()?, glyph_set, texts, || self.unusable())
    }

    pub(crate) fn unusable(&self) -> FontError {
        FontError::Unusable(self.source.name.clone())
    }
}
