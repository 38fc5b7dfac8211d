//! Releases of orders: those that arrive while others are being recorded are recorded together.

use std::sync::{Mutex, PoisonError};

use fulfillment_store::{Release, StoreError};
use tracing::error;

use super::Pipeline;
use super::in_flight::Job;

/// Orders released in one transaction.
const BATCH: usize = 256;

/// Releases that are not recorded yet.
#[derive(Default)]
pub struct Releases {
    waiting: Mutex<Vec<(Job, Release)>>,
    /// Held while releases are recorded: those that come meanwhile are the next batch.
    turn: tokio::sync::Mutex<()>,
}

impl Pipeline {
    /// Records a release, together with those of other tasks. The order stays in flight until then.
    pub(super) async fn release(&self, job: Job, release: Release) {
        self.releases.push(job, release);
        let _turn = self.releases.turn.lock().await;
        let batch = self.releases.next();
        // Another task has recorded it.
        if batch.is_empty() {
            return;
        }
        let (jobs, releases): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match self.store.release(&releases).await {
            Ok(_) => {}
            Err(StoreError::Refused(_) | StoreError::Unmet(_)) if releases.len() > 1 => {
                for (job, release) in jobs.iter().zip(releases) {
                    if let Err(error) = self.store.release(&[release]).await {
                        report(job, &error);
                    }
                }
            }
            Err(error) => jobs.iter().for_each(|job| report(job, &error)),
        }
    }
}

impl Releases {
    fn push(&self, job: Job, release: Release) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((job, release));
    }

    fn next(&self) -> Vec<(Job, Release)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }
}

/// An order that cannot be released now becomes free when its lease ends; the try has been counted.
fn report(job: &Job, error: &StoreError) {
    job.span.in_scope(|| error!(%error, "cannot release an order; its lease will expire"));
}
