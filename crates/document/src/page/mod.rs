//! A page: its items (`display_list`, with `area` and `colour`), the operators that draw them (`content`, `text`), and
//! the structure tree for screen readers (`structure`).

mod area;
mod colour;
mod content;
mod display_list;
mod structure;
mod text;

pub(crate) use area::Area;
pub(crate) use colour::Colour;
pub(crate) use content::draw;
pub(crate) use display_list::{Align, DisplayItem, DisplayList, PlacedLine, Role};
pub(crate) use structure::StructureTree;
