//! A page's font resources: which font of the file holds which glyph.

use std::sync::Arc;

use pdf_writer::Ref;

use crate::pdf::{ObjectBuffer, ObjectStream, deflate};

use super::cmap::to_unicode;
use super::emoji::{Emoji, Pictures};
use super::face::{BUILT_IN, Face};
use super::glyph::Glyph;
use super::glyph_set::GlyphSet;
use super::objects::{write_composite, write_font};
use super::shared_subset::{EACH, SharedSubset};
use super::source::FontError;

/// A font as the page's text refers to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FontName {
    resource: usize,
    layer: usize,
}

impl FontName {
    /// Its name in the page's resources.
    pub(crate) fn name(self) -> String {
        format!("F{}.{}", self.resource, self.layer)
    }
}

/// A font program with the composite fonts over it: the same glyphs, each composite maps them to other texts. A glyph
/// drawn for two characters (Greek Ω and the ohm sign) needs two.
struct FontResource<'a> {
    face: usize,
    /// The shared subset, if it is one; otherwise its glyphs are the page's own.
    subset: Option<&'a SharedSubset>,
    glyph_set: GlyphSet,
    /// The text of each number, by layer. Layer 0 of a shared subset is already written.
    layers: Vec<Vec<(u16, String)>>,
}

impl FontResource<'_> {
    /// The text of each number of a page's own font, in the order of the numbers.
    fn texts(&self) -> Vec<(u16, String)> {
        let mut texts = self.layers[0].clone();
        texts.extend(self.unnamed());
        texts.sort();
        texts
    }

    /// The numbers whose text is given as `ActualText` wherever they are drawn, with a text that draws nothing: the
    /// table has to map every glyph (ISO 19005-2, 6.2.11.7.2).
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
    /// The subsets of other faces that the event's tickets share.
    event: &'a [SharedSubset],
    resources: Vec<FontResource<'a>>,
    pictures: Pictures,
}

impl<'a> FontResources<'a> {
    /// `subsets[face]` is the shared subset of a built-in face; `event` has those of other faces.
    pub(crate) fn new(faces: &'a [Face], subsets: &'a [SharedSubset], event: &'a [SharedSubset]) -> Self {
        Self { faces, subsets, event, resources: Vec::new(), pictures: Pictures::default() }
    }

    /// The font and the number for a glyph that maps to a text; without a text, for a glyph whose text is given as
    /// `ActualText`.
    pub(crate) fn place(&mut self, face: usize, glyph: &Glyph, text: Option<&str>) -> (FontName, u16) {
        let subset = self.subsets.get(face).or_else(|| self.event.iter().find(|subset| subset.face == face));
        let subset = subset.filter(|subset| subset.code(glyph.id).is_some());
        let known = self
            .resources
            .iter()
            .position(|resource| resource.face == face && resource.subset.is_some() == subset.is_some());
        let resource = known.unwrap_or_else(|| {
            self.resources.push(FontResource {
                face,
                subset,
                glyph_set: GlyphSet::default(),
                layers: vec![Vec::new()],
            });
            self.resources.len() - 1
        });
        let entry = &mut self.resources[resource];
        let code = match entry.subset {
            Some(subset) => subset.code(glyph.id).unwrap_or(0),
            None => entry.glyph_set.add(glyph.id),
        };
        let Some(text) = text else { return (FontName { resource, layer: 0 }, code) };
        if entry.subset.is_some_and(|subset| subset.means(code, text)) {
            return (FontName { resource, layer: 0 }, code);
        }
        let first = usize::from(entry.subset.is_some());
        for (layer, texts) in entry.layers.iter_mut().enumerate().skip(first) {
            match texts.iter().find(|(known, _)| *known == code) {
                Some((_, known)) if known == text => return (FontName { resource, layer }, code),
                Some(_) => {}
                None => {
                    texts.push((code, text.to_owned()));
                    return (FontName { resource, layer }, code);
                }
            }
        }
        entry.layers.push(vec![(code, text.to_owned())]);
        (FontName { resource, layer: entry.layers.len() - 1 }, code)
    }

    /// The number of a glyph's picture among the file's, and the picture.
    pub(crate) fn picture(&mut self, face: usize, glyph: u16) -> Option<(usize, Arc<Emoji>)> {
        let emoji = self.faces[face].load().ok()?.picture(glyph)?;
        Some((self.pictures.number(face, glyph, &emoji), emoji))
    }

    /// Writes the pictures that the page uses. Returns each one's name in the page's resources.
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
        self.resources.iter().filter_map(|resource| resource.subset)
    }

    /// The fonts that would be a page's own, except those of the built-in faces, to be shared by an event's tickets;
    /// with object numbers from `first`.
    pub(crate) fn share(&self, first: i32) -> Result<Vec<SharedSubset>, FontError> {
        let own =
            self.resources.iter().filter(|resource| resource.subset.is_none() && resource.face >= BUILT_IN);
        own.zip(0..)
            .map(|(resource, index)| {
                let first = first + index * EACH;
                SharedSubset::cut(self.faces, resource.face, &resource.glyph_set, &resource.texts(), first)
            })
            .collect()
    }

    /// Writes the fonts that are the page's own. Returns the resource names of all fonts.
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
        for (resource, entry) in self.resources.iter().enumerate() {
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
            names.push((FontName { resource, layer: 0 }.name(), font));
            for (layer, texts) in entry.layers.iter().enumerate().skip(1) {
                let (font, cmap) = (take(), take());
                let mut texts = texts.clone();
                texts.sort();
                write_composite(objects, face.name(), font, descendant, cmap);
                buffer.compress_stream(cmap, "", &to_unicode(&texts), deflate);
                names.push((FontName { resource, layer }.name(), font));
            }
        }
        Ok(names)
    }
}
