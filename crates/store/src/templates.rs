//! Stored templates of tickets, keyed by the hash of their content.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::Result;

/// A template's JSON, and its files by the names that the JSON uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTemplate {
    /// The template.
    pub json: String,
    /// Its images and its background.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Templates, and fonts stored in the same form: a list of fonts is JSON, a font is one file.
#[async_trait]
pub trait Templates: Send + Sync {
    /// Stores a template permanently under the hash of its content; an existing one is kept.
    async fn keep_template(&self, hash: [u8; 32], template: &StoredTemplate) -> Result<()>;

    /// The template with that hash.
    async fn template(&self, hash: [u8; 32]) -> Result<Option<StoredTemplate>>;
}
