//! The store's epoch: positions and versions of one epoch are one course of events.
//!
//! A store that was restored from a backup assigns positions and versions again that readers already know with another
//! content. A new epoch distinguishes them: a higher epoch is always newer, whatever the versions.

use async_trait::async_trait;

use crate::{Actor, Result};

/// The store's epoch.
#[async_trait]
pub trait StoreEpoch: Send + Sync {
    /// The epoch, from 1.
    async fn epoch(&self) -> Result<u64>;

    /// Begins a new epoch, and returns it. It is the time in seconds since 1970, or the next number where that is not
    /// higher: a backup that is restored twice does not get the same epoch twice.
    async fn new_epoch(&self, by: &Actor) -> Result<u64>;
}
