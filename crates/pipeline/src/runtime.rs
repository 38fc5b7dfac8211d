//! The runtime: time to wait and cores to compute on, as a trait. A simulation passes its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

/// Waits, elapsed time and cores to draw with. The time of day comes from [`fulfillment_domain::Clock`].
pub trait Runtime: Send + Sync {
    /// The present moment, for measuring elapsed time.
    fn moment(&self) -> Instant;

    /// Waits for this duration.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Starts CPU-bound work away from the threads that wait for I/O.
    fn begin(&self, work: Box<dyn FnOnce() + Send>);
}

/// The runtime of the real machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemRuntime;

impl Runtime for SystemRuntime {
    fn moment(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    /// On one of as many threads as there are cores: more would take turns, each with its own caches and buffers.
    fn begin(&self, work: Box<dyn FnOnce() + Send>) {
        rayon::spawn(work);
    }
}

/// CPU-bound work that ended without a result.
#[derive(Debug, thiserror::Error)]
#[error("it ended in a panic")]
pub(crate) struct Panicked;

/// Runs CPU-bound work and waits for its result.
pub(crate) async fn aside<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    let (done, answer) = oneshot::channel();
    runtime.begin(Box::new(move || {
        // A panic that escaped would end the process. A failed send means that nobody waits for the result any more.
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(work)) {
            let _unwanted = done.send(answer);
        }
    }));
    answer.await.map_err(|_| Panicked)
}
