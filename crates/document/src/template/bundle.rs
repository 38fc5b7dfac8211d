//! A template bundle, as it is uploaded and stored: its JSON and its files, named by a hash of their content.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json::canonical;
use super::problem::{Position, Problem};

/// The maximum length of a template's JSON, in bytes.
pub(crate) const LONGEST_JSON: usize = 256 * 1024;
/// The maximum size of a file, in bytes.
pub(crate) const LARGEST_FILE: usize = 4 << 20;
/// The maximum size of all files together, in bytes.
pub(crate) const LARGEST_FILES: usize = 8 << 20;
/// The maximum number of files of one template.
pub(crate) const MOST_FILES: usize = 32;

/// A template's files by the names that its JSON uses.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A template with its files: all that determines a page's look, besides the engine and its fonts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateBundle {
    /// The template, as described by `docs/templates.md` and its schema.
    pub json: String,
    /// Images and backgrounds by the names that the JSON uses.
    pub files: Files,
}

/// The SHA-256 that names a template: over its canonical JSON (independent of white space, the order of keys and the
/// notation of numbers) and its files. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateHash([u8; 32]);

/// The names of the files that a template refers to: its images and its background. None for a text that is not JSON.
#[must_use]
pub fn file_names(json: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let whole: Value = serde_json::from_str(json).unwrap_or_default();
    collect(&whole, &mut names);
    names.extend(whole["page"]["background"].as_str().map(str::to_owned));
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(entries) => {
            names.extend(entries.get("file").and_then(Value::as_str).map(str::to_owned));
            entries.values().for_each(|entry| collect(entry, names));
        }
        _ => {}
    }
}

impl TemplateBundle {
    /// A template without files.
    #[must_use]
    pub fn new(json: impl Into<String>) -> Self {
        Self { json: json.into(), files: Files::new() }
    }

    /// The hash of the content. A text that is not JSON is hashed as it is.
    #[must_use]
    pub fn hash(&self) -> TemplateHash {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(b"fulfillment template");
        part(canonical(&self.json).as_deref().unwrap_or(&self.json).as_bytes());
        for (name, bytes) in &self.files {
            part(name.as_bytes());
            part(bytes);
        }
        TemplateHash(hash.finalize().into())
    }

    /// Checks that it is small enough to be read.
    pub(crate) fn within_limits(&self) -> Result<(), Problem> {
        let start = Position { line: 1, column: 1 };
        let too = |message: String| Err(Problem::error(start, message));
        if self.json.len() > LONGEST_JSON {
            return too(format!(
                "the JSON has {} bytes, and at most {LONGEST_JSON} are read",
                self.json.len()
            ));
        }
        if self.files.len() > MOST_FILES {
            return too(format!("there are {} files, and at most {MOST_FILES} are taken", self.files.len()));
        }
        for (name, bytes) in &self.files {
            if bytes.len() > LARGEST_FILE {
                return too(format!(
                    "{name} has {} bytes, and at most {LARGEST_FILE} are taken",
                    bytes.len()
                ));
            }
        }
        let all: usize = self.files.values().map(Vec::len).sum();
        if all > LARGEST_FILES {
            return too(format!(
                "the files have {all} bytes, and at most {LARGEST_FILES} are taken together"
            ));
        }
        Ok(())
    }
}

impl TemplateHash {
    /// The hash itself.
    #[must_use]
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for TemplateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TemplateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a template's hash has 64 hexadecimal digits")]
pub struct NoHash;

impl FromStr for TemplateHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(NoHash);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[2 * index..2 * index + 2];
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(NoHash);
            }
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoHash)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_content() {
        let one = TemplateBundle::new("{\"a\": 1, \"b\": 2}");
        let same = TemplateBundle::new("{ \"b\":2.0,\n\"a\":1 }");
        assert_eq!(one.hash(), same.hash());
        assert_ne!(one.hash(), TemplateBundle::new("{\"a\": 2, \"b\": 2}").hash());
        let mut more = one.clone();
        more.files.insert("logo.png".to_owned(), vec![1]);
        assert_ne!(one.hash(), more.hash());
        let text = one.hash().to_string();
        assert_eq!(text.parse(), Ok(one.hash()));
        assert_eq!("+".repeat(64).parse::<TemplateHash>(), Err(NoHash));
        assert_eq!("é".repeat(32).parse::<TemplateHash>(), Err(NoHash));
    }

    #[test]
    fn files_are_those_of_images_and_the_page() {
        let json = r#"{"page": {"background": "ground.pdf"}, "elements": [
            {"type": "stack", "children": [{"type": "image", "file": "logo"}]}, {"file": "b.png"}, {"file": 7}]}"#;
        assert_eq!(file_names(json).into_iter().collect::<Vec<_>>(), ["b.png", "ground.pdf", "logo"]);
        assert!(file_names("[").is_empty());
    }
}
