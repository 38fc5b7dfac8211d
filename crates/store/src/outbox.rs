//! The outbox: delivery of events.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{EventKind, OutboxEvent, Spelling, TicketId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Result;

/// How the store writes the events that only it can write: it finds the tickets of a void under the order's lock.
#[derive(Debug, Clone, Default)]
pub struct Announcing {
    /// Spelling of their fields.
    pub spelling: Spelling,
    /// Outbox destinations: `kafka`, `webhook:<name>`.
    pub destinations: Vec<String>,
    /// Those of them that `event-updated` does not go to.
    pub without_updates: Vec<String>,
}

impl Announcing {
    /// The destinations of `event-updated`.
    pub(crate) fn of_updates(&self) -> Vec<String> {
        let all = self.destinations.iter();
        all.filter(|destination| !self.without_updates.contains(destination)).cloned().collect()
    }
}

/// One event lent to the relay of one destination.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The outbox row.
    pub outbox_id: i64,
    /// The event; its `destinations` is empty here.
    pub event: OutboxEvent,
    /// When it was written.
    pub created_at: Timestamp,
    /// Tries so far, this one included.
    pub attempts: u32,
}

/// The outcome of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The destination has it.
    Sent,
    /// Try again after a while.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Why it failed.
        reason: String,
    },
    /// The destination refuses it permanently, or the retry budget is spent: parked and shown.
    Parked {
        /// Why.
        reason: String,
    },
}

/// An event with its position in the stream that readers follow.
#[derive(Debug, Clone)]
pub struct PublishedEvent {
    /// Gapless, from 1, in the order in which events became visible.
    pub position: i64,
    /// The event.
    pub event: OutboxEvent,
    /// When it was written.
    pub created_at: Timestamp,
}

/// An event that a destination has not received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The event's id.
    pub event: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The ticket.
    pub ticket_id: Option<TicketId>,
    /// The destination that has not received it.
    pub destination: String,
    /// Whether it is parked: it is not tried any more.
    pub parked: bool,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Delivery of events.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Lends up to `limit` due events for `destination`, longest due first, in outbox order, for `lease`. They are
    /// chosen by state, never by "id above the last": an event whose transaction commits late is found. An event of a
    /// ticket is held back while an earlier one of the same ticket has not been sent to the destination (parked counts
    /// as sent). The `ticket-issued` or `ticket-reissued` of a ticket that was voided before is suppressed here:
    /// marked, never lent. Two concurrent relays never get the same event.
    async fn claim_deliveries(
        &self,
        destination: &str,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>>;

    /// Records the outcomes of lent events, in one transaction.
    async fn record_deliveries(&self, destination: &str, outcomes: &[(i64, DeliveryOutcome)]) -> Result<()>;

    /// Assigns positions to committed public events (no dead letters): gapless, one sequencer at a time, up to `limit`
    /// a call. Returns the highest position there is.
    async fn sequence_events(&self, limit: usize) -> Result<i64>;

    /// Events after `position`, by position, up to `limit`.
    async fn events_after(&self, position: i64, limit: usize) -> Result<Vec<PublishedEvent>>;

    /// The position of the event with this id, for readers that resume by event id.
    async fn position_of(&self, event: Uuid) -> Result<Option<i64>>;

    /// The number of events that wait for `destination`, and since when the oldest waits.
    async fn backlog(&self, destination: &str) -> Result<(u64, Option<Timestamp>)>;

    /// Which of these events have not been sent to every destination, in outbox order. Unknown ids are ignored.
    async fn unsent(&self, events: &[Uuid]) -> Result<Vec<Unsent>>;

    /// Makes an event due immediately at every destination where it waits or is parked. `false` when there is none, or
    /// a relay has it in flight.
    async fn send_again(&self, event: Uuid) -> Result<bool>;

    /// Removes raw inbox bytes and outbox rows older than `age` that no destination waits for (sent, parked or
    /// suppressed everywhere), up to `limit` of each a call. The newest row with
    /// a position is kept, so that positions never restart. Returns the number of rows changed.
    async fn prune(&self, age: Duration, limit: usize) -> Result<u64>;
}
