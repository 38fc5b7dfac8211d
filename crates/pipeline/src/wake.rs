//! How a part of this process tells another that there is work.

use tokio::sync::{Notify, watch};

/// Tells idle stages of this process that there is work; other processes find it by looking.
#[derive(Debug, Default)]
pub struct Wake {
    /// An order is due.
    pub orders: Notify,
    /// An event is due: every relay looks, each for its own destination.
    pub events: watch::Sender<()>,
}
