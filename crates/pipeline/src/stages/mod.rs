//! The stages of an order from paid to issued, one file each, and the tasks that run them.

pub(crate) mod code;
mod draft;
mod enrich;
pub(crate) mod freeze;
mod in_flight;
pub mod ingest;
pub(crate) mod issue;
pub mod read_back;
mod refresh;
pub mod relay;
mod release;
mod resign;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{self as config, CodeFormat};
use fulfillment_domain::order::Reading;
use fulfillment_domain::{Clock, OrderState, Secret};
use fulfillment_store::{Claim, Claimable, Store, StoreError, step};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, error_span, info};

use crate::keyring::Keys;
use crate::ports::{Availability, Files, Identity, Ordering};
use crate::runtime::Runtime;
use crate::templates::Templates;
use crate::{Publishing, Wake};
pub use freeze::Numbers;
use in_flight::{InFlight, Job};
use read_back::ReadBack;
pub use release::Releases;

/// Everything the stages need.
pub struct Pipeline {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
    /// Ordering, if configured.
    pub ordering: Option<Arc<dyn Ordering>>,
    /// Identity, if configured.
    pub identity: Option<Arc<dyn Identity>>,
    /// The templates of pages.
    pub templates: Arc<Templates>,
    /// What codes are signed with.
    pub keys: Arc<Keys>,
    /// The secret that ids are derived from.
    pub secret: Secret,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Waits, and cores to draw with.
    pub runtime: Arc<dyn Runtime>,
    /// Batches, leases, retries and limits.
    pub settings: config::Pipeline,
    /// How long an unknown order may still appear in Ordering.
    pub grace: Duration,
    /// How Ordering's answers are parsed.
    pub reading: Reading,
    /// The code format of new tickets.
    pub code: CodeFormat,
    /// Which pages have their code read back.
    pub read_back: ReadBack,
    /// How events are written.
    pub publishing: Publishing,
    /// Wakes the workers when there is work.
    pub wake: Arc<Wake>,
    /// This process, in the store's leases.
    pub worker: String,
    /// The numbers of events and categories, cached.
    pub numbers: Numbers,
    /// Orders that are being released.
    pub releases: Releases,
}

/// Orders queued between two stages: more than one batch, so that a stage never waits for the next one, which has just
/// begun.
const QUEUE: usize = 256;

/// The shortest wait for new work.
const SHORTEST_REST: Duration = Duration::from_millis(5);

impl Pipeline {
    /// Works until `stop`, then finishes the orders in flight.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let in_flight = Arc::new(InFlight::new(self.settings.workers * self.settings.claim_batch));
        let (to_freeze, frozen_queue) = mpsc::channel(QUEUE);
        let (to_issue, issue_queue) = mpsc::channel(QUEUE);

        let stages = TaskTracker::new();
        stages.spawn(Arc::clone(&self).freeze_stage(frozen_queue, to_issue.clone()));
        stages.spawn(Arc::clone(&self).issue_stage(issue_queue));
        stages.close();
        let done = CancellationToken::new();
        let renewal = tokio::spawn(Arc::clone(&self).renew_leases(Arc::clone(&in_flight), done.clone()));

