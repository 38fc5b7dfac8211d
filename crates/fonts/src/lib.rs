//! The fonts that pages are drawn with beside the renderer's own: found on this machine, or known by name.
//!
//! `fulfillment-document` opens no file; this crate finds fonts in folders ([`installed`]) and hands each to the renderer as
//! a [`FontSource`](fulfillment_document::FontSource), which is read when a character first needs it. [`named`] gives a
//! font the same place when its bytes come from elsewhere, so that a ticket can be drawn again on a machine that has other
//! fonts.
//!
//! `catalogue` knows Noto's families and the scripts each is asked for; every other font is asked for what nothing before
//! it has. `emoji` has the characters that are drawn as pictures.

mod catalogue;
mod emoji;
mod installed;
mod named;

pub use installed::{USUAL_FOLDERS, installed};
pub use named::named;
