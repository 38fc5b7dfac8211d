//! The audit of reads and refusals, which ends after the last answer.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_http::Trail;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_store::Audit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

/// How long the last reads may take to be recorded.
const DRAIN: Duration = Duration::from_secs(3);

/// The task that writes what the HTTP server records.
pub(crate) struct Auditing {
    stop: CancellationToken,
    work: TaskTracker,
}

impl Auditing {
    /// Begins to write. `broken` is set if that fails unexpectedly.
    pub(crate) fn begin(store: Arc<dyn Audit>, broken: CancellationToken) -> (Arc<Trail>, Self) {
        let (trail, writer) = Trail::new(Arc::new(SystemClock));
        let (stop, work) = (CancellationToken::new(), TaskTracker::new());
        let writing = writer.run(store, stop.clone());
        work.spawn(async move {
            if let Err(error) = tokio::spawn(writing).await {
                error!(%error, "the audit of reads failed");
                broken.cancel();
            }
        });
        (trail, Self { stop, work })
    }

    /// Writes what is left.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.work.close();
        if tokio::time::timeout(DRAIN, self.work.wait()).await.is_err() {
            warn!("the last reads could not be recorded in the audit in time");
        }
    }
}
