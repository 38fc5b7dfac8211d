//! The audit of reads and refusals: collected here, and written many at a time.
//!
//! What an operator does is recorded by the store in the action's own transaction. A read changes nothing, and would
//! wait for a transaction of its own: it is queued, and written within a second. While more than [`QUEUED`] wait, so do
//! the answers. Refusals are counted, so that a flood of them costs one row a minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_domain::Clock;
use fulfillment_store::{Action, Actor, Audit, AuditEntry};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::access::Caller;

/// Reads that may wait to be written.
const QUEUED: usize = 10_000;
/// Reads written in one transaction.
const BATCH: usize = 1_000;
/// Interval between two writes of reads.
const EVERY: Duration = Duration::from_secs(1);
/// Interval between two writes of refusals.
const REFUSALS_EVERY: Duration = Duration::from_secs(60);
/// Actors and reasons counted separately in a minute; the others share one count.
const REFUSALS: usize = 1_000;

/// Takes reads and refusals.
pub struct Trail {
    clock: Arc<dyn Clock>,
    reads: mpsc::Sender<(Timestamp, AuditEntry)>,
    refusals: Mutex<Refusals>,
}

/// How often each actor was refused for each reason.
type Refusals = BTreeMap<(Actor, &'static str), u64>;

/// The other end of a [`Trail`].
pub struct Writer {
    trail: Arc<Trail>,
    reads: mpsc::Receiver<(Timestamp, AuditEntry)>,
}

impl Trail {
    /// A trail and its writer, which has to [run](Writer::run).
    pub fn new(clock: Arc<dyn Clock>) -> (Arc<Self>, Writer) {
        let (sender, reads) = mpsc::channel(QUEUED);
        let trail = Arc::new(Self { clock, reads: sender, refusals: Mutex::default() });
        (Arc::clone(&trail), Writer { trail, reads })
    }

    /// Records a read by a token. Without a token it is this machine's user, or nobody in particular.
    pub(crate) async fn read(&self, caller: &Caller, entry: impl FnOnce(&Actor) -> AuditEntry) {
        if let Caller::Token(_) = caller {
            // The writer ends after the last answer.
            let _ = self.reads.send((self.clock.now(), entry(&caller.actor()))).await;
        }
    }

    /// Records that a stream begins, before its first event is sent: a process that is killed records no end of it.
    pub(crate) async fn begin_stream(&self, caller: &Caller, first: i64) {
        self.read(caller, |by| AuditEntry::new(by, Action::BeginEvents).positions(first, first)).await;
    }

    /// Records a stream that has ended. Nobody waits for it.
    pub(crate) fn end_stream(&self, caller: &Caller, (first, last): (i64, i64)) {
        if let Caller::Token(_) = caller {
            let entry = AuditEntry::new(&caller.actor(), Action::ReadEvents).positions(first, last);
            if self.reads.try_send((self.clock.now(), entry)).is_err() {
                warn!(
                    by = caller.name(),
                    first, last, "the end of a stream of events is missing in the audit: too many reads wait"
                );
            }
        }
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, actor: Actor, reason: &'static str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (actor, reason);
        if refusals.len() < REFUSALS || refusals.contains_key(&key) {
            *refusals.entry(key).or_default() += 1;
        } else {
            *refusals.entry((Actor::http("others"), reason)).or_default() += 1;
        }
    }

    fn take_refusals(&self) -> Vec<(Timestamp, AuditEntry)> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, now) = (std::mem::take(&mut *refusals), self.clock.now());
        let entry =
            |((actor, reason), times)| AuditEntry::new(&actor, Action::Refuse).subject(reason).times(times);
        taken.into_iter().map(|refused| (now, entry(refused))).collect()
    }
}

impl Writer {
    /// Writes until `stop`, and then what is left. What cannot be written waits for the store.
    pub async fn run(mut self, store: Arc<dyn Audit>, stop: CancellationToken) {
        let (mut batch, mut minute) = (Vec::with_capacity(BATCH), Instant::now());
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                _ = ticks.tick() => false,
            };
            if stopped || minute.elapsed() >= REFUSALS_EVERY {
                minute = Instant::now();
                batch.extend(self.trail.take_refusals());
            }
            loop {
                while batch.len() < BATCH
                    && let Ok(read) = self.reads.try_recv()
                {
                    batch.push(read);
                }
                if batch.is_empty() {
                    break;
                }
                if let Err(error) = store.record_audit(&batch).await {
                    warn!(%error, waiting = batch.len() + self.reads.len(), "reads cannot be recorded in the audit");
                    break;
                }
                batch.clear();
            }
            if stopped {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::TicketId;
    use fulfillment_domain::clock::FixedClock;
    use fulfillment_store::sqlite::SqliteStore;
    use fulfillment_store::{AuditFilter, Installation as _};
    use futures::FutureExt as _;
    use tokio::task::unconstrained;

    use super::*;
    use crate::token::Token;

    fn clock() -> Arc<dyn Clock> {
        Arc::new(FixedClock("2026-11-22T20:00:00Z".parse().unwrap()))
    }

    fn reader() -> Caller {
        let (name, scopes) = ("shop".to_owned(), [].into());
        Caller::Token(Arc::new(Token { name, scopes, expires_at: None, stored: None, device: None }))
    }

    #[tokio::test]
    async fn answers_wait_while_too_many_reads_are_unwritten() {
        let (trail, writer) = Trail::new(clock());
        let ticket = TicketId(uuid::Uuid::from_u128(7));
        let reader = reader();
        let read = || trail.read(&reader, |by| AuditEntry::new(by, Action::ReadTicket).ticket(ticket));
        for _ in 0..QUEUED {
            read().await;
        }
        let mut waiting = std::pin::pin!(unconstrained(read()));
        assert!(waiting.as_mut().now_or_never().is_none(), "the queue is full");
        trail.read(&Caller::Anonymous, |_| unreachable!("who has no token is not recorded")).await;

        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("f.db"), clock()).await.unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(writer.run(Arc::clone(&store) as _, stop.clone()));
        // The store refuses: the writer takes one batch, and keeps it.
        waiting.await;
        let mut accepted = QUEUED + 1;
        while unconstrained(read()).now_or_never().is_some() {
            accepted += 1;
        }
        assert_eq!(accepted, QUEUED + BATCH, "those that wait for the store are bounded");
        store.migrate().await.unwrap();
        stop.cancel();
        task.await.unwrap();
        let written = store.audit(&AuditFilter::default(), QUEUED * 2).await.unwrap();
        assert_eq!(written.len(), accepted, "and none of them is lost");
        assert!(written.iter().all(|record| record.entry.ticket_id == Some(ticket)));
    }

    #[test]
    fn a_flood_of_refusals_is_bounded() {
        let (trail, _writer) = Trail::new(clock());
        for network in 0..REFUSALS + 5 {
            for _ in 0..2 {
                trail.refused(Actor::http(network.to_string()), "unauthorized");
            }
        }
        trail.refused(Actor::http("shop"), "forbidden");
        let taken = trail.take_refusals();
        assert_eq!(taken.len(), REFUSALS + 2);
        let of = |reason| {
            let mut found = taken.iter().map(|(_, e)| e).filter(|e| e.subject.as_deref() == Some(reason));
            let others = found.find(|e| e.actor.name() == "others");
            others.map(|entry| entry.times)
        };
        assert_eq!((of("unauthorized"), of("forbidden")), (Some(10), Some(1)));
        assert!(trail.take_refusals().is_empty());
    }
}
