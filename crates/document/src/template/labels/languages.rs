//! The languages that labels are available in.

use super::label::Language;
use super::{latin, others};

/// The labels for a page's language, a lower-case tag; English where there are none.
pub(crate) fn language(tag: &str) -> &'static Language {
    let matches = |language: &&Language| {
        let prefix = |known: &str| {
            tag.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        language.tags.iter().any(|known| prefix(known))
    };
    LANGUAGES.iter().find(matches).unwrap_or(&LANGUAGES[0])
}

/// Every language, English first; traditional Chinese before the rest of Chinese.
pub(crate) static LANGUAGES: [Language; 14] = [
    latin::ENGLISH,
    latin::SPANISH,
    latin::GERMAN,
    latin::FRENCH,
    latin::PORTUGUESE,
    latin::ITALIAN,
    latin::DUTCH,
    latin::POLISH,
    others::ARABIC,
    others::HEBREW,
    others::TRADITIONAL_CHINESE,
    others::SIMPLIFIED_CHINESE,
    others::JAPANESE,
    others::KOREAN,
];
