//! Keeps the index of people and the lists up to date.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::operations::people::PeopleIndex;
use crate::runtime::Runtime;

/// Interval between two rounds: an order is found by its names within five seconds of its issue. A round without anything
/// new is one query.
const EVERY: Duration = Duration::from_secs(2);

/// What is worth a line in the log: the orders of earlier versions.
const MANY: usize = 10_000;

/// Reads the addresses of new orders and dead letters until `stop`.
pub async fn index_people(people: PeopleIndex, runtime: Arc<dyn Runtime>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match people.catch_up(&stop).await {
            Ok(read) if read >= MANY => {
                info!(read, "orders and dead letters entered the index of people, and the lists");
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "cannot read the people of new orders; erase reads them itself"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = runtime.sleep(EVERY) => {}
        }
    }
}
