//! Freeze stage: decides everything about an order's tickets, once. Nothing is chosen at random, signed or looked up
//! after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_domain::{Failure, event_time};
use fulfillment_store::{Freeze, FreezeOutcome, Installation, StoreError, step};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tracing::{Instrument as _, error, error_span};

use super::Pipeline;
use super::enrich::Enriched;
use super::in_flight::Job;

/// Orders frozen in one transaction.
const BATCH: usize = 64;

/// Tickets frozen in one transaction, unless one order has more: bounds its time and its memory.
const TICKETS: usize = 2_000;

/// How long a code is valid after its event: a postponed event must not invalidate printed tickets.
const CODE_LIFE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How many other numbers are tried when a ticket's number is taken. With 45 bits, even one more try is rare.
pub(super) const NUMBER_TRIES: u32 = 8;

impl Pipeline {
    /// Freezes enriched orders in batches until the queue ends.
    pub(super) async fn freeze_stage(
        self: Arc<Self>,
        mut queue: mpsc::Receiver<Enriched>,
        to_issue: mpsc::Sender<Job>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            for part in parts(std::mem::take(&mut batch)) {
                self.freeze_batch(part, &to_issue, 0).await;
            }
        }
    }

    /// `number_try` counts how often numbers of this batch were taken.
    async fn freeze_batch(&self, batch: Vec<Enriched>, to_issue: &mpsc::Sender<Job>, number_try: u32) {
        let _spans: Vec<_> =
            batch.iter().map(|enriched| error_span!(parent: &enriched.job.span, "freeze")).collect();
        let mut drafted = Vec::with_capacity(batch.len());
        for enriched in batch {
            match self.draft(&enriched, number_try).instrument(enriched.job.span.clone()).await {
                Ok(freeze) => drafted.push((enriched, freeze)),
                Err(failure) => self.fail(enriched.job, failure, Vec::new(), None).await,
            }
        }
        let (enriched, freezes): (Vec<_>, Vec<_>) = drafted.into_iter().unzip();
        if freezes.is_empty() {
            return;
        }
        let outcomes = match self.store.freeze(&freezes).await {
            Ok(outcomes) => outcomes,
            Err(StoreError::Refused(_) | StoreError::Unmet(_)) if freezes.len() > 1 => {
                // One order fails the batch: each is frozen by itself, so that the others pass.
                for order in enriched {
                    Box::pin(self.freeze_batch(vec![order], to_issue, number_try)).await;
                }
                return;
            }
            Err(error) => {
                let failure = match &error {
                    StoreError::Refused(_) => Failure::permanent(error.to_string()),
                    _ => Failure::transient(error.to_string()),
                };
                error!(%error, orders = enriched.len(), "cannot freeze orders");
                for order in enriched {
                    self.fail(order.job, failure.clone(), Vec::new(), None).await;
                }
                return;
            }
        };
        step!("after-freeze-commit");
        let mut again = Vec::new();
        for (enriched, outcome) in enriched.into_iter().zip(outcomes) {
            match outcome {
                FreezeOutcome::Frozen(tickets) => {
                    let mut job = enriched.job;
                    job.claim.tickets = tickets;
                    let _ = to_issue.send(job).await;
                }
                // The order belongs to another worker now, or to none.
                FreezeOutcome::Stale => {}
                FreezeOutcome::NumberTaken(_) if number_try < NUMBER_TRIES => again.push(enriched),
                FreezeOutcome::NumberTaken(_) => {
                    let failure = Failure::permanent("no free ticket number was found");
                    self.fail(enriched.job, failure, Vec::new(), None).await;
                }
            }
        }
        if !again.is_empty() {
            Box::pin(self.freeze_batch(again, to_issue, number_try + 1)).await;
        }
    }

    /// The tickets of one order. A repeat gives the same ids, for tickets and codes.
    async fn draft(&self, enriched: &Enriched, number_try: u32) -> Result<Freeze, Failure> {
        let order = &enriched.order;
        let seats = (0..order.seats.len()).collect();
        Ok(Freeze {
            order_id: order.order_id,
            fence: enriched.job.claim.fence,
            snapshot: enriched.answer.clone(),
            tickets: self.tickets_of(enriched, seats, 0, number_try).await?,
            notes: order.notes.clone(),
            said: Some(Arc::new(enriched.said(&self.publishing.of_events))),
        })
    }
}

