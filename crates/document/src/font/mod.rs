//! Fonts: faces, their subsets, and the font objects of a PDF.
//!
//! A `source` says where a face comes from and what it is used for, `coverage` which characters a file has without
//! reading all of it; `face` is one of the renderer's list, and `loaded` one in memory. `glyph_set`, `subset` and
//! `cmap` make a subset of the used glyphs (`hinting` drops the instructions that viewers do not use). A
//! `shared_subset` is made once for many files, and `subset_cache` keeps those of single tickets. `resources` decides
//! which font of a file holds which glyph, `objects` writes the fonts, `emoji` the glyphs that are pictures.

mod cmap;
mod coverage;
mod emoji;
mod face;
mod glyph;
mod glyph_set;
mod hinting;
mod loaded;
mod objects;
mod resources;
mod shared_subset;
mod source;
mod style;
mod subset;
mod subset_cache;

pub use coverage::Coverage;
pub(crate) use face::{BUILT_IN, Face};
pub(crate) use glyph::Glyph;
pub(crate) use loaded::Loaded;
pub(crate) use resources::{FontName, FontResources};
pub(crate) use shared_subset::{EACH, SharedSubset};
pub use source::{FontError, FontId, FontSource};
pub(crate) use style::Style;
