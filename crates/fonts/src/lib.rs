//! Fallback fonts for the renderer besides its built-in ones: found on this machine, or known by name.
//!
//! `fulfillment-document` opens no file; this crate finds fonts in folders ([`installed`]) and passes each to the
//! renderer as a [`FontSource`](fulfillment_document::FontSource), which is read when a character first needs it.
//! [`named`] makes the same source for a font whose bytes come from elsewhere, so that a ticket can be drawn again on a
//! machine that has other fonts.
//!
//! `catalogue` lists Noto's families and the scripts each is used for; every other font is used for characters that no
//! font before it has. `emoji` has the characters that are drawn as pictures.

mod catalogue;
mod emoji;
mod installed;
mod named;

pub use installed::{USUAL_FOLDERS, installed};
pub use named::named;
