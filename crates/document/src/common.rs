//! The subset of each built-in face that all tickets share: cut and compressed once, when the renderer is made.
//!
//! What is in them depends on the faces and the ranges below alone, never on which tickets were drawn before.

use pdf_writer::Ref;

use crate::embed::{Program, write_font};
use crate::face::{Face, FontError, Style};
use crate::file::{Pack, Part, deflate_once};
use crate::shape::Shaper;

/// What most pages are written with. What is not here costs a page a small font of its own; what is here costs every
/// page that uses the face, which is why rare signs are left out.
const RANGES: [&[(char, char)]; 2] = [
    &[(' ', '!'), ('&', ';'), ('?', 'Z'), ('_', '_'), ('a', 'z'), ('·', '·'), ('–', '–'), ('’', '’')],
    &[(' ', '!'), ('&', ';'), ('?', '?'), ('A', 'Z'), ('a', 'z'), ('–', '–'), ('’', '’')],
];

/// Object numbers: a face's subsets have fixed ones, so that their bytes can be copied into every file.
const FIRST: i32 = 10;
const EACH: i32 = 6;

/// One shared subset, as objects ready to be copied.
pub(crate) struct Common {
    /// The new number of each glyph of the face; 0 for those left out.
    codes: Vec<u16>,
    /// The character each new number stands for.
    characters: Vec<char>,
    /// The composite font with all it refers to.
    pub(crate) part: Part,
    /// The composite font.
    pub(crate) font: Ref,
    /// Its descendant, for another composite font with another table of characters.
    pub(crate) descendant: Ref,
}

impl Common {
    /// The subset of `faces[index]`, 0 for regular and 1 for bold.
    pub(crate) fn new(faces: &[Face], index: usize) -> Result<Self, FontError> {
        let face = &faces[index];
        let loaded = face.load()?;
        let mut program = Program::default();
        let mut codes = vec![0; usize::try_from(loaded.font.num_glyphs()).unwrap_or(0)];
        let mut characters = vec!['\u{FFFD}'];
        let mut add = |glyph: u16, c: char| {
            if let Some(code) = codes.get_mut(usize::from(glyph))
                && glyph != 0
                && *code == 0
            {
                *code = program.add(glyph);
                characters.push(c);
            }
        };
        for &(first, last) in RANGES[index] {
            for c in first..=last {
                add(loaded.glyph(c), c);
            }
        }
        // Ticket numbers are bold, their digits, spaces and hyphens in glyphs of one width.
        if index == 1 {
            let mut shaper = Shaper::new(faces, "");
            for c in " -0123456789".chars() {
                let line = shaper.line(c.to_string(), true, Style::Code)?;
                line.runs.iter().flat_map(|run| &run.glyphs).for_each(|glyph| add(glyph.id, c));
            }
        }
        let first = Self::after(index);
        let refs = [first, first + 1, first + 2, first + 3, first + 4].map(Ref::new);
        let texts = characters.iter().enumerate().skip(1);
        let texts: Vec<_> =
            texts.map(|(code, c)| (u16::try_from(code).unwrap_or(0), c.to_string())).collect();
        let (mut part, mut pack) = (Part::default(), Pack::default());
        write_font(&mut part, &mut pack, face, &program, refs, &texts, deflate_once)?;
        part.pack(Ref::new(first + 5), &pack, deflate_once);
        Ok(Self { codes, characters, part, font: refs[0], descendant: refs[1] })
    }

    /// The first object number after the subsets of this many faces.
    pub(crate) fn after(faces: usize) -> i32 {
        FIRST + i32::try_from(faces).unwrap_or(0) * EACH
    }

    /// A glyph's number here, if it is in.
    pub(crate) fn code(&self, glyph: u16) -> Option<u16> {
        self.codes.get(usize::from(glyph)).copied().filter(|&code| code != 0)
    }

    /// Whether the shared table of characters gives this text back for a number.
    pub(crate) fn means(&self, code: u16, text: &str) -> bool {
        let mut chars = text.chars();
        self.characters.get(usize::from(code)).copied() == chars.next() && chars.next().is_none()
    }
}
