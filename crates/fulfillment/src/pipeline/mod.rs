//! From payment to ticket: the whole story.
//!
//! ```text
//!  ingest ──> claim ──> enrich ──> freeze ──> issue ──> relay
//!  (tx 1)              Ordering    (tx 2)    page, file  Kafka | webhook | stream
//!                                            (tx 3)
//! ```
//!
//! Every arrow is a row in the store, so any of it may die at any moment and be taken up again by
//! whoever comes next. Stages hand over in batches: under load a batch fills while the one before it
//! is written, and with nothing else to do a single order passes straight through.
//!
//! | stage | file | one batch is |
//! |---|---|---|
//! | ingest | `ingest.rs` | one transaction for up to 500 payments |
//! | enrich | `enrich.rs` | one question to Ordering an order, many at a time |
//! | freeze | `freeze.rs` | one transaction for up to 64 orders; nothing is decided after it |
//! | issue | `issue.rs` | pages drawn on all cores, one group of files, one transaction |
//! | relay | `relay.rs` | up to 500 events to one destination |
//!
//! `refresh.rs` asks Ordering again about an issued order that another payment came for,
//! `retry.rs` decides what a failure means, `code.rs` makes the code in the QR,
//! `reissue.rs` makes new generations of tickets, `in_hand.rs` keeps the leases of claimed orders alive,
//! `heal.rs` draws files that went missing, `maintenance.rs` sweeps, prunes and erases (`erase.rs`), `counts.rs` shows what waits or
//! stands apart, `reconcile.rs` compares all of it with what was paid,
//! `adopt.rs` takes over what an earlier service has issued,
//! `machine.rs` is what all of it takes from the machine: time to wait, cores to draw with.

pub(crate) mod adopt;
mod code;
pub(crate) mod counts;
mod enrich;
pub(crate) mod erase;
mod freeze;
pub(crate) mod heal;
mod in_hand;
pub(crate) mod ingest;
mod issue;
pub(crate) mod machine;
pub(crate) mod maintenance;
pub(crate) mod proof;
pub(crate) mod reconcile;
mod refresh;
pub(crate) mod reissue;
pub(crate) mod relay;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::{self as config, CodeFormat};
use fulfillment_domain::event::Publication;
use fulfillment_domain::order::Reading;
use fulfillment_domain::{Clock, OrderState, Secret, Spelling, Ticket};
use fulfillment_store::{Claim, Store, step};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::keyring::Keys;
use crate::ports::{Files, Identity, Ordering};
use crate::templates::Templates;
pub(crate) use freeze::Numbers;
use in_hand::{InHand, Job};
use machine::sleep;
use proof::Proof;

/// Tells idle stages of this process that there is work; other processes find it by looking.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    /// An order is due.
    pub(crate) orders: Notify,
    /// An event is due: every relay looks, each for its own destination.
    pub(crate) events: watch::Sender<()>,
}

/// How events are written.
#[derive(Debug, Clone)]
pub(crate) struct Publishing {
    /// Spelling of their fields.
    pub(crate) spelling: Spelling,
    /// The base of `ticketPdfUrl`.
    pub(crate) public_url: String,
    /// Who gets them, beside the stream.
    pub(crate) destinations: Vec<String>,
}

impl Publishing {
    /// The signed link to a ticket's PDF.
    fn link(&self, secret: &Secret, ticket: &Ticket) -> String {
        let signature = secret.link_signature(ticket.id, ticket.generation);
        format!("{}/tickets/{}.pdf?s={signature}", self.public_url, ticket.id)
    }

    fn publication<'a>(&'a self, link: &'a str, traceparent: Option<&'a str>) -> Publication<'a> {
        let Self { spelling, destinations, .. } = self;
        Publication { spelling: *spelling, ticket_pdf_url: link, traceparent, destinations }
    }
}

/// Everything an order needs on its way from paid to issued.
pub(crate) struct Pipeline {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) ordering: Option<Arc<dyn Ordering>>,
    pub(crate) identity: Option<Arc<dyn Identity>>,
    pub(crate) templates: Arc<Templates>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) secret: Secret,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: config::Pipeline,
    pub(crate) grace: Duration,
    /// How Ordering's answers are read.
    pub(crate) reading: Reading,
    /// What the QR of a new ticket says.
    pub(crate) code: CodeFormat,
    /// Which pages have their code read back.
    pub(crate) proof: Proof,
    pub(crate) publishing: Publishing,
    pub(crate) wake: Arc<Wake>,
    /// This process, in the store's leases.
    pub(crate) worker: String,
    pub(crate) numbers: Numbers,
}

