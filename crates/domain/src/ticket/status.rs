//! Where a ticket stands.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Where a ticket stands. Voided is a fact beside it (`voided_at`), not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum TicketStatus {
    /// Frozen: everything it is made of is decided, the file is not stored yet.
    Pending,
    /// Its file exists and its `ticket-issued` is on its way.
    Generated,
    /// The file could not be made; `last_error` says why.
    Failed,
    /// Notification says that it reached its holder.
    Delivered,
}

impl TicketStatus {
    /// The name, as the record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Generated => "Generated",
            Self::Failed => "Failed",
            Self::Delivered => "Delivered",
        }
    }
}

impl fmt::Display for TicketStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored word that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    /// What kind of word was looked for.
    pub what: &'static str,
    /// What was found.
    pub word: String,
}

impl FromStr for TicketStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Pending, Self::Generated, Self::Failed, Self::Delivered]
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "ticket status", word: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_survive_storage() {
        for status in ["Pending", "Generated", "Failed", "Delivered"] {
            assert_eq!(status.parse::<TicketStatus>().unwrap().as_str(), status);
        }
        assert!("generated".parse::<TicketStatus>().is_err());
    }
}
