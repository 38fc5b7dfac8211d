//! Emoji: glyphs that are pictures instead of outlines (OpenType, `CBLC` and `CBDT`), each prepared for a PDF once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pdf_writer::Ref;
use read_fonts::tables::bitmap::{BitmapContent, BitmapDataFormat, BitmapMetrics};
use read_fonts::types::{GlyphId, Tag};
use read_fonts::{FontRef, TableProvider};

use crate::image::Image;
use crate::pdf::ObjectBuffer;

/// A glyph's picture.
#[derive(Debug)]
pub(crate) struct Emoji {
    image: Image,
    /// How opaque each pixel is.
    mask: Image,
    /// Its offset from the pen on the baseline, in ems.
    pub(crate) left: f32,
    pub(crate) bottom: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Emoji {
    /// A glyph's picture in the font's largest size; none where it has none, or one that is not a PNG.
    fn read(font: &[u8], index: u32, glyph: u16) -> Option<Self> {
        let font = FontRef::from_index(font, index).ok()?;
        let (places, data) = (font.cblc().ok()?, font.cbdt().ok()?);
        let size = places.bitmap_sizes().iter().max_by_key(|size| size.ppem_y())?;
        let place = size.location(places.offset_data(), GlyphId::new(glyph.into())).ok()?;
        let bitmap = data.data(&place).ok()?;
        let BitmapContent::Data(BitmapDataFormat::Png, png) = bitmap.content else { return None };
        let (image, mask) = Image::with_mask(png).ok()?;
        let (left, top, width, height) = match bitmap.metrics {
            BitmapMetrics::Small(box_) => (box_.bearing_x(), box_.bearing_y(), box_.width(), box_.height()),
            BitmapMetrics::Big(box_) => {
                (box_.hori_bearing_x(), box_.hori_bearing_y(), box_.width(), box_.height())
            }
        };
        let em = f32::from(size.ppem_y().max(1));
        let [width, height] = [width, height].map(|pixels| f32::from(pixels) / em);
        let [left, top] = [left, top].map(|pixels| f32::from(pixels) / em);
        Some(Self { image, mask, left, bottom: top - height, width, height })
    }
}

/// The pictures of a font's glyphs, each read when it is first needed and then cached: at most the whole font, once.
/// The cache changes no output byte.
#[derive(Debug, Default)]
pub(crate) struct Emojis(Mutex<HashMap<u16, Option<Arc<Emoji>>>>);

impl Emojis {
    /// A font's pictures; none where its glyphs are outlines.
    pub(crate) fn of(font: &[u8], index: u32) -> Option<Self> {
        let font = FontRef::from_index(font, index).ok()?;
        let outlines = [b"glyf", b"CFF ", b"CFF2"];
        let drawn = outlines.iter().any(|tag| font.table_data(Tag::new(tag)).is_some());
        (!drawn && font.cbdt().is_ok() && font.cblc().is_ok()).then(Self::default)
    }

    /// The picture of a glyph of that font.
    pub(crate) fn get(&self, font: &[u8], index: u32, glyph: u16) -> Option<Arc<Emoji>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(glyph).or_insert_with(|| Emoji::read(font, index, glyph).map(Arc::new)).clone()
    }
}

/// The emoji of a file, each once.
#[derive(Default)]
pub(crate) struct Pictures(Vec<(usize, u16, Arc<Emoji>)>);

impl Pictures {
    /// Its number among the file's, by its face and glyph.
    pub(crate) fn number(&mut self, face: usize, glyph: u16, emoji: &Arc<Emoji>) -> usize {
        let known = self.0.iter().position(|known| (known.0, known.1) == (face, glyph));
        known.unwrap_or_else(|| {
            self.0.push((face, glyph, Arc::clone(emoji)));
            self.0.len() - 1
        })
    }

    /// Writes them with object numbers from `next`. Returns each one's name in the page's resources: `E` and its
    /// number.
    pub(crate) fn write(&self, buffer: &mut ObjectBuffer, next: &mut i32) -> Vec<(String, Ref)> {
        let mut names = Vec::new();
        for (number, (_, _, emoji)) in self.0.iter().enumerate() {
            let (image, mask) = (Ref::new(*next), Ref::new(*next + 1));
            *next += 2;
            emoji.mask.write(buffer, mask, None);
            emoji.image.write(buffer, image, Some(mask));
            names.push((format!("E{number}"), image));
        }
        names
    }
}
