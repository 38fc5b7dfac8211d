//! Fonts: faces and their subsets, and how a file has them.
//!
//! A `source` says where a face comes from and what it is asked for, `coverage` what a file has without reading it, `face`
//! is one of the renderer's list, and `loaded` one that has been read. `glyph_set`, `subset` and `cmap` cut the glyphs that are used out of it (`hinting`
//! drops what no viewer follows); a `shared_subset` is cut once for many files, and `subset_cache` keeps those of single
//! tickets. `resources` decides which font of a file holds which glyph, `objects` writes the fonts, `emoji` the glyphs that
//! are pictures.

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
