//! Text: makes it safe to draw (`sanitize`), shapes it into lines of glyphs (`shaping`, `line`), and fits it
//! (`paragraph`).

mod line;
mod paragraph;
mod sanitize;
mod shaping;

pub(crate) use line::{Drawn, Line, MISSING, reads_rtl};
pub(crate) use paragraph::{Fit, Paragraph, fit, on_one_line, pitch};
pub(crate) use sanitize::{BREAK, sanitize, sanitize_lines};
pub(crate) use shaping::Shaper;
