//! Removes the files of erased tickets.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::operations::erase::Eraser;
use crate::runtime::Runtime;

/// Interval between two rounds, and the shortest one after a failure; it doubles with each.
const EVERY: Duration = Duration::from_secs(5);

/// The longest interval after failures.
const LONGEST: Duration = Duration::from_secs(60);

/// Removes the files of whatever is erased until `stop`, however long their storage is away.
pub async fn remove_erased_files(eraser: Eraser, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
    let mut wait = EVERY;
    while !stop.is_cancelled() {
        wait = match eraser.remove_due(&stop).await {
            Ok(()) if wait > EVERY => {
                info!("the files of erased tickets are removed again");
                EVERY
            }
            Ok(()) => EVERY,
            Err(error) => {
                let next = (wait * 2).min(LONGEST);
                // Once per trouble: the storage's own state is logged as long as it lasts.
                if wait == EVERY {
                    warn!(%error, "files of erased tickets cannot be removed; tried until they are");
                }
                next
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(wait) => {}
        }
    }
}
