//! What tickets are drawn by, kept under the hash of its content.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::Result;

/// A template's JSON and the files it shows, by the names that the JSON has for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTemplate {
    /// The template.
    pub json: String,
    /// Its images and its background.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Templates, and fonts in their form: a list of fonts is JSON, a font one file.
#[async_trait]
pub trait Templates: Send + Sync {
    /// Keeps a template for good under the hash of its content; one that is there stays.
    async fn keep_template(&self, hash: [u8; 32], template: &StoredTemplate) -> Result<()>;

    /// The template with that hash.
    async fn template(&self, hash: [u8; 32]) -> Result<Option<StoredTemplate>>;
}
