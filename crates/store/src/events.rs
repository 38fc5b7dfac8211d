//! The record of events: what Ordering said about each, and what an operator or a message set over it.
//!
//! What Ordering said is noted by [`OrderQueue::freeze`](crate::OrderQueue::freeze) and
//! [`Refreshes::refreshed`](crate::Refreshes::refreshed), in their transactions, where it differs from the record. The
//! newest answer wins, by the time at which Ordering was asked. With each change of the details in force the event's
//! versions go up, and `event-updated` is written to the outbox, in the same transaction. The first details of an event
//! are no change: nothing is published.

use std::sync::Arc;

use async_trait::async_trait;
use fulfillment_domain::{EventDetails, EventPatch, EventRecord, Unreadable};
use jiff::Timestamp;

use crate::{Actor, Announcing, Result};

/// What an accepted answer of Ordering says about its event.
#[derive(Debug, Clone)]
pub struct Said {
    /// The event.
    pub event_id: String,
    /// Its details.
    pub details: EventDetails,
    /// When Ordering was asked.
    pub asked_at: Timestamp,
    /// How `event-updated` is written.
    pub announcing: Arc<Announcing>,
}

/// An event with the number of its tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOnRecord {
    /// What is on record about it.
    pub record: EventRecord,
    /// Its tickets on record, void ones included.
    pub issued: u64,
    /// Those that are void.
    pub voided: u64,
}

/// The outcome of a change by an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetEvent {
    /// The record as it is now, and whether the details in force changed.
    Set(Box<EventRecord>, bool),
    /// A time contradicts another one that is in force: nothing was changed.
    Refused(Unreadable),
}

/// The record of events. Where an event has no answer of Ordering on record (it was sold before there was one), the
/// details of one of its tickets stand in.
#[async_trait]
pub trait Events: Send + Sync {
    /// An event; none for an unknown id.
    async fn event(&self, id: &str) -> Result<Option<EventOnRecord>>;

    /// Events with a number above `after`, by number, up to `limit`. The tickets are counted by an index, which reads
    /// an entry for each.
    async fn events(&self, after: u32, limit: usize) -> Result<Vec<EventOnRecord>>;

    /// Changes what is set over Ordering's answers. An unknown event is created, with its number. A repeat changes
    /// nothing and publishes nothing.
    async fn set_event(
        &self,
        id: &str,
        patch: &EventPatch,
        announcing: &Announcing,
        by: &Actor,
    ) -> Result<SetEvent>;
}
