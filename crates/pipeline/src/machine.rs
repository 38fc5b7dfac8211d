//! What the pipeline takes from the machine that it runs on. A simulation has its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
#[cfg(not(test))]
pub(super) use tokio::time::sleep;

#[cfg(not(test))]
pub(super) use self::on_a_core as aside;

#[cfg(test)]
pub(super) use crate::simulation::machine::{aside, moment, sleep};

/// Now, to measure a while by.
#[cfg(not(test))]
pub(super) fn moment() -> std::time::Instant {
    std::time::Instant::now()
}

/// Work that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("it ended in a panic")]
pub struct Panicked;

/// Does work that keeps a core busy, on one of as many threads as there are cores: more would take turns, each with
/// caches and buffers of its own.
pub async fn on_a_core<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
    let (done, answer) = oneshot::channel();
    rayon::spawn(move || {
        // A panic that got out would end the process. Nobody may wait any more: then nobody wants the answer.
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(work)) {
            let _unwanted = done.send(answer);
        }
    });
    answer.await.map_err(|_| Panicked)
}
