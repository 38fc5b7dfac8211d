//! Retention: erases orders some time after their events, and says so when it is late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::operations::erase::{Eraser, NotErased};
use crate::runtime::Runtime;

/// Interval between two rounds.
const EVERY: Duration = Duration::from_secs(3600);

/// The first interval after a failure; it doubles with each, up to that between two rounds.
const RETRY: Duration = Duration::from_secs(10);

/// How long a round may take before the retention is late.
const LATE: Duration = Duration::from_secs(24 * 3600);

/// Interval at which the gauge is set while a round lasts.
const SHOWN: Duration = Duration::from_secs(15);

/// The retention of personal data.
pub struct Retention {
    eraser: Eraser,
    age: Duration,
    runtime: Arc<dyn Runtime>,
    progress: Mutex<Progress>,
}

struct Progress {
    /// When a round ended with nothing left to erase; at first, when the process started.
    finished: Instant,
    /// Whether the last round failed.
    failed: bool,
}

impl Retention {
    /// Erases orders `age` after their events, once it [runs](Self::run).
    pub fn new(eraser: Eraser, age: Duration, runtime: Arc<dyn Runtime>) -> Self {
        let progress = Mutex::new(Progress { finished: runtime.moment(), failed: false });
        Self { eraser, age, runtime, progress }
    }

    /// What is wrong, if anything is.
    pub fn trouble(&self) -> Option<String> {
        let (failed, age) = self.progress();
        trouble(failed, age)
    }

    /// Erases until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        // An earlier process may have ended between an erasure and the clearing of the store's files.
        let (mut uncleared, mut wait) = (true, RETRY);
        while !stop.is_cancelled() {
            let outcome = {
                let mut round = std::pin::pin!(self.round(&mut uncleared, &stop));
                loop {
                    tokio::select! {
                        outcome = &mut round => break outcome,
                        () = self.runtime.sleep(SHOWN) => self.show(),
                    }
                }
            };
            let next = match outcome {
                Ok(orders) => {
                    if orders > 0 {
                        info!(orders, "personal data of past events erased");
                    }
                    wait = RETRY;
                    self.note(false);
                    EVERY
                }
                Err(error) => {
                    self.note(true);
                    error!(%error, retry = ?wait, "personal data of past events cannot be erased");
                    let retry = wait;
                    wait = (wait * 2).min(EVERY);
                    retry
                }
            };
            self.show();
            self.pause(next, &stop).await;
        }
    }

    /// Erases what has passed its time, then clears the store's own files. Returns how many orders.
    async fn round(&self, uncleared: &mut bool, stop: &CancellationToken) -> Result<u64, NotErased> {
        let mut erased = 0;
        loop {
            let outcome = self.eraser.retire(self.age, stop).await;
            *uncleared |= !matches!(outcome, Ok(0));
            match outcome? {
                0 => break,
                orders => erased += orders,
            }
        }
        if *uncleared {
            self.eraser.clear().await?;
            *uncleared = false;
        }
        Ok(erased)
    }

    /// Waits, and keeps the gauge up to date.
    async fn pause(&self, time: Duration, stop: &CancellationToken) {
        let end = self.runtime.moment() + time;
        loop {
            let left = end.saturating_duration_since(self.runtime.moment());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.runtime.sleep(left.min(SHOWN)) => self.show(),
            }
        }
    }

    fn note(&self, failed: bool) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.failed = failed;
        if !failed {
            progress.finished = self.runtime.moment();
        }
    }

    /// Whether the last round failed, and how long ago one ended well.
    fn progress(&self) -> (bool, Duration) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        (progress.failed, self.runtime.moment().saturating_duration_since(progress.finished))
    }

    fn show(&self) {
        metrics::gauge!("fulfillment_retention_age_seconds").set(self.progress().1.as_secs_f64());
    }
}

/// What is wrong when the last round failed, or when one ended well only so long ago.
fn trouble(failed: bool, age: Duration) -> Option<String> {
    let ago = humantime::format_duration(Duration::from_secs(age.as_secs()));
    if failed {
        return Some(format!(
            "personal data of past events could not be erased; the service started, or all was erased, {ago} ago; the \
             log says why"
        ));
    }
    (age > LATE).then(|| {
        format!("personal data of past events is late to be erased: it has been worked on for {ago}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_at_once_and_a_long_round_after_a_day() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600 + 1);
        assert_eq!(trouble(false, hours(2)), None);
        assert!(trouble(true, hours(2)).is_some_and(|why| why.contains("2h 1s ago")));
        assert!(trouble(false, hours(24)).is_some_and(|why| why.contains("late")));
    }
}
