//! Checks tickets in at the doors of events.
//!
//! The check-ins of an event come one after the other in the store. While one transaction is being written the next
//! scans gather, and go into one transaction together: so an event's gates do not wait in a queue for the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_domain::TicketId;
use fulfillment_store::{Announcing, CheckInOutcome, CheckIns, Holder, NewCheckIn, StoreError};
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

/// What one request's scans came to.
#[derive(Debug)]
pub struct CheckedIn {
    /// In the order of the scans.
    pub outcomes: Vec<CheckInOutcome>,
    /// The holders of their tickets, read for all requests of a transaction together; others may be among them. None if
    /// they could not be read: the check-ins are recorded nonetheless.
    pub holders: Option<Arc<Holders>>,
}

/// Holders by their tickets.
pub type Holders = HashMap<TicketId, Holder>;

/// The tickets of check-ins.
pub fn tickets_of(outcomes: &[CheckInOutcome]) -> Vec<TicketId> {
    let ticket = |outcome: &CheckInOutcome| match outcome {
        CheckInOutcome::New(check_in) | CheckInOutcome::Known(check_in) => check_in.ticket_id,
        CheckInOutcome::NonceConflict => None,
    };
    outcomes.iter().filter_map(ticket).collect()
}

type Answer = Result<CheckedIn, NotCheckedIn>;

