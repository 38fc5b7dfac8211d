//! Retries: whether a failed order is tried again soon, tried again without counting, or parked for an operator.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use fulfillment_domain::{Backoff, Decision, Failure};
use fulfillment_store::{Claim, FailedTicket, NextStep, Release};
use jiff::Timestamp;
use tracing::warn;

use super::Pipeline;
use super::in_flight::Job;

/// The shortest and the longest wait of an order while every request is refused; twice that with its spread.
const BLOCKED_FIRST: Duration = Duration::from_secs(2);
const BLOCKED_LONGEST: Duration = Duration::from_secs(60);

impl Pipeline {
    /// Releases an order after a failure.
    pub(super) async fn fail(
        &self,
        job: Job,
        failure: Failure,
        failed: Vec<FailedTicket>,
        refused_answer: Option<Vec<u8>>,
    ) {
        let then = self.after(&job.claim, &failure);
        self.give_back(job, failure.reason, failed, then, refused_answer).await;
    }

    /// Releases an order unchanged: the service is stopping.
    pub(super) async fn put_back(&self, job: Job) {
        let then = NextStep::Wait(Duration::ZERO);
        self.give_back(job, "the service was stopping".into(), Vec::new(), then, None).await;
    }

    /// Parks an order whose workers keep dying before it ends another one. It is tried again in the background like any
    /// other: of the orders that a process had in flight when it died, at most one caused it.
    pub(super) async fn give_up_on_killer(&self, job: Job) {
        let reason = format!("{} tries in a row ended with the death of the process", job.claim.deaths);
        let then = self.parked(&job.claim);
        let failed = unfinished(&job.claim, &reason);
        self.give_back(job, reason, failed, then, None).await;
    }

    async fn give_back(
        &self,
        job: Job,
        reason: String,
        failed: Vec<FailedTicket>,
        then: NextStep,
        refused_answer: Option<Vec<u8>>,
    ) {
        let (order_id, fence) = (job.claim.order_id, job.claim.fence);
        job.span.in_scope(|| {
            if job.claim.refresh.is_some() {
                warn!(attempts = job.claim.attempts, reason, "cannot ask Ordering about new lines");
            } else if matches!(then, NextStep::Park(_)) && !job.claim.was_parked {
                metrics::counter!("fulfillment_orders_parked_total").increment(1);
                warn!(attempts = job.claim.attempts, reason, "order parked");
            }
        });
        let release = Release { order_id, fence, reason, failed, then, refused_answer };
        self.release(job, release).await;
    }

    fn after(&self, claim: &Claim, failure: &Failure) -> NextStep {
        let settings = &self.settings;
        let spread = spread(claim);
        let age = self.since(claim.tried_since);
        match failure.decision {
            Decision::Blocked => {
                // The longer it has been so, the longer it waits: nothing is gained by asking often.
                let wait = (self.since(claim.received_at) / 8).clamp(BLOCKED_FIRST, BLOCKED_LONGEST);
                NextStep::Wait(wait.mul_f64(1.0 + spread))
            }
            Decision::Permanent => self.parked(claim),
            Decision::Transient { .. } if claim.was_parked => self.parked(claim),
            Decision::Transient { .. }
                if claim.attempts >= settings.max_attempts || age >= settings.max_age =>
            {
                self.parked(claim)
            }
            Decision::Transient { after } => {
                NextStep::Retry(self.backoff(claim).max(after.unwrap_or_default()))
            }
        }
    }

    /// The delay before the next try.
    pub(super) fn backoff(&self, claim: &Claim) -> Duration {
        let backoff = Backoff { first: self.settings.retry_first, longest: self.settings.retry_longest };
        backoff.wait(claim.attempts, spread(claim))
    }

    /// Parks the order; it is retried in the background for as long as the settings say.
    fn parked(&self, claim: &Claim) -> NextStep {
        let parked_for = claim.parked_at.map_or(Duration::ZERO, |at| self.since(at));
        let again = parked_for < self.settings.parked_retry_for;
        NextStep::Park(again.then_some(self.settings.parked_retry_every))
    }

    fn since(&self, at: Timestamp) -> Duration {
        Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default()
    }
}

/// A number in 0..1 that is derived from the claim and looks random: orders that fail together are not retried
/// together, and a simulated run with the same seed takes the same time.
#[expect(clippy::cast_precision_loss, reason = "a spread needs no more digits than a float has")]
fn spread(claim: &Claim) -> f64 {
    let mut hasher = DefaultHasher::new();
    (claim.order_id.0.as_u128(), claim.fence).hash(&mut hasher);
    hasher.finish() as f64 / u64::MAX as f64
}

/// Marks every ticket of an order that has no file yet as failed for this reason.
fn unfinished(claim: &Claim, reason: &str) -> Vec<FailedTicket> {
    claim.tickets.iter().map(|t| FailedTicket { id: t.id, reason: reason.to_owned() }).collect()
}
