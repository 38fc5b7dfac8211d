//! Notifications between tasks of this process that there is work.

use tokio::sync::{Notify, watch};

/// Wakes idle stages of this process when there is work; other processes find it by polling.
#[derive(Debug, Default)]
pub struct Wake {
    /// An order is due.
    pub orders: Notify,
    /// An event is due: every relay polls, each for its own destination.
    pub events: watch::Sender<()>,
}
