//! A page: what is on it (`display_list`, in `area`s and `colour`s), and how a file says that: the operators that draw it
//! (`content`, `text`) and the structure tree for those who hear it (`structure`).

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
