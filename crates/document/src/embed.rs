//! Which font of the file holds which glyph, and how the fonts are written.

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Chunk, Filter, Finish, Name, Rect, Ref, Str};
use sha2::{Digest, Sha256};
use subsetter::GlyphRemapper;

use crate::common::{Common, TIERS};
use crate::face::{Face, FontError, Loaded};
use crate::pdf::{deflate, deflate_once};
use crate::shape::{Glyph, Line};

const SYSTEM: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The glyphs of a font program that is to be cut out of a face.
#[derive(Default)]
pub(crate) struct Program(GlyphRemapper);

impl Program {
    /// The number of a glyph in the program; a new glyph gets the next one.
    pub(crate) fn add(&mut self, glyph: u16) -> u16 {
        self.0.remap(glyph)
    }
}

/// A font as the page's text refers to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FontName {
    slot: usize,
    layer: usize,
}

impl FontName {
    /// Its name in the page's resources.
    pub(crate) fn name(self) -> String {
        format!("F{}.{}", self.slot, self.layer)
    }
}

/// A font program with the composite fonts over it: the same glyphs, told apart by what they stand for. A glyph
/// drawn for two characters (Greek Ω and the ohm sign) needs two.
struct Slot<'a> {
    face: usize,
    common: Option<&'a Common>,
    program: Program,
    /// What each number stands for, by layer. Layer 0 of a shared subset is written already.
    layers: Vec<Vec<(u16, String)>>,
}

/// All fonts of one page.
pub(crate) struct Fonts<'a> {
    faces: &'a [Face],
    slots: Vec<Slot<'a>>,
}

impl<'a> Fonts<'a> {
    /// Chooses the shared subset of each built-in face. `commons[face][tier]`.
    pub(crate) fn new<'l>(
        faces: &'a [Face],
        commons: &'a [[Common; TIERS]],
        lines: impl Iterator<Item = &'l Line>,
    ) -> Self {
        let mut tiers = vec![None::<usize>; commons.len()];
        for run in lines.flat_map(|line| &line.runs) {
            let Some(tier) = tiers.get_mut(run.face) else { continue };
            for glyph in &run.glyphs {
                let least = (0..TIERS).find(|&t| commons[run.face][t].code(glyph.id).is_some());
                *tier = (*tier).max(least);
            }
        }
        let chosen =
            tiers.iter().enumerate().filter_map(|(face, tier)| Some((face, &commons[face][(*tier)?])));
        let slots = chosen
            .map(|(face, common)| Slot {
                face,
                common: Some(common),
                program: Program::default(),
                layers: vec![Vec::new()],
            })
            .collect();
        Self { faces, slots }
    }

    /// The font and the number for a glyph that stands for a text; without a text, for a glyph whose text is given
    /// beside it.
    pub(crate) fn place(&mut self, face: usize, glyph: &Glyph, text: Option<&str>) -> (FontName, u16) {
        let shared = self.slots.iter().position(|slot| {
            slot.face == face && slot.common.is_some_and(|common| common.code(glyph.id).is_some())
        });
        let slot =
            shared.or_else(|| self.slots.iter().position(|slot| slot.face == face && slot.common.is_none()));
        let slot = slot.unwrap_or_else(|| {
            self.slots.push(Slot {
                face,
                common: None,
                program: Program::default(),
                layers: vec![Vec::new()],
            });
            self.slots.len() - 1
        });
        let entry = &mut self.slots[slot];
        let code = match entry.common {
            Some(common) => common.code(glyph.id).unwrap_or(0),
            None => entry.program.add(glyph.id),
        };
        let Some(text) = text else { return (FontName { slot, layer: 0 }, code) };
        if entry.common.is_some_and(|common| common.means(code, text)) {
            return (FontName { slot, layer: 0 }, code);
        }
        let first = usize::from(entry.common.is_some());
        for (layer, texts) in entry.layers.iter_mut().enumerate().skip(first) {
            match texts.iter().find(|(known, _)| *known == code) {
                Some((_, known)) if known == text => return (FontName { slot, layer }, code),
                Some(_) => {}
                None => {
                    texts.push((code, text.to_owned()));
                    return (FontName { slot, layer }, code);
                }
            }
        }
        entry.layers.push(vec![(code, text.to_owned())]);
        (FontName { slot, layer: entry.layers.len() - 1 }, code)
    }

    /// A glyph of the face that has no width.
    pub(crate) fn blank(&self, face: usize) -> Option<u16> {
        let loaded = self.faces[face].load().ok()?;
        let glyph = loaded.glyph('\u{200C}');
        (glyph != 0 && loaded.width(glyph) == 0).then_some(glyph)
    }

    /// Writes every font. Returns what the page's resources call each.
    pub(crate) fn write(&self, chunk: &mut Chunk, next: &mut i32) -> Result<Vec<(String, Ref)>, FontError> {
        let mut take = || {
            *next += 1;
            Ref::new(*next - 1)
        };
        let mut names = Vec::new();
        for (slot, entry) in self.slots.iter().enumerate() {
            let face = &self.faces[entry.face];
            let (font, descendant) = if let Some(common) = entry.common {
                chunk.extend(&common.chunk);
                (common.font, common.descendant)
            } else {
                let refs = [(); 5].map(|()| take());
                let mut texts = entry.layers[0].clone();
                texts.sort();
                write_font(chunk, face, &entry.program, refs, texts.into_iter(), false)?;
                (refs[0], refs[1])
            };
            names.push((FontName { slot, layer: 0 }.name(), font));
            for (layer, texts) in entry.layers.iter().enumerate().skip(1) {
                let (font, cmap) = (take(), take());
                let mut texts = texts.clone();
                texts.sort();
                write_composite(chunk, face.name(), font, descendant, cmap);
                write_cmap(chunk, cmap, texts.into_iter(), deflate);
                names.push((FontName { slot, layer }.name(), font));
            }
        }
        Ok(names)
    }
}

