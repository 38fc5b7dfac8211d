//! Waiting for what another process will do, with a limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks `look` every 50 ms until it answers with something, for at most `limit`.
///
/// # Errors
/// The first error of `look`, or that `what` did not happen in time.
pub async fn eventually<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
