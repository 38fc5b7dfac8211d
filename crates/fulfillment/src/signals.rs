//! The signals that stop a process: the first drains it, the second ends it.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::error::CliError;

/// The signals that stop a process. From [`Signals::listen`] on they no longer kill it by themselves: listen before
/// others can know that the service runs, or an early signal ends it without draining.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let take = |kind| signal(kind).context("signals cannot be received");
        Ok(Self { terminate: take(SignalKind::terminate())?, interrupt: take(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the first signal to stop. From then on, a second one ends the process immediately.
    pub(crate) async fn first_of_two(mut self) {
        self.next().await;
        info!("stopping; a second signal ends the process immediately");
        tokio::spawn(async move {
            self.next().await;
            warn!("second signal received; ending immediately");
            std::process::exit(130);
        });
    }
}
