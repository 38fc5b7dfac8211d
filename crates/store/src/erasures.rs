//! Removing personal data.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Result};

/// What was removed from an order, without personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// The order.
    pub order_id: OrderId,
    /// When it was first erased.
    pub erased_at: Timestamp,
    /// Its tickets, by index.
    pub tickets: Vec<TicketId>,
    /// Every name that a file of each ticket can have, of any generation. The caller removes the files.
    #[serde(skip)]
    pub files: Vec<(TicketId, Vec<String>)>,
    /// Raw messages emptied by this call.
    pub messages: u64,
    /// Dead letters emptied by this call.
    pub letters: u64,
    /// Events rewritten by this call.
    pub events: u64,
}

/// What the database's own files contain after [`Erasures::clear_files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// Whether content may remain that only a vacuum removes.
    pub needs_vacuum: bool,
}

/// An erasure by address that has begun and is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BegunErasure {
    /// The orders in which the address occurred, in any attempt.
    pub orders: Vec<OrderId>,
    /// Dead letters without an order that were emptied, in any attempt.
    pub letters: u64,
}

/// Removing personal data. The removal is permanent: messages of an erased order that arrive later are counted and kept
/// without their content, and no worker processes them.
#[async_trait]
pub trait Erasures: Send + Sync {
    /// Records that an erasure by address has begun, so that a repeat finds its orders although the address occurs in
    /// none of them any more. `whom` is a keyed hash of the address. Returns what is recorded of all attempts; `None`
    /// when there are no orders and no earlier attempt.
    async fn begin_erasure(&self, whom: &[u8; 16], orders: &[OrderId]) -> Result<Option<BegunErasure>>;

    /// Deletes the record of an erasure: it is finished.
    async fn end_erasure(&self, whom: &[u8; 16]) -> Result<()>;

    /// Removes an order's personal data, in one transaction: names, addresses and customer ids, Ordering's answers, raw
    /// messages and dead letters that contain it, earlier generations' rows, free text, and personal data in events;
    /// undelivered events about a ticket are not sent any more. The fence is raised. Kept are: ids, amounts, event,
    /// seat, category, the codes and whether they are void.
    ///
    /// An order that is not wholly issued becomes void: the data for its missing tickets is gone. `None` when there is
    /// no such order. A repeat returns the same, and removes what has arrived since.
    async fn erase(&self, order: OrderId, by: &Actor) -> Result<Option<Erased>>;

    /// Empties dead letters. Returns how many, with those of an earlier attempt that is not finished.
    async fn erase_letters(&self, whom: &[u8; 16], letters: &[i64], by: &Actor) -> Result<u64>;

    /// Removes from the database's own files what was erased from its tables: old pages, the write-ahead log, the
    /// unused part of pages. An erasure is finished only after this.
    ///
    /// # Errors
    /// [`crate::StoreError::Unavailable`] when other connections keep the write-ahead log in use for half a minute.
    async fn clear_files(&self) -> Result<Cleared>;

    /// Orders not erased whose event ended, or began if its end is unknown, longer ago than `age`; up to `limit`, the earliest first.
    async fn past_orders(&self, age: Duration, limit: usize) -> Result<Vec<OrderId>>;

    /// Up to `limit` erased tickets whose files are to be removed now, each with every name that a file of it can have:
    /// for the first time, or again because a worker that had one in flight may have written it since.
    async fn files_due(&self, limit: usize) -> Result<Vec<(TicketId, Vec<String>)>>;

    /// Records for each of these tickets whether its files were removed. Removed ones are due again, ever later, until
    /// the ticket was erased longer than `late` ago; the others are due again after `retry`, however long it takes.
    async fn files_tried(&self, tried: &[(TicketId, bool)], late: Duration, retry: Duration) -> Result<()>;
}