/// Writes a composite font with its descendant, descriptor, program and table of characters, in this order of
/// object numbers. `shared` fonts are compressed as well as can be.
pub(crate) fn write_font(
    chunk: &mut Chunk,
    face: &Face,
    program: &Program,
    [font, descendant, descriptor, file, cmap]: [Ref; 5],
    texts: impl Iterator<Item = (u16, String)>,
    shared: bool,
) -> Result<(), FontError> {
    let loaded = face.load()?;
    let unusable = || FontError::Unusable(face.name().to_owned());
    let cut = subsetter::subset(&loaded.bytes, loaded.index, &program.0).map_err(|_| unusable())?;
    let cff = table(&cut, *b"CFF ");
    let tag = subset_tag(&cut);
    let name = format!("{tag}+{}", face.name());
    write_composite(chunk, &name, font, descendant, cmap);

    let mut cid = chunk.cid_font(descendant);
    cid.subtype(if cff.is_some() { CidFontType::Type0 } else { CidFontType::Type2 });
    cid.base_font(Name(name.as_bytes())).system_info(SYSTEM).font_descriptor(descriptor).default_width(0.0);
    if cff.is_none() {
        cid.cid_to_gid_map_predefined(Name(b"Identity"));
    }
    let widths = program.0.remapped_gids().map(|glyph| f32::from(loaded.width(glyph)));
    cid.widths().consecutive(0, widths);
    cid.finish();

    write_descriptor(chunk, loaded, face.is_bold(), &name, descriptor, file, cff.is_some());

    let bytes = cff.unwrap_or(&cut);
    let deflate = if shared { deflate_once } else { deflate };
    let packed = deflate(bytes);
    let mut stream = chunk.stream(file, &packed);
    stream.filter(Filter::FlateDecode);
    if cff.is_some() {
        stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
    } else {
        stream.pair(Name(b"Length1"), i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    }
    stream.finish();
    write_cmap(chunk, cmap, texts, deflate);
    Ok(())
}

fn write_composite(chunk: &mut Chunk, name: &str, font: Ref, descendant: Ref, cmap: Ref) {
    let mut composite = chunk.type0_font(font);
    composite.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"Identity-H"));
    composite.descendant_font(descendant).to_unicode(cmap);
}

fn write_descriptor(
    chunk: &mut Chunk,
    loaded: &Loaded,
    bold: bool,
    name: &str,
    descriptor: Ref,
    file: Ref,
    cff: bool,
) {
    let metrics = loaded.font.metrics();
    let em = f64::from(loaded.font.units_per_em());
    #[expect(clippy::cast_possible_truncation, reason = "font metrics in thousandths are small")]
    let scale = |value: f64| (value * 1000.0 / em).round() as f32;
    let line = metrics.hhea_line;
    let ascent = line.map_or(900.0, |line| scale(line.ascender.to_f64()));
    let descent = line.map_or(-200.0, |line| scale(line.descender.to_f64()));
    let b = &metrics.bounds;
    let bbox = Rect::new(
        scale(b.x_min.to_f64()),
        scale(b.y_min.to_f64()),
        scale(b.x_max.to_f64()),
        scale(b.y_max.to_f64()),
    );
    let mut out = chunk.font_descriptor(descriptor);
    out.name(Name(name.as_bytes())).flags(FontFlags::SYMBOLIC).bbox(bbox).italic_angle(0.0);
    out.ascent(ascent)
        .descent(descent)
        .cap_height(metrics.cap_height.map_or(ascent, |cap| scale(cap.to_f64())));
    out.stem_v(if bold { 120.0 } else { 80.0 });
    if cff {
        out.font_file3(file);
    } else {
        out.font_file2(file);
    }
}

fn write_cmap(
    chunk: &mut Chunk,
    id: Ref,
    texts: impl Iterator<Item = (u16, String)>,
    deflate: fn(&[u8]) -> Vec<u8>,
) {
    let mut cmap = UnicodeCmap::<u16>::new(Name(b"Ticket"), SYSTEM);
    for (code, text) in texts {
        cmap.pair_with_multiple(code, text.chars());
    }
    let packed = deflate(cmap.finish().as_slice());
    chunk.stream(id, &packed).filter(Filter::FlateDecode);
}

/// The six letters that name a subset, from its bytes.
fn subset_tag(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect()
}

/// A table of a font file.
fn table(font: &[u8], tag: [u8; 4]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_be_bytes(font.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = usize::from(u16::from_be_bytes(font.get(4..6)?.try_into().ok()?));
    let record = (0..count).map(|i| 12 + 16 * i).find(|&at| font.get(at..at + 4) == Some(&tag[..]))?;
    let (offset, length) = (number(record + 8)?, number(record + 12)?);
    font.get(offset..offset.checked_add(length)?)
}
