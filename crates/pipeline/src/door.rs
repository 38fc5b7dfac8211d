//! Checks tickets in at the doors of events.
//!
//! The check-ins of an event come one after the other in the store. While one transaction is being written the next
//! scans gather, and go into one transaction together: so an event's gates do not wait in a queue for the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_store::{Announcing, CheckInOutcome, CheckIns, NewCheckIn, StoreError};
use tokio::sync::oneshot;

use crate::Wake;

/// The most scans of one transaction; one request may exceed it.
const BATCH: usize = 1_000;

/// The most scans that wait for one event's door.
const WAITING: usize = 20_000;

/// Why scans were not judged. None of them is recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotCheckedIn {
    /// No such event.
    #[error("no such event")]
    NoSuchEvent,
    /// Too many wait.
    #[error("too many scans wait for this event's door")]
    Busy,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Answer = Result<Vec<CheckInOutcome>, NotCheckedIn>;

/// One request's scans.
struct Waiting {
    scans: Vec<NewCheckIn>,
    answer: oneshot::Sender<Answer>,
}

/// The doors of all events.
#[derive(Clone)]
pub struct Doors {
    store: Arc<dyn CheckIns>,
    announcing: Arc<Announcing>,
    wake: Arc<Wake>,
    /// Those that wait, by event. An event that is here has a task that writes.
    waiting: Arc<Mutex<HashMap<String, Vec<Waiting>>>>,
}

impl Doors {
    /// The doors of this store's events; `announcing` says how the store writes what they publish.
    pub fn new(store: Arc<dyn CheckIns>, announcing: Announcing, wake: Arc<Wake>) -> Self {
        Self { store, announcing: Arc::new(announcing), wake, waiting: Arc::default() }
    }

    /// Judges and records the scans of one request, wholly or not at all. The answers are in their order. They are
    /// recorded even if the caller does not wait for the answer.
    ///
    /// # Errors
    /// [`NotCheckedIn`].
    pub async fn check_in(&self, event: &str, scans: Vec<NewCheckIn>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let alone = {
            let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let alone = !all.contains_key(event);
            let waiting = all.entry(event.to_owned()).or_default();
            let before: usize = waiting.iter().map(|waiting| waiting.scans.len()).sum();
            if before > 0 && before + scans.len() > WAITING {
                return Err(NotCheckedIn::Busy);
            }
            waiting.push(Waiting { scans, answer });
            alone
        };
        if alone {
            tokio::spawn(self.clone().write_all(event.to_owned()));
        }
        answered.await.unwrap_or(Err(NotCheckedIn::Busy))
    }

    /// Writes until nobody waits.
    async fn write_all(self, event: String) {
        while let Some(batch) = self.take(&event) {
            self.write(&event, batch).await;
        }
    }

    /// The next batch. None, and then the next one to come has to write, if nobody waits.
    fn take(&self, event: &str) -> Option<Vec<Waiting>> {
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.get_mut(event)?;
        let mut scans = 0;
        let fits = |waiting: &&Waiting| {
            let first = scans == 0;
            scans += waiting.scans.len();
            first || scans <= BATCH
        };
        let count = waiting.iter().take_while(fits).count();
        let batch: Vec<_> = waiting.drain(..count).collect();
        if batch.is_empty() {
            all.remove(event);
            return None;
        }
        Some(batch)
    }

    async fn write(&self, event: &str, batch: Vec<Waiting>) {
        let scans: Vec<_> = batch.iter().flat_map(|waiting| waiting.scans.iter().cloned()).collect();
        let mut together = self.judge(event, &scans).await;
        let alone = batch.len() == 1;
        for Waiting { scans, answer } in batch {
            let own = match &mut together {
                Ok(outcomes) => Ok(outcomes.drain(..scans.len().min(outcomes.len())).collect()),
                Err(_) if alone => std::mem::replace(&mut together, Ok(Vec::new())),
                // What one request cannot have must not keep the others out.
                Err(_) => self.judge(event, &scans).await,
            };
            // Whoever does not wait any more has gone.
            let _gone = answer.send(own);
        }
        self.wake.events.send_replace(());
    }

    async fn judge(&self, event: &str, scans: &[NewCheckIn]) -> Answer {
        let outcomes = self.store.check_in(event, scans, &self.announcing).await?;
        outcomes.ok_or(NotCheckedIn::NoSuchEvent)
    }
}
