//! Erasure of personal data: from the record first, which stops any worker that has the order, then the files.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::OrderId;
use fulfillment_store::{Actor, Cleared, Erased, Erasures, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::ports::{Files, FilesError};

/// How long after an erasure the files are removed again and again: a worker that had one in flight may have written it
/// since, or the process died before it removed them.
const LATE_WRITERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Orders or tickets per round.
const BATCH: usize = 500;

/// Why an order is not erased, or its files are not.
#[derive(Debug, thiserror::Error)]
pub enum NotErased {
    /// The record is as it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is erased; files remain.
    #[error("the record is erased and the files are not, until the next round of maintenance: {0}")]
    Files(#[from] FilesError),
    /// The record is erased; the database's own files still have its content.
    #[error("the record is erased, and the store's own files are not cleared yet: {0}")]
    Traces(#[source] StoreError),
}

/// Dependencies of the erasure.
#[derive(Clone)]
pub struct Eraser {
    /// The store.
    pub store: Arc<dyn Erasures>,
    /// The storage of ticket files.
    pub files: Arc<dyn Files>,
}

impl Eraser {
    /// Erases an order; `None` when there is none.
    pub async fn erase(&self, order: OrderId, by: &Actor) -> Result<Option<Erased>, NotErased> {
        let Some(erased) = self.store.erase(order, by).await? else { return Ok(None) };
        self.files.remove(&erased.files).await?;
        Ok(Some(erased))
    }

    /// Removes what was erased from the database's own files.
    pub async fn clear(&self) -> Result<Cleared, NotErased> {
        self.store.clear_files().await.map_err(NotErased::Traces)
    }

    /// Erases the orders that have passed their retention time, if it is set, and removes files that were written late.
    /// `uncleared`: whether the database's own files may have what was erased, until they are cleared.
    pub async fn maintain(&self, age: Option<Duration>, uncleared: &mut bool, stop: &CancellationToken) {
        if let Some(age) = age {
            match self.retire(age, uncleared, stop).await {
                Ok(0) => {}
                Ok(orders) => info!(orders, "personal data of past events erased"),
                Err(error) => warn!(%error, "cannot erase personal data of past events"),
            }
            if *uncleared {
                match self.clear().await {
                    Ok(_) => *uncleared = false,
                    Err(error) => {
                        warn!(%error, "cannot remove erased data from the store's files; tried again in an hour");
                    }
                }
            }
        }
        if let Err(error) = self.remove_late_files(stop).await {
            warn!(%error, "cannot remove files of erased tickets");
        }
    }

    async fn retire(
        &self,
        age: Duration,
        uncleared: &mut bool,
        stop: &CancellationToken,
    ) -> Result<u64, NotErased> {
        let mut erased = 0;
        loop {
            let orders = self.store.past_orders(age, BATCH).await?;
            if orders.is_empty() {
                return Ok(erased);
            }
            for order in orders {
                if stop.is_cancelled() {
                    return Ok(erased);
                }
                *uncleared = true;
                self.erase(order, &Actor::service("retention")).await?;
                erased += 1;
            }
        }
    }

    async fn remove_late_files(&self, stop: &CancellationToken) -> Result<(), NotErased> {
        let mut after = None;
        while !stop.is_cancelled() {
            let tickets = self.store.files_of_erased(LATE_WRITERS, after, BATCH).await?;
            let Some((last, _)) = tickets.last() else { break };
            after = Some(*last);
            let files: Vec<String> = tickets.into_iter().flat_map(|(_, files)| files).collect();
            self.files.remove(&files).await?;
        }
        Ok(())
    }
}