        self.claim_until(stop, &in_flight, &to_freeze, &to_issue).await;
        // No more claims: the queues end when their last orders have passed.
        drop((to_freeze, to_issue));
        stages.wait().await;
        done.cancel();
        if renewal.await.is_err() {
            error!("the task that renews leases ended unexpectedly");
        }
        info!("the pipeline has stopped");
    }

    async fn claim_until(
        self: &Arc<Self>,
        stop: CancellationToken,
        in_flight: &Arc<InFlight>,
        to_freeze: &mpsc::Sender<enrich::Enriched>,
        to_issue: &mpsc::Sender<Job>,
    ) {
        let enriching = TaskTracker::new();
        while !stop.is_cancelled() {
            let room = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                room = in_flight.room(self.settings.claim_batch) => room,
            };
            let ordering =
                self.ordering.as_ref().map_or(Availability::Free, |ordering| ordering.availability());
            let claims = match self.claim(room, ordering).await {
                Ok(claims) => claims,
                Err(error) => {
                    error!(%error, "cannot claim orders; retrying");
                    self.rest(&stop, Duration::from_secs(1)).await;
                    continue;
                }
            };
            let none = claims.is_empty();
            if !none {
                step!("after-claim");
                metrics::counter!("fulfillment_orders_claimed_total").increment(claims.len() as u64);
            }
            for claim in claims {
                self.start(in_flight.take(claim), &stop, &enriching, to_freeze, to_issue).await;
            }
            match ordering {
                Availability::Free if none => self.rest(&stop, self.idle_time().await).await,
                // Orders that are due wait for Ordering: when the next one is due says nothing.
                Availability::Paused(left) if none => {
                    self.rest(&stop, left.min(self.settings.idle_poll).max(SHORTEST_REST)).await;
                }
                Availability::Probe => self.rest(&stop, self.settings.idle_poll).await,
                _ => {}
            }
        }
        enriching.close();
        enriching.wait().await;
    }

    /// Claims due orders. While Ordering does not work, orders that need it stay where they are, except for one that finds
    /// out whether it works again.
    async fn claim(&self, room: usize, ordering: Availability) -> Result<Vec<Claim>, StoreError> {
        let (worker, lease) = (&self.worker, self.settings.lease);
        match ordering {
            Availability::Free => self.store.claim(worker, room, lease).await,
            Availability::Paused(_) => self.store.claim_some(worker, room, lease, Claimable::Frozen).await,
            Availability::Probe => {
                let mut claims = self.store.claim_some(worker, room, lease, Claimable::Frozen).await?;
                claims.extend(self.store.claim_some(worker, 1, lease, Claimable::Unfrozen).await?);
                Ok(claims)
            }
        }
    }

    /// Sends a claimed order to the stage it needs.
    async fn start(
        self: &Arc<Self>,
        job: Job,
        stop: &CancellationToken,
        enriching: &TaskTracker,
        to_freeze: &mpsc::Sender<enrich::Enriched>,
        to_issue: &mpsc::Sender<Job>,
    ) {
        if self.spent(&job.claim) {
            return self.give_up_on_killer(job).await;
        }
        if job.claim.state == OrderState::Enriched {
            // Its content is frozen already. The receiver lives as long as this sender.
            let _ = to_issue.send(job).await;
            return;
        }
        if job.claim.state == OrderState::Issued {
            let (pipeline, to_issue, stop) = (Arc::clone(self), to_issue.clone(), stop.clone());
            let span = error_span!(parent: &job.span, "refresh");
            enriching.spawn(async move {
                if let Some(job) = pipeline.refresh(job, &stop).instrument(span).await {
                    let _ = to_issue.send(job).await;
                }
            });
            return;
        }
        let (pipeline, to_freeze, stop) = (Arc::clone(self), to_freeze.clone(), stop.clone());
        let span = error_span!(parent: &job.span, "enrich");
        enriching.spawn(async move {
            if let Some(enriched) = pipeline.enrich(job, &stop).instrument(span).await {
                let _ = to_freeze.send(enriched).await;
            }
        });
    }

    /// Waits for new work, for a limited time.
    async fn rest(&self, stop: &CancellationToken, longest: Duration) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.wake.orders.notified() => {}
            () = self.runtime.sleep(longest) => {}
        }
    }

    /// Waits until the next order is due, or until another process may have added one.
    async fn idle_time(&self) -> Duration {
        let due = self.store.next_due().await.ok().flatten();
        due.unwrap_or(Duration::MAX).min(self.settings.idle_poll).max(SHORTEST_REST)
    }

    /// A renewal that fails is tried again well before the lease ends; a lost lease does no harm, because every write
    /// carries its fence.
    async fn renew_leases(self: Arc<Self>, in_flight: Arc<InFlight>, done: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return,
                () = self.runtime.sleep(self.settings.lease / 3) => {}
            }
            let held = in_flight.held();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.store.renew(&held, self.settings.lease).await {
                error!(%error, orders = held.len(), "cannot renew leases; retrying");
            }
        }
    }

    /// Whether too many workers in a row died while they had this order. One that is parked and tried again may kill
    /// only one: it may be innocent, and another order in flight the cause.
    fn spent(&self, claim: &Claim) -> bool {
        claim.deaths >= if claim.was_parked { 1 } else { self.settings.max_attempts }
    }
}
