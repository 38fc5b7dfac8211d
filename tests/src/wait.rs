//! Waits for what another process will do, with a time limit.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

thread_local! {
    /// Tests run on a thread each, or one after another on the same.
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

/// Whether a wait timed out, which the test returns as an error.
pub(crate) fn gave_up() -> bool {
    GAVE_UP.get()
}

/// Resets the state when a test begins.
pub(crate) fn begin() {
    GAVE_UP.set(false);
}

/// Calls `look` every 50 ms until it returns a value, for at most `limit`.
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
            GAVE_UP.set(true);
            bail!("{what}: not within {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