/// One request's scans.
struct Waiting {
    scans: Vec<NewCheckIn>,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    fn refuse(self, error: NotCheckedIn) {
        // Whoever does not wait any more has gone.
        let _gone = self.answer.send(Err(error));
    }
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

/// Lets the next scan begin a new task where this one has panicked.
struct End<'a> {
    doors: &'a Doors,
    event: &'a str,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // Whoever waits is asked to send it again: their senders are dropped.
        self.doors.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(self.event);
    }
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
        let _end = End { doors: &self, event: &event };
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
        match self.judge(event, &scans).await {
            Ok(outcomes) => self.answer(batch, outcomes),
            Err(error) => match <[_; 1]>::try_from(batch) {
                Ok([alone]) => alone.refuse(error),
                // What one request cannot have must not keep the others out.
                Err(batch) => {
                    for waiting in batch {
                        match self.judge(event, &waiting.scans).await {
                            Ok(outcomes) => self.answer(vec![waiting], outcomes),
                            Err(error) => waiting.refuse(error),
                        }
                    }
                }
            },
        }
        self.wake.events.send_replace(());
    }

    async fn judge(&self, event: &str, scans: &[NewCheckIn]) -> Result<Vec<CheckInOutcome>, NotCheckedIn> {
        let outcomes = self.store.check_in(event, scans, &self.announcing).await?;
        outcomes.ok_or(NotCheckedIn::NoSuchEvent)
    }

    /// Answers a batch that is committed. Its holders are read while the next one is being written.
    fn answer(&self, batch: Vec<Waiting>, mut outcomes: Vec<CheckInOutcome>) {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let holders = store.holders(&tickets_of(&outcomes)).await.ok();
            let holders = holders.map(|holders| {
                Arc::new(holders.into_iter().map(|holder| (holder.ticket_id, holder)).collect::<Holders>())
            });
            for Waiting { scans, answer } in batch {
                let own = outcomes.drain(..scans.len().min(outcomes.len())).collect();
                let _gone = answer.send(Ok(CheckedIn { outcomes: own, holders: holders.clone() }));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use fulfillment_credential::{Malformed, Verdict};
    use fulfillment_door::{Direction, Rules};
    use fulfillment_store::{Actor, CheckIn, DoorStatus, Result, Scanned};
    use jiff::Timestamp;
    use tokio::sync::Semaphore;

    use super::*;

    /// Refuses each transaction with a scan at the gate "bad".
    struct Gates {
        transactions: AtomicUsize,
        open: Semaphore,
    }

    #[async_trait]
    impl CheckIns for Gates {
        async fn check_in(
            &self,
            event: &str,
            scans: &[NewCheckIn],
            _: &Announcing,
        ) -> Result<Option<Vec<CheckInOutcome>>> {
            let _pass = self.open.acquire().await.map_err(|error| StoreError::Unavailable(error.into()))?;
            self.transactions.fetch_add(1, Ordering::SeqCst);
            assert!(event != "panics");
            if scans.iter().any(|scan| scan.gate.as_deref() == Some("bad")) {
                return Err(StoreError::Unavailable("refused".into()));
            }
            Ok((event == "gala").then(|| scans.iter().map(|_| CheckInOutcome::NonceConflict).collect()))
        }

        async fn holders(&self, _: &[TicketId]) -> Result<Vec<Holder>> {
            Ok(Vec::new())
        }

        async fn check_ins_after(&self, _: &str, _: u64, _: usize) -> Result<Option<Vec<CheckIn>>> {
            Ok(None)
        }

        async fn check_ins_of(&self, _: TicketId) -> Result<Vec<CheckIn>> {
            Ok(Vec::new())
        }

        async fn door_status(&self, _: &str) -> Result<Option<DoorStatus>> {
            Ok(None)
        }

        async fn door_rules(&self, _: &str) -> Result<Option<Rules>> {
            Ok(None)
        }

        async fn set_door_rules(&self, _: &str, _: &Rules, _: &Actor) -> Result<bool> {
            Ok(false)
        }
    }

    fn gates(open: usize) -> (Arc<Gates>, Doors) {
        let gates = Arc::new(Gates { transactions: AtomicUsize::new(0), open: Semaphore::new(open) });
        let doors = Doors::new(Arc::clone(&gates) as _, Announcing::default(), Arc::default());
        (gates, doors)
    }

    fn scans(gate: &str, count: usize) -> Vec<NewCheckIn> {
        let scan = NewCheckIn {
            scanned: Scanned::Refused(Verdict::Malformed(Malformed::Prefix)),
            direction: Direction::Entry,
            scanned_at: Timestamp::UNIX_EPOCH,
            gate: Some(gate.to_owned()),
            device: None,
            offline: None,
            override_reason: None,
            feed_version: None,
            clock_offset_ms: 0,
            by: Actor::http("door"),
            nonce: None,
            request: [0; 32],
        };
        vec![scan; count]
    }

    #[tokio::test]
    async fn scans_that_wait_go_together_and_one_that_fails_keeps_no_other_out() {
        let (gates, doors) = gates(0);
        let ask = |gate: &'static str, count| {
            let doors = doors.clone();
            tokio::spawn(async move { doors.check_in("gala", scans(gate, count)).await })
        };
        let first = ask("a", 1);
        tokio::task::yield_now().await;
        let others = [ask("b", 2), ask("bad", 1), ask("c", 3)];
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
        gates.open.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap().outcomes.len(), 1);
        let [b, bad, c] = others;
        assert_eq!(b.await.unwrap().unwrap().outcomes.len(), 2);
        assert!(matches!(bad.await.unwrap(), Err(NotCheckedIn::Store(_))));
        assert_eq!(c.await.unwrap().unwrap().outcomes.len(), 3);
        assert_eq!(gates.transactions.load(Ordering::SeqCst), 5, "alone, together, then each");
        tokio::task::yield_now().await;
        assert!(doors.waiting.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_unknown_event_and_a_panic_are_answered() {
        let (_, doors) = gates(1);
        assert!(matches!(doors.check_in("other", scans("a", 1)).await, Err(NotCheckedIn::NoSuchEvent)));
        for _ in 0..2 {
            assert!(matches!(doors.check_in("panics", scans("a", 1)).await, Err(NotCheckedIn::Busy)));
        }
        assert_eq!(doors.check_in("gala", scans("a", 1)).await.unwrap().outcomes.len(), 1);
    }

    #[tokio::test]
    async fn too_many_that_wait_are_refused() {
        let (_, doors) = gates(0);
        let waits = |count| {
            let doors = doors.clone();
            tokio::spawn(async move { doors.check_in("gala", scans("a", count)).await })
        };
        let _first = waits(1);
        tokio::task::yield_now().await;
        let _most = waits(WAITING);
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(doors.check_in("gala", scans("a", 1)).await, Err(NotCheckedIn::Busy)));
    }
}
