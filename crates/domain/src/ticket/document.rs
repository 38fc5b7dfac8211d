//! The PDF file of a ticket.

use jiff::Timestamp;

/// The file: how it is drawn, and what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Name and version of the template it is drawn by.
    pub template: String,
    /// Version of the renderer that draws it, fonts included.
    pub renderer: String,
    /// The file's name in the storage, once stored.
    pub path: Option<String>,
    /// When the file was stored.
    pub generated_at: Option<Timestamp>,
    /// SHA-256 of the file.
    pub sha256: Option<[u8; 32]>,
    /// Size of the file in bytes.
    pub size: Option<u64>,
}

impl Document {
    /// A file that is not stored yet.
    pub fn planned(template: String, renderer: String) -> Self {
        Self { template, renderer, path: None, generated_at: None, sha256: None, size: None }
    }
}
