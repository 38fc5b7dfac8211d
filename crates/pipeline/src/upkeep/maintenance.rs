//! Background maintenance: sweeps temporary files, prunes old rows, and parks what has waited too long.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_config as config;
use fulfillment_store::{Audit, Outbox, Store, Withdrawals};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::ports::Files;
use crate::runtime::Runtime;

/// Temporary files older than this belong to no running process.
const STALE: Duration = Duration::from_secs(3600);

/// Interval between two rounds.
const EVERY: Duration = Duration::from_secs(3600);

/// Refunds parked in one transaction: their orders are locked meanwhile.
const PARKED: usize = 100;

/// Rows pruned in one transaction: a long one would block others.
const PRUNED: usize = 2_000;

/// Removes what an earlier run left behind, then expired data, every hour until `stop`.
pub async fn maintain(
    store: Arc<dyn Store>,
    files: Arc<dyn Files>,
    runtime: Arc<dyn Runtime>,
    settings: config::Pipeline,
    stop: CancellationToken,
) {
    loop {
        match files.sweep(STALE).await {
            Ok(0) => {}
            Ok(swept) => info!(swept, "temporary files of an earlier run removed"),
            Err(error) => warn!(%error, "cannot remove temporary files"),
        }
        prune(store.as_ref(), settings.prune_after, &stop).await;
        prune_audit(store.as_ref(), settings.audit_prune_after, &stop).await;
        park_overdue(store.as_ref(), settings.withdrawal_wait, &stop).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(EVERY) => {}
        }
    }
}

async fn prune(store: &dyn Outbox, age: Duration, stop: &CancellationToken) {
    let mut pruned = 0;
    while !stop.is_cancelled() {
        match store.prune(age, PRUNED).await {
            Ok(0) => break,
            Ok(rows) => pruned += rows,
            Err(error) => {
                warn!(%error, "cannot prune old messages and events");
                break;
            }
        }
    }
    if pruned > 0 {
        info!(pruned, "old messages and sent events removed");
    }
}

async fn prune_audit(store: &dyn Audit, age: Duration, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match store.prune_audit(age, PRUNED).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return warn!(%error, "cannot prune the audit"),
        }
    }
}

async fn park_overdue(store: &dyn Withdrawals, wait: Duration, stop: &CancellationToken) {
    let mut parked = 0;
    while !stop.is_cancelled() {
        match store.park_overdue(wait, PARKED).await {
            Ok(0) => break,
            Ok(refunds) => parked += refunds,
            Err(error) => {
                warn!(%error, "cannot park refunds that have waited too long");
                break;
            }
        }
    }
    if parked > 0 {
        warn!(
            parked,
            "refunds waited too long for their payments and were parked: see `fulfillment dlq list`"
        );
    }
}
