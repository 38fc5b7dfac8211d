//! Erasure of personal data: from the record first, which stops any worker that has the order, then the files.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_domain::{OrderId, TicketId};
use fulfillment_store::{Actor, Cleared, Erased, Erasures, StoreError};
use futures::stream::{self, StreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::ports::{Files, FilesError};

/// How long after an erasure the files are removed again: a worker that had one in flight may have written it since.
const LATE_WRITERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// After how long a removal that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Orders or tickets per round.
const BATCH: usize = 500;

/// Tickets whose files are removed at the same time: a storage answers each request after its own delay.
const AT_ONCE: usize = 16;

/// Why an order is not erased, or its files are not.
#[derive(Debug, thiserror::Error)]
pub enum NotErased {
    /// The record is as it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is erased; files remain.
    #[error(
        "the record is erased and its files are not; the service removes them when their storage is back: {0}"
    )]
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
    /// Erases an order; `None` when there is none. From then on its files are due to be removed.
    pub async fn erase(&self, order: OrderId, by: &Actor) -> Result<Option<Erased>, NotErased> {
        Ok(self.store.erase(order, by).await?)
    }

    /// Removes the files of tickets, several at a time, and records of which tickets they were removed. An error when
    /// any were not.
    pub async fn remove(&self, tickets: Vec<(TicketId, Vec<String>)>) -> Result<(), NotErased> {
        self.try_to_remove(tickets).await?.1.map_or(Ok(()), |error| Err(error.into()))
    }

    /// How many were removed, and why others were not.
    async fn try_to_remove(
        &self,
        tickets: Vec<(TicketId, Vec<String>)>,
    ) -> Result<(usize, Option<FilesError>), NotErased> {
        let removals = tickets
            .into_iter()
            .map(|(ticket, files)| async move { (ticket, self.files.remove(&files).await) });
        let mut removals = stream::iter(removals).buffer_unordered(AT_ONCE);
        let (mut tried, mut why) = (Vec::new(), None);
        while let Some((ticket, outcome)) = removals.next().await {
            tried.push((ticket, outcome.is_ok()));
            why = outcome.err().or(why);
        }
        for tried in tried.chunks(BATCH) {
            self.store.files_tried(tried, LATE_WRITERS, RETRY).await?;
        }
        Ok((tried.iter().filter(|(_, removed)| *removed).count(), why))
    }

    /// Removes the files of erased tickets that are due, until none are or the storage takes no request.
    pub async fn remove_due(&self, stop: &CancellationToken) -> Result<(), NotErased> {
        while !stop.is_cancelled() {
            let due = self.store.files_due(BATCH).await?;
            if due.is_empty() {
                break;
            }
            if let (0, Some(error)) = self.try_to_remove(due).await? {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Removes what was erased from the database's own files.
    pub async fn clear(&self) -> Result<Cleared, NotErased> {
        self.store.clear_files().await.map_err(NotErased::Traces)
    }

    /// Erases orders whose event was over longer ago than `age`. Returns how many; 0 when none are left.
    pub(crate) async fn retire(&self, age: Duration, stop: &CancellationToken) -> Result<u64, NotErased> {
        let mut erased = 0;
        for order in self.store.past_orders(age, BATCH).await? {
            if stop.is_cancelled() {
                break;
            }
            self.erase(order, &Actor::service("retention")).await?;
            erased += 1;
        }
        Ok(erased)
    }
}
