//! Signs the tickets of a key anew that are still to come: each gets a new generation. A job in the store, which any
//! process continues where another stopped.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::Ticket;
use fulfillment_store::{Actor, KeyCursor, KeyReissue, KeyReissueNext, Store, StoreError, step};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::reissue::{NotReissued, Reissuer, Wanted};
use crate::runtime::Runtime;

/// Tickets of one claim of the job: their progress is recorded together.
const PART: usize = 32;
/// Tickets at the same time.
const AT_ONCE: usize = 4;
/// Longer than a part takes. The job of a process that died goes on after this.
const LEASE: Duration = Duration::from_secs(15);
/// Interval between two looks for a job.
const EVERY: Duration = Duration::from_secs(2);
/// The wait before another round, for tickets that could not be done.
const NEXT_ROUND: Duration = Duration::from_secs(15);
/// By this time after the tombstone every process knows it: no more tickets of the key appear.
const KNOWN: SignedDuration = SignedDuration::from_secs(6);
/// An event without an end counts as coming for so long after its start.
const UNDERWAY: SignedDuration = SignedDuration::from_hours(24);

/// Tickets of events that were over before this time are no longer needed.
pub fn coming_since(now: Timestamp) -> Timestamp {
    now.saturating_sub(UNDERWAY).unwrap_or(now)
}

/// Works on such jobs.
pub struct KeyReissuer {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Makes the new generations.
    pub reissuer: Reissuer,
    /// This process, in the store's leases.
    pub worker: String,
}

/// Why a part was not done.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key still signs, or no other key can.
    #[error("{0}")]
    NoOtherKey(String),
}

/// What became of a ticket.
enum Outcome {
    Done,
    /// It needs no other code any more, or it changed meanwhile and the next round looks at it again.
    Left,
    Failed(String),
}

impl KeyReissuer {
    /// Works on jobs until `stop`.
    pub async fn follow(self, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.part(None).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => warn!(%error, "cannot go on signing the tickets of a key anew; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = runtime.sleep(EVERY) => {}
            }
        }
    }

    /// Does one part of a job that is due, of this key if it is given. `false` when there is none.
    ///
    /// # Errors
    /// [`Interrupted`]: the job goes on later.
    pub async fn part(&self, kid: Option<&str>) -> Result<bool, Interrupted> {
        let Some(mut job) = self.store.claim_key_reissue(&self.worker, LEASE, kid).await? else {
            return Ok(false);
        };
        let now = self.reissuer.clock.now();
        match self.reissuer.keys.current().signing_key(now) {
            Ok(key) if key.kid().to_string() != job.kid => {}
            Ok(_) => return Err(Interrupted::NoOtherKey(format!("the key {} still signs", job.kid))),
            Err(error) => return Err(Interrupted::NoOtherKey(format!("{error:#}"))),
        }
        let begins = job.after == KeyCursor::START;
        if begins {
            job.failed = 0;
        }
        let since = coming_since(now);
        let tickets = self.store.tickets_of_key(&job.kid, since, &job.after, PART).await?;
        let Some(last) = tickets.last() else {
            return self.round_ended(job, begins).await.map(|()| true);
        };
        let after = KeyCursor { event: last.event.number.into(), cti: last.code.cti.to_vec() };
        let outcomes = futures::stream::iter(tickets).map(|ticket| self.one(&job, ticket));
        let outcomes: Vec<_> = outcomes.buffered(AT_ONCE).collect().await;
        for outcome in outcomes {
            match outcome? {
                Outcome::Done => job.done += 1,
                Outcome::Left => {}
                Outcome::Failed(why) => (job.failed, job.last_error) = (job.failed + 1, Some(why)),
            }
        }
        job.after = after;
        step!("before-key-reissue-progress");
        self.store.record_key_reissue(&self.worker, &job, KeyReissueNext::After(Duration::ZERO)).await?;
        Ok(true)
    }

    async fn one(&self, job: &KeyReissue, ticket: Ticket) -> Result<Outcome, StoreError> {
        let wanted = Wanted {
            reason: job.reason.clone(),
            expected: Some(ticket.code.generation),
            request: Some(format!("key {} of {}", job.kid, job.requested_at)),
            ..Wanted::default()
        };
        match self.reissuer.reissue(ticket.id, wanted, &Actor::command(&job.who)).await {
            Ok(_) => Ok(Outcome::Done),
            Err(NotReissued::Store(error)) => Err(error),
            Err(why @ NotReissued::Failed(_)) => {
                warn!(ticket = %ticket.id, kid = job.kid, %why, "a ticket could not be signed anew");
                Ok(Outcome::Failed(format!("{}: {why}", ticket.id)))
            }
            Err(_) => Ok(Outcome::Left),
        }
    }

    /// Finishes the job when a whole round found nothing, or begins another round.
    async fn round_ended(&self, mut job: KeyReissue, found_nothing: bool) -> Result<(), Interrupted> {
        let now = self.reissuer.clock.now();
        let tombstone = self.store.revoked_keys().await?.into_iter().find(|key| key.kid == job.kid);
        // A process that did not know yet may have issued one more.
        let settled = tombstone.is_none_or(|key| now.duration_since(key.revoked_at) > KNOWN);
        let left = self.store.live_tickets_of_key(&job.kid, coming_since(now)).await?;
        job.done = job.done.max(job.total.saturating_sub(left));
        job.after = KeyCursor::START;
        let next = if found_nothing && settled {
            info!(kid = job.kid, done = job.done, left, "the tickets of a key are signed anew");
            KeyReissueNext::Finished
        } else if job.failed > 0 {
            KeyReissueNext::After(NEXT_ROUND)
        } else {
            KeyReissueNext::After(Duration::from_secs(1))
        };
        self.store.record_key_reissue(&self.worker, &job, next).await?;
        Ok(())
    }
}
