//! What became of a document that a scanner was given.

use fulfillment_credential::Kid;

/// Why a document is refused. The scanner keeps what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is of another event.
    #[error("the feed is of another event")]
    OtherEvent,
    /// It is signed with a revoked key: whoever has the key can have made it.
    #[error("the feed is signed with key {0}, which was revoked")]
    RevokedKey(Kid),
    /// A scanner begins with a snapshot.
    #[error("the first document of a feed is a snapshot")]
    NotASnapshot,
}

impl Refused {
    /// The refusal's name for programs; these names are stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherEvent => "other_event",
            Self::RevokedKey(_) => "revoked_key",
            Self::NotASnapshot => "not_a_snapshot",
        }
    }
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Applied,
    /// It is older than what is held, and changed nothing.
    Older,
    /// The complete document is needed in its place.
    Reload(Reload),
}

impl Outcome {
    /// The outcome's name for programs; these names are stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Older => "older",
            Self::Reload(_) => "reload",
        }
    }
}

/// Why the complete document is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The store was restored: the snapshot of the new epoch comes first.
    Epoch,
    /// It begins after the version that is held.
    Missed,
    /// With it, the deviations have another count or hash than the record's.
    Mismatch,
    /// A key that signed some of what is held has been revoked since.
    Revoked,
}
