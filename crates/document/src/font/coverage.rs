//! Font coverage: which characters a font file has, read from its `cmap` table alone, because a machine may have
//! hundreds of fonts.

use std::io::{Read, Seek, SeekFrom};

use read_fonts::tables::cmap::{Cmap, CmapIterLimits};
use read_fonts::{FontData, FontRead};

/// The maximum number of tables of a font.
const TABLES: u16 = 128;
/// The largest `cmap` table that is read, in bytes; a font of all of Chinese has a tenth of it.
const LARGEST: u32 = 4 << 20;

/// How many of its entries are read: as many as Unicode has code points.
const MOST: usize = 0x11_0000;

/// The characters of a font, as ranges in order.
#[derive(Debug, Default)]
pub struct Coverage(Vec<(u32, u32)>);

impl Coverage {
    /// The coverage of a file's first font. Empty if text cannot be drawn with it: its glyphs are not outlines, or it
    /// must not be embedded, or it is damaged.
    #[must_use]
    pub fn read(mut file: impl Read + Seek) -> Self {
        read(&mut file).map(Self).unwrap_or_default()
    }

    /// Whether the font has this character.
    #[must_use]
    pub fn has(&self, c: char) -> bool {
        let c = u32::from(c);
        let after = self.0.partition_point(|&(first, _)| first <= c);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(_, last)| c <= last)
    }
}

/// What a font is read from.
trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A table's offset and length.
type Table = (u32, u32);

fn read(file: &mut dyn Source) -> Option<Vec<(u32, u32)>> {
    let tables = tables(file)?;
    let table = |tag: &[u8; 4]| tables.iter().find(|(known, _)| known == tag).map(|(_, table)| *table);
    let outlines = table(b"glyf").or(table(b"CFF ")).is_some();
    let pictures = [b"CBDT", b"COLR", b"sbix", b"SVG "].iter().any(|tag| table(tag).is_some());
    if !outlines || pictures {
        return None;
    }
    // Bits 0 to 3 of fsType (OpenType, OS/2): the value 2 alone forbids embedding the font.
    let kind = bytes(file, table(b"OS/2")?, 10)?;
    if kind.get(8..10)?.last()? & 0x0F == 0x02 {
        return None;
    }
    let (at, length) = table(b"cmap")?;
    let cmap = bytes(file, (at, length), length)?;
    let (_, encoding, characters) = Cmap::read(FontData::new(&cmap)).ok()?.best_subtable()?;
    if encoding.is_symbol() || encoding.is_mac_roman() {
        return None;
    }
    let limits = CmapIterLimits { max_char: u32::from(char::MAX), glyph_count: 1 << 16 };
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for (c, glyph) in characters.iter_with_limits(limits).take(MOST) {
        if glyph.to_u32() == 0 || is_private(c) {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.1.checked_add(1) == Some(c) => last.1 = c,
            _ => ranges.push((c, c)),
        }
    }
    // A damaged table may have the ranges in any order.
    ranges.sort_unstable();
    Some(ranges)
}

/// The tables of a file's first font (OpenType, "Organization of an OpenType Font").
fn tables(file: &mut dyn Source) -> Option<Vec<([u8; 4], Table)>> {
    let mut start = 0;
    let mut head = bytes(file, (start, 12), 12)?;
    if head.starts_with(b"ttcf") {
        start = number(&bytes(file, (12, 4), 4)?, 0)?;
        head = bytes(file, (start, 12), 12)?;
    }
    let count = u16::from_be_bytes(head.get(4..6)?.try_into().ok()?);
    if count > TABLES {
        return None;
    }
    let length = 16 * u32::from(count);
    let directory = bytes(file, (start.checked_add(12)?, length), length)?;
    let table =
        |record: &[u8]| Some((record.get(..4)?.try_into().ok()?, (number(record, 8)?, number(record, 12)?)));
    directory.chunks_exact(16).map(table).collect()
}

/// The first bytes of a table.
fn bytes(file: &mut dyn Source, (at, length): Table, wanted: u32) -> Option<Vec<u8>> {
    if wanted > length || wanted > LARGEST {
        return None;
    }
    file.seek(SeekFrom::Start(at.into())).ok()?;
    let mut bytes = Vec::new();
    let read = file.take(wanted.into()).read_to_end(&mut bytes).ok()?;
    (read == usize::try_from(wanted).ok()?).then_some(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Private-use characters, to which symbol fonts assign anything.
fn is_private(c: u32) -> bool {
    matches!(c, 0xE000..=0xF8FF | 0xF_0000..)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    const INTER: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");

    #[test]
    fn it_has_what_its_font_has() {
        let coverage = Coverage::read(Cursor::new(INTER));
        let font = harfrust::Font::new(harfrust::font::Blob::Static(INTER), 0).unwrap();
        for c in '\u{20}'..='\u{2FFF}' {
            let has = font.charmap().map_unicode(c).is_some_and(|glyph| glyph.to_u32() != 0);
            assert_eq!(coverage.has(c), has, "{c:?}");
        }
        assert!(coverage.has('Ж') && !coverage.has('བ'));
    }

    #[test]
    fn a_font_that_must_not_be_embedded_counts_for_nothing() {
        let mut font = INTER.to_vec();
        let tables = tables(&mut Cursor::new(INTER)).unwrap();
        let (_, (at, _)) = tables.iter().find(|(tag, _)| tag == b"OS/2").unwrap();
        font[*at as usize + 9] = 0x02;
        assert!(!Coverage::read(Cursor::new(font)).has('a'));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_font_is_read_or_left_out(
            damage in prop::collection::vec((0_usize..2_000, any::<u8>()), 0..20),
            length in 0..INTER.len(),
        ) {
            let mut font = INTER.to_vec();
            for (at, value) in damage {
                font[at] = value;
            }
            for font in [&font[..], &font[..length]] {
                let coverage = Coverage::read(Cursor::new(font));
                prop_assert!(coverage.0.is_sorted());
                let _: bool = coverage.has('a');
            }
        }
    }
}
