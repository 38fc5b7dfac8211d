//! A font's objects in a file: the composite font, its descendant, its descriptor, its program and its table of
//! characters (ISO 32000-1, 9.7 and 9.8).

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::writers::{CidFont, FontDescriptor, Type0Font};
use pdf_writer::{Name, Rect, Ref, Str};

use crate::pdf::{ObjectBuffer, ObjectStream};

use super::face::Face;
use super::glyph_set::GlyphSet;
use super::loaded::Loaded;
use super::source::FontError;
use super::subset::FontSubset;

const SYSTEM: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Writes a composite font with its descendant, descriptor, program and table of characters, in this order of
/// object numbers.
pub(super) fn write_font(
    buffer: &mut ObjectBuffer,
    objects: &mut ObjectStream,
    face: &Face,
    glyph_set: &GlyphSet,
    [font, descendant, descriptor, file, cmap]: [Ref; 5],
    subset: &FontSubset,
) -> Result<(), FontError> {
    let loaded = face.load()?;
    let name = format!("{}+{}", subset.tag, face.name());
    write_composite(objects, &name, font, descendant, cmap);
    objects.write(descendant, |object| {
        let mut cid: CidFont<'_> = object.start();
        cid.subtype(if subset.cff { CidFontType::Type0 } else { CidFontType::Type2 });
        cid.base_font(Name(name.as_bytes()))
            .system_info(SYSTEM)
            .font_descriptor(descriptor)
            .default_width(0.0);
        if !subset.cff {
            cid.cid_to_gid_map_predefined(Name(b"Identity"));
        }
        let widths = glyph_set.glyphs().map(|glyph| f32::from(loaded.width(glyph)));
        cid.widths().consecutive(0, widths);
    });
    write_descriptor(objects, loaded, face.is_bold(), &name, descriptor, file, subset.cff);
    let entries =
        if subset.cff { "/Subtype/CIDFontType0C".to_owned() } else { format!("/Length1 {}", subset.length) };
    buffer.compressed_stream(file, &entries, &subset.file);
    buffer.compressed_stream(cmap, "", &subset.texts);
    Ok(())
}

/// Writes the composite font: its descendant's glyphs by number, and the table that maps them to text.
pub(super) fn write_composite(objects: &mut ObjectStream, name: &str, font: Ref, descendant: Ref, cmap: Ref) {
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
