//! Errors of the renderer.

use std::io;

use fulfillment_qr::EncodeError;

use crate::file::WriteError;
use crate::font::FontError;
use crate::template::{Refused, TemplateHash};

/// Why a page could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The QR code's content is empty, or does not fit a code that a phone reads well.
    #[error("the code cannot be drawn: {0}")]
    Code(#[from] EncodeError),
    /// A font that a character needs could not be read, or could not be cut to the glyphs used.
    #[error(transparent)]
    Font(#[from] FontError),
    /// The renderer does not have the template that the page names.
    #[error("the template {0} is not known here")]
    Template(TemplateHash),
}

/// Why a renderer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The bytes are not a valid font.
    #[error(transparent)]
    Font(#[from] FontError),
    /// A template that ships is damaged: the binary was built from a changed one.
    #[error("a template in this binary cannot be used: {0}")]
    Template(#[from] Refused),
}

/// Why an order's file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A page could not be drawn; what was written so far is not a valid file.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The output that it was written to failed.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// An order without tickets has no file.
    #[error("the order has no tickets")]
    Empty,
}

impl From<WriteError> for OrderError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Font(error) => Self::Render(error.into()),
            WriteError::Write(error) => Self::Write(error),
        }
    }
}
