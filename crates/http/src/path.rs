//! Parses ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::problem::{Kind, Problem};

/// A path's only parameter: a GUID in 8-4-4-4-12 form, with or without a file extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id<T> {
    pub(crate) id: T,
    /// Whether `.pdf` follows.
    pub(crate) pdf: bool,
}

/// A part of a link without the punctuation that mail programs add to it from the surrounding text, such as a full stop
/// or a closing bracket. Ids, signatures and `.pdf` end in a letter, a digit, `-` or `_`.
pub(crate) fn without_punctuation(text: &str) -> &str {
    text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text =
            Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text).unwrap_or_default();
        let text = without_punctuation(&text);
        let (text, pdf) = match text.strip_suffix(".pdf") {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        match text.parse() {
            Ok(id) => Ok(Self { id, pdf }),
            Err(_) => Err(Problem::new(
                Kind::NotAGuid,
                "The id in the path must be a GUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.",
            )),
        }
    }
}
