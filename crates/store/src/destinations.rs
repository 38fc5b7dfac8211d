//! Destinations of events as the outbox knows them, whether they are still configured or not.

use async_trait::async_trait;
use fulfillment_domain::{OutboxEvent, Ticket};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Result};

/// A destination that has open deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationBacklog {
    /// Its name: `kafka`, `webhook:<name>`.
    pub name: String,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Deliveries that it refused for good.
    pub parked: u64,
    /// When the oldest event was written that it does not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why its oldest open delivery failed, if it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The result of sending an event of a ticket once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resent {
    /// It is written, and waits for its destination.
    Written,
    /// An event with its id was written before; nothing was changed.
    Known,
    /// The ticket was changed in between: another event was written, or it is void or erased. Nothing was changed.
    Changed,
}

/// The destinations with open deliveries.
#[async_trait]
pub trait Destinations: Send + Sync {
    /// Every destination with deliveries that wait or are parked, by name.
    async fn destinations(&self) -> Result<Vec<DestinationBacklog>>;

    /// Writes another event of an issued ticket, in one transaction. `ticket` is the ticket as it was read, with `sequence`
    /// counting the event.
    async fn resend(&self, ticket: &Ticket, event: &OutboxEvent, by: &Actor) -> Result<Resent>;

    /// Closes up to `limit` open deliveries of a destination, oldest first, as never to be sent, and returns how many.
    async fn close_deliveries(&self, destination: &str, why: &str, limit: usize, by: &Actor) -> Result<u64>;
}
