//! Counts tickets by event, and payments and tickets by minute, for the status.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_store::{Overview, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::runtime::Runtime;

/// Interval between two rounds.
const EVERY: Duration = Duration::from_secs(10);
/// After this time another process counts an event whose counter died.
const LEASE: Duration = Duration::from_secs(600);

/// Counts what is due until `stop`. Several processes share the events.
pub async fn keep_counts(store: Arc<dyn Overview>, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = round(store.as_ref(), &stop).await {
            warn!(%error, "cannot count the tickets of events; `fulfillment status` shows older figures");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(EVERY) => {}
        }
    }
}

async fn round(store: &dyn Overview, stop: &CancellationToken) -> Result<(), StoreError> {
    store.count_minutes().await?;
    while !stop.is_cancelled() && store.count_next_event(LEASE).await? {}
    Ok(())
}
