//! Which font of the file holds which glyph, and how the fonts are written.

use std::sync::Arc;

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::writers::{CidFont, FontDescriptor, Type0Font};
use pdf_writer::{Name, Rect, Ref, Str};

use crate::cmap::to_unicode;
use crate::common::{EACH, SharedSubset};
use crate::emoji::{Emoji, Pictures};
use crate::face::{BUILT_IN, Face, FontError, Loaded};
use crate::file::{ObjectBuffer, ObjectStream, deflate};
use crate::program::{FontSubset, GlyphSet};
use crate::shape::Glyph;

const SYSTEM: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

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
struct FontResource<'a> {
    face: usize,
    subset: Option<&'a SharedSubset>,
    glyph_set: GlyphSet,
    /// What each number stands for, by layer. Layer 0 of a shared subset is written already.
    layers: Vec<Vec<(u16, String)>>,
}

impl FontResource<'_> {
    /// What each number of the slot's own font stands for, in their order.
    fn texts(&self) -> Vec<(u16, String)> {
        let mut texts = self.layers[0].clone();
        texts.extend(self.unnamed());
        texts.sort();
        texts
    }

    /// The numbers whose text stands beside them wherever they are drawn, with a text that draws nothing: the table
    /// has to name every glyph (ISO 19005-2, 6.2.11.7.2).
    fn unnamed(&self) -> impl Iterator<Item = (u16, String)> {
        let named = |code: &u16| self.layers[0].iter().any(|(known, _)| known == code);
        (1..self.glyph_set.len()).filter(move |code| !named(code)).map(|code| (code, "\u{200B}".to_owned()))
    }
}

/// All fonts of one page.
pub(crate) struct FontResources<'a> {
    faces: &'a [Face],
    /// The shared subsets of the built-in faces, by face.
    subsets: &'a [SharedSubset],
    /// Those that the event's tickets have of other faces.
    event: &'a [SharedSubset],
    slots: Vec<FontResource<'a>>,
    pictures: Pictures,
}

impl<'a> FontResources<'a> {
    /// `commons[face]` is the shared subset of a built-in face; `event` has those of other faces.
    pub(crate) fn new(faces: &'a [Face], subsets: &'a [SharedSubset], event: &'a [SharedSubset]) -> Self {
        Self { faces, subsets, event, slots: Vec::new(), pictures: Pictures::default() }
    }

    /// The font and the number for a glyph that stands for a text; without a text, for a glyph whose text is given
    /// beside it.
    pub(crate) fn place(&mut self, face: usize, glyph: &Glyph, text: Option<&str>) -> (FontName, u16) {
        let subset = self.subsets.get(face).or_else(|| self.event.iter().find(|subset| subset.face == face));
        let subset = subset.filter(|subset| subset.code(glyph.id).is_some());
        let known =
            self.slots.iter().position(|slot| slot.face == face && slot.subset.is_some() == subset.is_some());
        let slot = known.unwrap_or_else(|| {
            self.slots.push(FontResource {
                face,
                subset,
                glyph_set: GlyphSet::default(),
                layers: vec![Vec::new()],
            });
            self.slots.len() - 1
        });
        let entry = &mut self.slots[slot];
        let code = match entry.subset {
            Some(subset) => subset.code(glyph.id).unwrap_or(0),
            None => entry.glyph_set.add(glyph.id),
        };
        let Some(text) = text else { return (FontName { slot, layer: 0 }, code) };
        if entry.subset.is_some_and(|subset| subset.means(code, text)) {
            return (FontName { slot, layer: 0 }, code);
        }
        let first = usize::from(entry.subset.is_some());
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

    /// The number of a glyph's picture among the file's, and the picture.
    pub(crate) fn picture(&mut self, face: usize, glyph: u16) -> Option<(usize, Arc<Emoji>)> {
        let emoji = self.faces[face].load().ok()?.picture(glyph)?;
        Some((self.pictures.number(face, glyph, &emoji), emoji))
    }

    /// Writes the pictures that were asked for. Returns what the page's resources call each.
    pub(crate) fn write_pictures(&self, buffer: &mut ObjectBuffer, next: &mut i32) -> Vec<(String, Ref)> {
        self.pictures.write(buffer, next)
    }

    /// A glyph of the face that has no width.
    pub(crate) fn blank(&self, face: usize) -> Option<Glyph> {
        self.glyph(face, '\u{200C}').filter(|glyph| glyph.natural == 0)
    }

    /// The face's space.
    pub(crate) fn space(&self, face: usize) -> Option<Glyph> {
        self.glyph(face, ' ')
    }

    fn glyph(&self, face: usize, c: char) -> Option<Glyph> {
        let loaded = self.faces[face].load().ok()?;
        let id = loaded.glyph(c);
        let width = i32::from(loaded.width(id));
        let glyph = Glyph { id, natural: width, advance: width, dx: 0, dy: 0, start: 0, end: 0 };
        (id != 0).then_some(glyph)
    }

    /// The shared subsets that the page uses.
    pub(crate) fn shared(&self) -> impl Iterator<Item = &'a SharedSubset> {
        self.slots.iter().filter_map(|slot| slot.subset)
    }

