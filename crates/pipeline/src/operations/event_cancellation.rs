//! Voids all tickets of a cancelled event. A job in the store, which any process continues where another stopped.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{Announcing, EventCancellation, EventCancellations, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Wake;
use crate::runtime::Runtime;

/// Tickets of one transaction: short, because a payment of one of their orders waits for it.
const PART: usize = 64;
/// Interval between two looks for a job.
const EVERY: Duration = Duration::from_secs(2);

/// Works on such jobs.
pub struct EventCanceller {
    /// The store of the tickets.
    pub store: Arc<dyn EventCancellations>,
    /// How the store writes the events of the voids.
    pub announcing: Announcing,
    /// Wakes the relay.
    pub wake: Arc<Wake>,
}

impl EventCanceller {
    /// Works on jobs until `stop`.
    pub async fn follow(self, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.part(None).await {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => {
                    warn!(%error, "cannot go on voiding the tickets of a cancelled event; trying again");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = runtime.sleep(EVERY) => {}
            }
        }
    }

    /// Voids the next tickets of a job, of this event if one is given, and returns how far it is. `None`: there is none.
    ///
    /// # Errors
    /// As the store's: the job goes on later.
    pub async fn part(&self, event: Option<&str>) -> Result<Option<EventCancellation>, StoreError> {
        let Some(job) = self.store.void_next_of_event(event, PART, &self.announcing).await? else {
            return Ok(None);
        };
        self.wake.events.send_replace(());
        if job.finished_at.is_some() {
            info!(event = job.event_id, voided = job.done, "the tickets of a cancelled event are void");
        }
        Ok(Some(job))
    }
}
