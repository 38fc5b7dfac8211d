//! What the pipeline takes from the machine that it runs on. A simulation has its own.

#[cfg(not(test))]
pub(super) use tokio::time::sleep;

#[cfg(test)]
pub(super) use crate::simulation::machine::{aside, moment, sleep};

/// Now, to measure a while by.
#[cfg(not(test))]
pub(super) fn moment() -> std::time::Instant {
    std::time::Instant::now()
}

/// Does work that keeps a core busy, off the async threads. It begins when it is first waited for.
#[cfg(not(test))]
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}
