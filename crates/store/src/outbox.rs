//! Events out.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{EventKind, OutboxEvent, Spelling, TicketId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Result;

/// How the store writes the events that only it can write: under the lock it knows which tickets a void is of.
#[derive(Debug, Clone, Default)]
pub struct Announcing {
    /// Spelling of their fields.
    pub spelling: Spelling,
    /// Outbox destinations: `kafka`, `webhook:<name>`.
    pub destinations: Vec<String>,
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

/// What became of a delivery.
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
    /// The destination refuses it for good, or the budget is spent: set apart and shown.
    Parked {
        /// Why.
        reason: String,
    },
}

/// An event at its place in the stream that readers follow.
#[derive(Debug, Clone)]
pub struct PublishedEvent {
    /// Gapless, from 1, in the order in which events became visible.
    pub position: i64,
    /// The event.
    pub event: OutboxEvent,
    /// When it was written.
    pub created_at: Timestamp,
}

/// An event that a destination does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Which event.
    pub event: Uuid,
    /// What it says.
    pub kind: EventKind,
    /// Of which ticket.
    pub ticket_id: Option<TicketId>,
    /// Who does not have it.
    pub destination: String,
    /// Whether it was set apart: nobody tries any more.
    pub parked: bool,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// The way out.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Lends up to `limit` due events for `destination`, those due longest, in outbox order, for `lease`.
    /// Chosen by state,
    /// never by "id above the last": an event whose transaction commits late is found. An event of a
    /// ticket is held back while an earlier one of the same ticket has not been sent to the destination
    /// (parked counts as sent). The `ticket-issued` or `ticket-reissued` of a ticket that was voided before is suppressed here:
    /// marked, never lent. Two relays at once never get one event.
    async fn claim_deliveries(
        &self,
        destination: &str,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>>;

    /// Records what became of lent events, in one transaction.
    async fn record_deliveries(&self, destination: &str, outcomes: &[(i64, DeliveryOutcome)]) -> Result<()>;

    /// Gives committed public events (no dead letters) their positions: gapless, one sequencer at a time,
    /// up to `limit` a call. Answers with the highest position there is.
    async fn sequence_events(&self, limit: usize) -> Result<i64>;

    /// Events after `position`, by position, up to `limit`.
    async fn events_after(&self, position: i64, limit: usize) -> Result<Vec<PublishedEvent>>;

    /// The position of the event with this id, for readers that resume by event id.
    async fn position_of(&self, event: Uuid) -> Result<Option<i64>>;

    /// How many events wait for `destination`, and since when the oldest does.
    async fn backlog(&self, destination: &str) -> Result<(u64, Option<Timestamp>)>;

    /// Which of these events are not everywhere yet, in outbox order. Ids that nobody knows are passed over.
    async fn unsent(&self, events: &[Uuid]) -> Result<Vec<Unsent>>;

    /// Sets an event going again to wherever it waits or was set apart, at once. `false` when it is nowhere so, or
    /// a relay has it in hand.
    async fn send_again(&self, event: Uuid) -> Result<bool>;

    /// Removes raw inbox bytes and sent outbox rows older than `age`, up to `limit` of each a call.
    /// The newest positioned row stays, so that positions never start anew. Answers with the rows touched.
    async fn prune(&self, age: Duration, limit: usize) -> Result<u64>;
}
