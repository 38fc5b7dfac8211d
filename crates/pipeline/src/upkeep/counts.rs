//! Counts tickets by event, and payments and tickets by minute, for the status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fulfillment_store::{Overview, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::runtime::Runtime;

/// The wait for the next event whose count is due.
const EVERY: Duration = Duration::from_secs(10);
/// After each count it rests for so many times as long: it takes at most a tenth of a core, however many events there are.
const REST: u32 = 9;
/// After this time another process counts an event whose counter died.
const LEASE: Duration = Duration::from_secs(600);

/// Counts what is due until `stop`. Several processes share the events.
pub async fn keep_counts(store: Arc<dyn Overview>, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let began = Instant::now();
        let rest = match count(store.as_ref()).await {
            Ok(true) => began.elapsed() * REST,
            Ok(false) => EVERY,
            Err(error) => {
                warn!(%error, "cannot count the tickets of events; `fulfillment status` shows older figures");
                EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(rest) => {}
        }
    }
}

/// Counts one event, and answers whether there was one.
async fn count(store: &dyn Overview) -> Result<bool, StoreError> {
    store.count_minutes().await?;
    store.count_next_event(LEASE).await
}
