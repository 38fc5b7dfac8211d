//! The check at the end of a scene: no work is left behind.
//!
//! A test that does not wait until its work is done checks less than it seems to, and a fault that loses work would not
//! be noticed. So a scene that is dropped counts what is left by the rules of [`Record`], and panics if there is
//! anything.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::record::Record;
use crate::wait;

/// How long the database may take to answer.
const LIMIT: Duration = Duration::from_secs(20);

/// The part of a scene that is dropped first, after the service of its test.
pub(crate) struct Ending {
    /// The scene's record.
    pub(crate) record: Record,
    leaves: OnceLock<&'static str>,
    failed: AtomicBool,
}

impl Ending {
    pub(crate) fn new(record: Record) -> Self {
        Self { record, leaves: OnceLock::new(), failed: AtomicBool::new(false) }
    }

    pub(crate) fn leaves(&self, why: &'static str) {
        self.leaves.get_or_init(|| why);
    }

    /// Records that the test already fails with its own error.
    pub(crate) fn failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let failing = std::thread::panicking() || self.failed.load(Ordering::Relaxed) || wait::gave_up();
        if failing || self.leaves.get().is_some() {
            return;
        }
        // A separate thread, because this one drives the test's runtime and must not block.
        let left = std::thread::scope(|scope| scope.spawn(|| look(&self.record)).join());
        let left = left.unwrap_or_else(|_| Err(anyhow::anyhow!("the look at the record panicked")));
        let problem = match left {
            Ok(left) if left.is_empty() => return,
            Ok(left) => left.join(", "),
            Err(error) => format!("the record cannot be looked at: {error:#}"),
        };
        // A panic here hides the error that a test may have returned.
        #[expect(clippy::panic, reason = "this is how a test fails")]
        {
            panic!(
                "the test has ended, or returned an error, with work left behind: {problem}. Wait for it \
                 (Scene::settled), or say why it is left (Scene::leaves)"
            );
        }
    }
}

fn look(record: &Record) -> Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // A separate connection: one of the test's runtime would wait for that runtime.
        let left = async { record.apart().left().await };
        tokio::time::timeout(LIMIT, left).await.context("no answer in time")?
    })
}
