//! Voiding all tickets of a cancelled event: a job that any process continues, with its progress.

use async_trait::async_trait;
use fulfillment_domain::TicketId;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Announcing, Result};

/// How far the tickets of a cancelled event are void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventCancellation {
    /// The event's id.
    pub event_id: String,
    /// Why, for people: it becomes the reason of each void.
    pub reason: String,
    /// By whom it was requested.
    pub who: String,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The live tickets that the event had then.
    pub total: u64,
    /// Those that the job has voided.
    pub done: u64,
    /// When no live ticket was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The last ticket of the current round.
    #[serde(skip)]
    pub after: TicketId,
}

/// Voiding all tickets of cancelled events.
#[async_trait]
pub trait EventCancellations: Send + Sync {
    /// Records the request. A repeat changes nothing until the job is finished; then it begins again, with what was
    /// sold since. `None`: no such event.
    async fn cancel_event(&self, event: &str, reason: &str, by: &Actor) -> Result<Option<EventCancellation>>;

    /// The jobs, oldest first.
    async fn event_cancellations(&self) -> Result<Vec<EventCancellation>>;

    /// Voids up to `limit` tickets of the oldest unfinished job, or of that of this event, and records the progress, in
    /// one transaction. A job is finished when a look at all tickets finds none. `None`: there is nothing to do.
    async fn void_next_of_event(
        &self,
        event: Option<&str>,
        limit: usize,
        announcing: &Announcing,
    ) -> Result<Option<EventCancellation>>;
}
