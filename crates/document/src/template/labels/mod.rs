//! Labels: the page's own words, by language.
//!
//! To add a language, add a [`Language`] to `latin` or `others` and to [`LANGUAGES`]; a label that is left out does not
//! compile. A label may have placeholders for the ticket's values.

mod label;
mod languages;
mod latin;
mod others;
#[cfg(test)]
mod tests;

pub(crate) use label::{Label, Language};
pub(crate) use languages::{LANGUAGES, language};