/// Splits a batch into parts of [`TICKETS`] at most; an order that has more is a part of its own.
fn parts(batch: Vec<Enriched>) -> Vec<Vec<Enriched>> {
    let mut parts: Vec<Vec<Enriched>> = Vec::new();
    let mut tickets = 0_usize;
    for enriched in batch {
        tickets = tickets.saturating_add(enriched.order.seats.len());
        if let Some(part) = parts.last_mut().filter(|_| tickets <= TICKETS) {
            part.push(enriched);
        } else {
            tickets = enriched.order.seats.len();
            parts.push(vec![enriched]);
        }
    }
    parts
}

/// When the code of an event at these times, as far as they are known, expires: seconds since 1970.
pub(crate) fn expiry(starts: Option<Timestamp>, ends: Option<Timestamp>, now: Timestamp) -> i64 {
    event_time::latest(starts, ends, now).saturating_add(CODE_LIFE).map_or(i64::MAX, Timestamp::as_second)
}

/// The numbers of events and categories in codes, cached: they never change once assigned.
#[derive(Default)]
pub struct Numbers {
    events: Mutex<HashMap<String, u32>>,
    categories: Mutex<HashMap<(String, String), u16>>,
}

/// Above this many cached numbers, the cache is cleared.
const REMEMBERED: usize = 10_000;

impl Numbers {
    pub(super) async fn event(&self, store: &dyn Installation, id: &str) -> Result<u32, StoreError> {
        if let Some(number) = lock(&self.events).get(id) {
            return Ok(*number);
        }
        let number = store.event_number(id).await?;
        remember(&self.events, id.to_owned(), number);
        Ok(number)
    }

    pub(super) async fn category(
        &self,
        store: &dyn Installation,
        event: &str,
        name: &str,
    ) -> Result<u16, StoreError> {
        let key = (event.to_owned(), name.to_owned());
        if let Some(number) = lock(&self.categories).get(&key) {
            return Ok(*number);
        }
        let number = store.category_number(event, name).await?;
        remember(&self.categories, key, number);
        Ok(number)
    }
}

fn remember<K: Eq + std::hash::Hash, V>(map: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = lock(map);
    if map.len() >= REMEMBERED {
        map.clear();
    }
    map.insert(key, value);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_outlive_event_and_issue_by_400_days() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, past) = (at("2026-11-22T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        let (starts, ends) = (at("2026-12-22T18:30:00Z"), at("2026-12-24T22:00:00Z"));
        for (starts, ends, from) in [
            (Some(starts), Some(ends), ends),
            (Some(starts), None, starts),
            (None, Some(ends), ends),
            (None, None, now),
            (Some(past), Some(past), now),
            // Ends that are invalid, or far before the start.
            (Some(starts), Some(at("0001-01-01T00:00:00Z")), starts),
            (Some(starts), Some(at("2026-01-01T00:00:00Z")), starts),
            (Some(starts), Some(at("2026-12-21T18:30:00Z")), starts),
            (Some(starts), Some(at("9999-12-30T00:00:00Z")), starts),
            (Some(starts), Some(at("2030-01-01T00:00:00Z")), starts),
            (Some(at("9999-12-30T00:00:00Z")), None, now),
            (Some(at("1900-01-01T00:00:00Z")), Some(ends), ends),
        ] {
            let expected = from + CODE_LIFE;
            assert_eq!(expiry(starts, ends, now), expected.as_second(), "{starts:?} {ends:?}");
        }
    }
}
