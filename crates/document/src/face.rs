//! Fonts: where a face comes from, what it covers, and the face once it is read.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::coverage::Coverage;
use crate::emoji::{Emoji, Emojis};
use crate::fallback::FontId;
use crate::program::{FontSubset, GlyphSet, SubsetCache};
use harfrust::font::Blob;
use harfrust::{Direction, Feature, Font, Script, ShapePlan, ShaperFont, Tag};
use sha2::{Digest, Sha256};

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
type Load = Box<dyn Fn() -> Option<Arc<Vec<u8>>> + Send + Sync>;

/// Reads what a face has without reading the face.
type Cover = Box<dyn Fn() -> Coverage + Send + Sync>;

/// A face the renderer may fall back to: in memory, or to be read when a character first needs it.
pub struct FontSource {
    name: String,
    index: u32,
    bold: bool,
    emoji: bool,
    languages: &'static [&'static str],
    ranges: &'static [(char, char)],
    /// Of a face of last resort.
    cover: Option<Cover>,
    fingerprint: [u8; 32],
    load: Load,
}

impl std::fmt::Debug for FontSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FontSource")
            .field("name", &self.name)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

/// How many faces are in the binary: regular and bold.
pub(crate) const BUILT_IN: usize = 2;

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

    /// What it was named.
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

    /// Ask this face first for what is to look like an emoji, whatever its ranges: characters followed by U+FE0F, keycaps
    /// and skin tones (Unicode UTS #51).
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

    /// Ask this face when no other has all of a character's parts, and only for what `cover` says that it has.
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

/// Which glyph features a text asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Running text.
    Text,
    /// Codes: digits of one width, zero with a slash.
    Code,
}

impl Style {
    fn features(self) -> &'static [Feature] {
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

/// A face of the renderer's fixed list.
pub(crate) struct Face {
    source: FontSource,
    loaded: OnceLock<Loaded>,
    /// What it has, once that was asked for.
    coverage: OnceLock<Coverage>,
    cuts: SubsetCache,
}

/// What a shaping plan is made for.
type PlanKey = (Script, Direction, Style);

/// A face that has been read.
pub(crate) struct Loaded {
    pub(crate) font: Font,
    pub(crate) bytes: Blob,
    pub(crate) index: u32,
    /// Natural widths in thousandths of an em, by glyph.
    widths: Vec<u16>,
    plans: Mutex<Vec<(PlanKey, Arc<ShapePlan>)>>,
    /// What it draws with where it has no outlines.
    emojis: Option<Emojis>,
}

impl Face {
    pub(crate) fn new(source: FontSource) -> Self {
        Self { source, loaded: OnceLock::new(), coverage: OnceLock::new(), cuts: SubsetCache::default() }
    }

    /// A face of the binary's own.
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

    /// The face's part in the renderer's version.
    pub(crate) fn identify(&self, hash: &mut Sha256) {
        hash.update(self.source.name.as_bytes());
        hash.update(self.source.index.to_be_bytes());
        hash.update(self.source.fingerprint);
    }

    /// Which font it is, whatever file that is in.
    pub(crate) fn id(&self) -> FontId {
        let FontSource { name, index, fingerprint, .. } = &self.source;
        FontId { name: name.clone(), index: *index, fingerprint: *fingerprint }
    }

    /// The file's bytes, if they were read.
    pub(crate) fn file(&self) -> Option<&[u8]> {
        match &self.loaded.get()?.bytes {
            Blob::Shared(bytes) => Some((**bytes).as_ref()),
            Blob::Static(_) => None,
        }
    }

    /// Whether it is asked only when no other face has a character.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.source.cover.is_some()
    }

    /// Whether the face may be asked for this character, without reading it.
    pub(crate) fn may_have(&self, c: char) -> bool {
        if let Some(cover) = &self.source.cover {
            return self.coverage.get_or_init(cover).has(c);
        }
        self.source.ranges.iter().any(|&(first, last)| (first..=last).contains(&c))
    }

    /// The face, read now if it was not before.
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

    /// The program of a page's own; `texts` as for [`FontSubset::new`].
    pub(crate) fn cut(
        &self,
        glyph_set: &GlyphSet,
        texts: Vec<(u16, String)>,
    ) -> Result<Arc<FontSubset>, FontError> {
        self.cuts.cut(self.load()?, glyph_set, texts, || self.unusable())
    }

    pub(crate) fn unusable(&self) -> FontError {
        FontError::Unusable(self.source.name.clone())
    }
}

impl Loaded {
    fn read(bytes: Blob, index: u32) -> Option<Self> {
        let font = Font::new(bytes.clone(), index)?;
        if font.num_glyphs() == 0 || font.num_glyphs() > 0xFFFF || !font.charmap().has_unicode() {
            return None;
        }
        let em = f32::from(font.units_per_em());
        let metrics = font.glyph_metrics();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the type's range"
        )]
        let widths = (0..font.num_glyphs())
            .map(|glyph| (metrics.h_advance(glyph.into()) * 1000.0 / em).round().clamp(0.0, 65535.0) as u16)
            .collect();
        let emojis = Emojis::of(&bytes, index);
        Some(Self { font, bytes, index, widths, plans: Mutex::default(), emojis })
    }

    /// Whether its glyphs are pictures and not outlines.
    pub(crate) fn has_pictures(&self) -> bool {
        self.emojis.is_some()
    }

    /// A glyph's picture.
    pub(crate) fn picture(&self, glyph: u16) -> Option<Arc<Emoji>> {
        self.emojis.as_ref()?.get(&self.bytes, self.index, glyph)
    }

    pub(crate) fn has(&self, c: char) -> bool {
        self.glyph(c) != 0
    }

    /// The glyph of one character on its own; 0 for none.
    pub(crate) fn glyph(&self, c: char) -> u16 {
        self.font.charmap().map_unicode(c).and_then(|id| u16::try_from(id.to_u32()).ok()).unwrap_or(0)
    }

    /// A glyph's natural width in thousandths of an em.
    pub(crate) fn width(&self, glyph: u16) -> u16 {
        self.widths.get(usize::from(glyph)).copied().unwrap_or(0)
    }

    /// The shaping plan for a script, made once. What is cached changes no output.
    pub(crate) fn plan(&self, script: Script, direction: Direction, style: Style) -> Arc<ShapePlan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (script, direction, style);
        let known = plans.iter().find(|(known, _)| *known == key);
        if let Some((_, plan)) = known {
            return Arc::clone(plan);
        }
        let plan = Arc::new(ShapePlan::new(&self.font, direction, Some(script), None, style.features()));
        plans.push((key, Arc::clone(&plan)));
        plan
    }

    pub(crate) fn shaper(&self) -> ShaperFont<'_, 'static> {
        ShaperFont::new(&self.font)
    }
}

impl Style {
    /// The features to hand to the shaper beside the plan made for them.
    pub(crate) fn options(self) -> &'static [Feature] {
        self.features()
    }
}
