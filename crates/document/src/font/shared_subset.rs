//! Font subsets that many tickets share: cut and compressed once. Those of the built-in faces are made with the
//! renderer and are in every file; those of other faces are made when an event that needs them is first drawn.
//!
//! The content of the former depends only on the faces and the ranges below, never on which tickets were drawn before.

use pdf_writer::Ref;
use sha2::{Digest, Sha256};

use crate::pdf::{ObjectBuffer, ObjectStream, deflate_once};

use super::face::Face;
use super::glyph_set::GlyphSet;
use super::objects::write_font;
use super::source::FontError;
use super::subset::FontSubset;

/// The characters that most pages use. A character that is not here costs a page a small font of its own; one that is
/// here adds to every page that uses the face, so rare characters are left out.
const RANGES: [&[(char, char)]; 2] = [
    &[(' ', '!'), ('&', ';'), ('?', 'Z'), ('_', '_'), ('a', 'z'), ('·', '·'), ('–', '–'), ('’', '’')],
    &[(' ', '!'), ('&', ';'), ('?', '?'), ('A', 'Z'), ('a', 'z'), ('–', '–'), ('’', '’')],
];

/// Object numbers: a face's subsets have fixed ones, so that their bytes can be copied into every file.
const FIRST: i32 = 10;
pub(crate) const EACH: i32 = 6;

/// One shared subset, as objects ready to be copied.
#[derive(Debug)]
pub(crate) struct SharedSubset {
    /// The index of the face it is cut out of.
    pub(crate) face: usize,
    /// The new number of each glyph of the face; 0 for those left out.
    codes: Vec<u16>,
    /// The text that each new number maps to.
    texts: Vec<String>,
    /// The composite font with all objects it refers to.
    pub(crate) buffer: ObjectBuffer,
    /// A hash of its bytes.
    pub(crate) digest: [u8; 32],
    /// The composite font.
    pub(crate) font: Ref,
    /// Its descendant, for another composite font with another table of characters.
    pub(crate) descendant: Ref,
}

impl SharedSubset {
    /// The subset of `faces[index]`, 0 for regular and 1 for bold, with further glyphs that map to one character each.
    pub(crate) fn new(
        faces: &[Face],
        index: usize,
        further: impl IntoIterator<Item = (u16, char)>,
    ) -> Result<Self, FontError> {
        let face = &faces[index];
        let loaded = face.load()?;
        let mut glyph_set = GlyphSet::default();
        let mut codes = vec![0; usize::try_from(loaded.font.num_glyphs()).unwrap_or(0)];
        let mut texts = Vec::new();
        let mut add = |glyph: u16, c: char| {
            if let Some(code) = codes.get_mut(usize::from(glyph))
                && glyph != 0
                && *code == 0
            {
                *code = glyph_set.add(glyph);
                texts.push((*code, c.to_string()));
            }
        };
        for &(first, last) in RANGES[index] {
            for c in first..=last {
                add(loaded.glyph(c), c);
            }
        }
        further.into_iter().for_each(|(glyph, c)| add(glyph, c));
        Self::cut(faces, index, &glyph_set, &texts, Self::after(index))
    }

    /// The subset of these glyphs of a face, with object numbers from `first`. `texts` has the text of each number, in
    /// their order.
    pub(crate) fn cut(
        faces: &[Face],
        index: usize,
        glyph_set: &GlyphSet,
        texts: &[(u16, String)],
        first: i32,
    ) -> Result<Self, FontError> {
        let refs = [first, first + 1, first + 2, first + 3, first + 4].map(Ref::new);
        let (mut buffer, mut objects) = (ObjectBuffer::default(), ObjectStream::default());
        let face = &faces[index];
        let subset =
            FontSubset::new(face.load()?, glyph_set, texts, deflate_once).ok_or_else(|| face.unusable())?;
        write_font(&mut buffer, &mut objects, face, glyph_set, refs, &subset)?;
        buffer.object_stream(Ref::new(first + 5), &objects, deflate_once);
        let mut codes = Vec::new();
        for (code, glyph) in (0..).zip(glyph_set.glyphs()).skip(1) {
            let glyph = usize::from(glyph);
            if codes.len() <= glyph {
                codes.resize(glyph + 1, 0);
            }
            codes[glyph] = code;
        }
        let mut all = vec![String::new(); codes.iter().copied().max().map_or(0, usize::from) + 1];
        for (code, text) in texts {
            if let Some(known) = all.get_mut(usize::from(*code)) {
                known.clone_from(text);
            }
        }
        let digest = Sha256::digest(buffer.bytes()).into();
        Ok(Self { face: index, codes, texts: all, buffer, digest, font: refs[0], descendant: refs[1] })
    }

    /// The first object number after the subsets of this many faces.
    pub(crate) fn after(faces: usize) -> i32 {
        FIRST + i32::try_from(faces).unwrap_or(0) * EACH
    }

    /// A glyph's number in this subset, if it has one.
    pub(crate) fn code(&self, glyph: u16) -> Option<u16> {
        self.codes.get(usize::from(glyph)).copied().filter(|&code| code != 0)
    }

    /// Whether the shared table of characters maps a number to this text.
    pub(crate) fn means(&self, code: u16, text: &str) -> bool {
        self.texts.get(usize::from(code)).is_some_and(|known| known == text)
    }
}
