//! The lifecycle of a ticket: its status, and what has happened to it.

use jiff::Timestamp;

use super::TicketStatus;

/// Status, times, and attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Its status.
    pub status: TicketStatus,
    /// When it was frozen: the time printed on it.
    pub issued_at: Timestamp,
    /// When the record was created.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// How many events of the ticket have been written.
    pub sequence: u32,
    /// How many attempts to make its file have failed.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Since when it is no longer valid.
    pub voided_at: Option<Timestamp>,
    /// Why it is no longer valid.
    pub void_reason: Option<String>,
    /// When it reached its holder.
    pub delivered_at: Option<Timestamp>,
    /// The channel by which it did.
    pub delivery_channel: Option<String>,
    /// When its holder first fetched the PDF.
    pub first_downloaded_at: Option<Timestamp>,
    /// When personal data was removed.
    pub erased_at: Option<Timestamp>,
}

impl Lifecycle {
    /// A ticket frozen at `now`: no attempt has been made and no event published yet.
    pub fn frozen(now: Timestamp) -> Self {
        Self {
            status: TicketStatus::Pending,
            issued_at: now,
            created_at: now,
            updated_at: now,
            sequence: 0,
            attempts: 0,
            last_error: None,
            voided_at: None,
            void_reason: None,
            delivered_at: None,
            delivery_channel: None,
            first_downloaded_at: None,
            erased_at: None,
        }
    }
}
