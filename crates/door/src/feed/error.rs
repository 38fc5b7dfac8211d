//! Why bytes are refused as a feed.

use fulfillment_credential::MessageError;

use super::limits::MAX_BYTES;

/// Why bytes are not a document of a feed that a scanner may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than any document.
    #[error("the feed is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is not a signed message of this format, or not signed by a known key.
    #[error("the feed is refused: {0}")]
    Message(#[from] MessageError),
    /// It is signed, and its content is not what a feed has.
    #[error("the feed is malformed: {0}")]
    Content(&'static str),
}

impl ReadError {
    /// The error's name for programs; these names are stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Message(MessageError::UnknownKey(_)) => "unknown_key",
            Self::Message(MessageError::BadSignature(_)) => "bad_signature",
            Self::TooLarge | Self::Message(MessageError::NotAMessage) | Self::Content(_) => "malformed",
        }
    }
}