    /// The fonts that would be a page's own, except those of the built-in faces, to be shared by an event's tickets; with
    /// object numbers from `first`.
    pub(crate) fn share(&self, first: i32) -> Result<Vec<SharedSubset>, FontError> {
        let own = self.slots.iter().filter(|slot| slot.subset.is_none() && slot.face >= BUILT_IN);
        own.zip(0..)
            .map(|(slot, index)| {
                let first = first + index * EACH;
                SharedSubset::cut(self.faces, slot.face, &slot.glyph_set, &slot.texts(), first)
            })
            .collect()
    }

    /// Writes the fonts that are the page's own. Returns what the page's resources call each of all.
    pub(crate) fn write(
        &self,
        buffer: &mut ObjectBuffer,
        objects: &mut ObjectStream,
        next: &mut i32,
    ) -> Result<Vec<(String, Ref)>, FontError> {
        let mut take = || {
            *next += 1;
            Ref::new(*next - 1)
        };
        let mut names = Vec::new();
        for (slot, entry) in self.slots.iter().enumerate() {
            let face = &self.faces[entry.face];
            let (font, descendant) = if let Some(subset) = entry.subset {
                (subset.font, subset.descendant)
            } else {
                let refs = [(); 5].map(|()| take());
                write_font(
                    buffer,
                    objects,
                    face,
                    &entry.glyph_set,
                    refs,
                    &*face.cut(&entry.glyph_set, entry.texts())?,
                )?;
                (refs[0], refs[1])
            };
            names.push((FontName { slot, layer: 0 }.name(), font));
            for (layer, texts) in entry.layers.iter().enumerate().skip(1) {
                let (font, cmap) = (take(), take());
                let mut texts = texts.clone();
                texts.sort();
                write_composite(objects, face.name(), font, descendant, cmap);
                buffer.compress_stream(cmap, "", &to_unicode(&texts), deflate);
                names.push((FontName { slot, layer }.name(), font));
            }
        }
        Ok(names)
    }
}

/// Writes a composite font with its descendant, descriptor, program and table of characters, in this order of
/// object numbers.
pub(crate) fn write_font(
    buffer: &mut ObjectBuffer,
    objects: &mut ObjectStream,
    face: &Face,
    glyph_set: &GlyphSet,
    [font, descendant, descriptor, file, cmap]: [Ref; 5],
    cut: &FontSubset,
) -> Result<(), FontError> {
    let loaded = face.load()?;
    let name = format!("{}+{}", cut.tag, face.name());
    write_composite(objects, &name, font, descendant, cmap);
    objects.write(descendant, |object| {
        let mut cid: CidFont<'_> = object.start();
        cid.subtype(if cut.cff { CidFontType::Type0 } else { CidFontType::Type2 });
        cid.base_font(Name(name.as_bytes()))
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0);
        if !cut.cff {
            cid.cid_to_gid_map_predefined(Name(b"Identity"));
        }
        let widths = glyph_set.glyphs().map(|glyph| f32::from(loaded.width(glyph)));
        cid.widths().consecutive(0, widths);
    });
    write_descriptor(objects, loaded, face.is_bold(), &name, descriptor, file, cut.cff);
    let entries =
        if cut.cff { "/Subtype/CIDFontType0C".to_owned() } else { format!("/Length1 {}", cut.length) };
    buffer.compressed_stream(file, &entries, &cut.file);
    buffer.compressed_stream(cmap, "", &cut.texts);
    Ok(())
}

fn write_composite(objects: &mut ObjectStream, name: &str, font: Ref, descendant: Ref, cmap: Ref) {
    objects.write(font, |object| {
        let mut composite: Type0Font<'_> = object.start();
        composite.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"Identity-H"));
        composite.descendant_font(descendant).to_unicode(cmap);
    });
}

fn write_descriptor(
    objects: &mut ObjectStream,
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
    objects.write(descriptor, |object| {
        let mut out: FontDescriptor<'_> = object.start();
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
    });
}