/// Orders that wait for the next stage: more than one batch, so that a stage never waits for a
/// neighbour that has just begun.
const QUEUE: usize = 256;

impl Pipeline {
    /// Works until `stop`, then ends what is in hand.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let in_hand = Arc::new(InHand::new(self.settings.workers * self.settings.claim_batch));
        let (to_freeze, frozen_queue) = mpsc::channel(QUEUE);
        let (to_issue, issue_queue) = mpsc::channel(QUEUE);

        let stages = TaskTracker::new();
        stages.spawn(Arc::clone(&self).freeze_stage(frozen_queue, to_issue.clone()));
        stages.spawn(Arc::clone(&self).issue_stage(issue_queue));
        stages.close();
        let done = CancellationToken::new();
        let renewal = tokio::spawn(Arc::clone(&self).renew_leases(Arc::clone(&in_hand), done.clone()));

        self.claim_until(stop, &in_hand, &to_freeze, &to_issue).await;
        // No more claims: the queues end when their last orders have passed.
        drop((to_freeze, to_issue));
        stages.wait().await;
        done.cancel();
        if renewal.await.is_err() {
            error!("the task that renews leases ended early");
        }
        info!("the pipeline has come to rest");
    }

    async fn claim_until(
        self: &Arc<Self>,
        stop: CancellationToken,
        in_hand: &Arc<InHand>,
        to_freeze: &mpsc::Sender<enrich::Enriched>,
        to_issue: &mpsc::Sender<Job>,
    ) {
        let enriching = TaskTracker::new();
        while !stop.is_cancelled() {
            let room = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                room = in_hand.room(self.settings.claim_batch) => room,
            };
            let claims = match self.store.claim(&self.worker, room, self.settings.lease).await {
                Ok(claims) => claims,
                Err(error) => {
                    error!(%error, "cannot claim orders; trying again");
                    self.rest(&stop, Duration::from_secs(1)).await;
                    continue;
                }
            };
            if claims.is_empty() {
                self.rest(&stop, self.idle_time().await).await;
                continue;
            }
            step!("after-claim");
            metrics::counter!("fulfillment_orders_claimed_total").increment(claims.len() as u64);
            for claim in claims {
                self.start(in_hand.take(claim), &stop, &enriching, to_freeze, to_issue).await;
            }
        }
        enriching.close();
        enriching.wait().await;
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
            // Its page is decided already. The receiver lives as long as this sender.
            let _ = to_issue.send(job).await;
            return;
        }
        if job.claim.state == OrderState::Issued {
            let (pipeline, to_issue, stop) = (Arc::clone(self), to_issue.clone(), stop.clone());
            enriching.spawn(async move {
                if let Some(job) = pipeline.refresh(job, &stop).await {
                    let _ = to_issue.send(job).await;
                }
            });
            return;
        }
        let (pipeline, to_freeze, stop) = (Arc::clone(self), to_freeze.clone(), stop.clone());
        enriching.spawn(async move {
            if let Some(enriched) = pipeline.enrich(job, &stop).await {
                let _ = to_freeze.send(enriched).await;
            }
        });
    }

    /// Waits for new work, a while at most.
    async fn rest(&self, stop: &CancellationToken, longest: Duration) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.wake.orders.notified() => {}
            () = sleep(longest) => {}
        }
    }

    /// Until the next order is due, or until another process may have brought one.
    async fn idle_time(&self) -> Duration {
        let due = self.store.next_due().await.ok().flatten();
        due.unwrap_or(Duration::MAX).min(self.settings.idle_poll).max(Duration::from_millis(5))
    }

    /// A renewal that fails is tried again well before the lease ends; a lease that is lost anyway
    /// does no harm, because every write carries its fence.
    async fn renew_leases(self: Arc<Self>, in_hand: Arc<InHand>, done: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return,
                () = sleep(self.settings.lease / 3) => {}
            }
            let held = in_hand.held();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.store.renew(&held, self.settings.lease).await {
                error!(%error, orders = held.len(), "cannot renew leases; trying again");
            }
        }
    }

    /// Whether too many workers in a row died of this order. One that is parked and tried again gets one of them:
    /// it may be innocent, and killed by a neighbour.
    fn spent(&self, claim: &Claim) -> bool {
        claim.deaths >= if claim.was_parked { 1 } else { self.settings.max_attempts }
    }
}
