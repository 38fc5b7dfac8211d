//! Font subsets: the glyphs of a face that a file needs, and nothing else.

use sha2::{Digest as _, Sha256};

use crate::pdf::Deflate;

use super::cmap::to_unicode;
use super::glyph_set::GlyphSet;
use super::hinting::without_instructions;
use super::loaded::Loaded;

/// A subset with its table of characters, ready to be written.
#[derive(Debug)]
pub(crate) struct FontSubset {
    /// The six letters that name a subset, from its bytes.
    pub(crate) tag: String,
    /// Whether its outlines are CFF; else TrueType.
    pub(crate) cff: bool,
    /// Bytes of the font program before it was compressed.
    pub(crate) length: usize,
    /// The font program, compressed.
    pub(crate) file: Vec<u8>,
    /// The table of characters, compressed.
    pub(crate) texts: Vec<u8>,
}

impl FontSubset {
    /// Cuts a subset. `texts` has the text of each number, in their order. None if the face is damaged.
    pub(crate) fn new(
        loaded: &Loaded,
        glyph_set: &GlyphSet,
        texts: &[(u16, String)],
        deflate: Deflate,
    ) -> Option<Self> {
        let cut = subsetter::subset(&loaded.bytes, loaded.index, &glyph_set.0).ok()?;
        let cff = table(&cut, *b"CFF ");
        let bytes = match cff {
            Some(cff) => cff.to_vec(),
            None => slim(&cut)?,
        };
        Some(Self {
            tag: Sha256::digest(&bytes).iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect(),
            cff: cff.is_some(),
            length: bytes.len(),
            file: deflate(&bytes),
            texts: deflate(&to_unicode(texts)),
        })
    }

    /// Bytes of both.
    pub(super) fn size(&self) -> usize {
        self.file.len() + self.texts.len()
    }
}

/// A table of a font file.
fn table(font: &[u8], tag: [u8; 4]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_be_bytes(font.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = usize::from(u16::from_be_bytes(font.get(4..6)?.try_into().ok()?));
    let record = (0..count).map(|i| 12 + 16 * i).find(|&at| font.get(at..at + 4) == Some(&tag[..]))?;
    let (offset, length) = (number(record + 8)?, number(record + 12)?);
    font.get(offset..offset.checked_add(length)?)
}

/// The tables that a font inside a PDF needs (ISO 32000-1, 9.9); names and the like are left out.
const NEEDED: [&[u8; 4]; 9] =
    [b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep"];

/// A TrueType font with only these tables, and without instructions where its outlines can be read.
fn slim(font: &[u8]) -> Option<Vec<u8>> {
    let long = table(font, *b"head")?.get(50..52)? != [0, 0];
    let bare = without_instructions(table(font, *b"glyf")?, table(font, *b"loca")?, long);
    let needed = |tag: &[u8; 4]| match (&bare, tag) {
        (Some((glyf, _)), b"glyf") => Some(&glyf[..]),
        (Some((_, loca)), b"loca") => Some(&loca[..]),
        (Some(_), b"cvt " | b"fpgm" | b"prep") => None,
        _ => table(font, *tag),
    };
    let tables: Vec<_> = NEEDED.iter().filter_map(|tag| Some((**tag, needed(tag)?))).collect();
    let count = u16::try_from(tables.len()).ok()?;
    let power = count.checked_ilog2()?;
    let mut out = font.get(..4)?.to_vec();
    for field in [count, 16 << power, u16::try_from(power).ok()?, (count - (1 << power)) * 16] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    let mut start = 12 + 16 * tables.len();
    for (tag, bytes) in &tables {
        out.extend_from_slice(tag);
        for field in [checksum(bytes), u32::try_from(start).ok()?, u32::try_from(bytes.len()).ok()?] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        start += bytes.len().next_multiple_of(4);
    }
    for (_, bytes) in &tables {
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    Some(out)
}

/// A table's checksum: the sum of its words.
fn checksum(table: &[u8]) -> u32 {
    table.chunks(4).fold(0, |sum: u32, bytes| {
        let mut word = [0; 4];
        word[..bytes.len()].copy_from_slice(bytes);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}
