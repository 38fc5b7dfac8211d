//! What the pipeline takes from the machine that it runs on, handed in: a simulation hands in its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

/// Time to wait and to measure by, and cores to draw with. The time of day is a [`fulfillment_domain::Clock`]'s.
pub trait Runtime: Send + Sync {
    /// The present moment, to measure a while by.
    fn moment(&self) -> Instant;

    /// Waits so long.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Begins work that keeps a core busy, away from the threads that wait.
    fn begin(&self, work: Box<dyn FnOnce() + Send>);
}

/// The machine as it is.
#[derive(Debug, Clone, Copy)]
pub struct SystemRuntime;

impl Runtime for SystemRuntime {
    fn moment(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    /// On one of as many threads as there are cores: more would take turns, each with caches and buffers of its own.
    fn begin(&self, work: Box<dyn FnOnce() + Send>) {
        rayon::spawn(work);
    }
}

/// Work that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("it ended in a panic")]
pub(crate) struct Panicked;

/// Does work that keeps a core busy, and waits for what comes of it.
pub(crate) async fn aside<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    let (done, answer) = oneshot::channel();
    runtime.begin(Box::new(move || {
        // A panic that got out would end the process. Nobody may wait any more: then nobody wants the answer.
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(work)) {
            let _unwanted = done.send(answer);
        }
    }));
    answer.await.map_err(|_| Panicked)
}
