//! A font face in memory: its characters, glyphs, widths and shaping plans.

use std::sync::{Arc, Mutex, PoisonError};

use harfrust::font::Blob;
use harfrust::{Direction, Font, Script, ShapePlan, ShaperFont};

use super::emoji::{Emoji, Emojis};
use super::style::Style;

/// What a shaping plan depends on.
type PlanKey = (Script, Direction, Style);

/// A face that has been read.
pub(crate) struct Loaded {
    pub(crate) font: Font,
    pub(crate) bytes: Blob,
    pub(crate) index: u32,
    /// Natural widths in thousandths of an em, by glyph.
    widths: Vec<u16>,
    plans: Mutex<Vec<(PlanKey, Arc<ShapePlan>)>>,
    /// Its pictures where it has no outlines.
    emojis: Option<Emojis>,
}

impl Loaded {
    pub(super) fn read(bytes: Blob, index: u32) -> Option<Self> {
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
