//! A text's look: font size, weight, colour and alignment.

use crate::font::Style;
use crate::page::{Align, Colour};
use crate::template::model::TextRole;

/// A text's look, as far as the JSON gives it.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) size: Option<f32>,
    pub(super) min_size: Option<f32>,
    pub(super) lines: Option<u16>,
    pub(super) leading: Option<f32>,
    pub(super) bold: Option<bool>,
    pub(super) style: Option<Style>,
    pub(super) align: Option<Align>,
    pub(super) colour: Option<Colour>,
    pub(super) role: Option<TextRole>,
    pub(super) same_size: Option<bool>,
}

impl Look {
    /// This look, with unset values from the other.
    pub(super) fn over(self, other: &Self) -> Self {
        Self {
            size: self.size.or(other.size),
            min_size: self.min_size.or(other.min_size),
            lines: self.lines.or(other.lines),
            leading: self.leading.or(other.leading),
            bold: self.bold.or(other.bold),
            style: self.style.or(other.style),
            align: self.align.or(other.align),
            colour: self.colour.or(other.colour),
            role: self.role.or(other.role),
            same_size: self.same_size.or(other.same_size),
        }
    }
}
