//! What both stores do in the same statements, written once.
//!
//! A statement has `$1` parameters, and [fragments](fragments) where the databases differ. What is busy (the inbox, the
//! outbox, the queue of orders) is in each store's own folder: there PostgreSQL works on whole batches.

mod adoption;
mod attention;
mod erasures;
mod fragments;
pub(crate) mod installation;
mod letters;
pub(crate) mod recording;
mod records;
mod refreshes;
mod reissues;
pub(crate) mod rows;
pub(crate) mod settling;
mod templates;
mod withdrawals;

use std::collections::BTreeMap;

use fulfillment_domain::{OutboxEvent, Ticket};
use jiff::Timestamp;

pub(crate) use self::fragments::Fragments;
use crate::error::unavailable;
use crate::shared::cells::{Cell, Row};
use crate::shared::freezing::{Asking, Owners, SeatOf};
use crate::{RefundRules, Result, StoreError};

/// A connection to a database, in a transaction or not.
pub(crate) trait Db: Send {
    /// One row of an answer.
    type Row: Row + Send + Sync;

    /// Runs a statement, and answers how many rows it wrote.
    fn execute(&mut self, sql: &'static str, cells: &[Cell<'_>]) -> impl Future<Output = Result<u64>> + Send;

    /// All rows that a statement answers with.
    fn fetch_all(
        &mut self,
        sql: &'static str,
        cells: &[Cell<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;

    /// The only row of its answer, or none.
    fn fetch_optional(
        &mut self,
        sql: &'static str,
        cells: &[Cell<'_>],
    ) -> impl Future<Output = Result<Option<Self::Row>>> + Send;

    /// The only row of its answer.
    fn fetch_one(
        &mut self,
        sql: &'static str,
        cells: &[Cell<'_>],
    ) -> impl Future<Output = Result<Self::Row>> + Send {
        async move {
            let row = self.fetch_optional(sql, cells).await?;
            row.ok_or_else(|| sqlx::Error::RowNotFound.into())
        }
    }

    /// Whether it answers with a row.
    fn exists(&mut self, sql: &'static str, cells: &[Cell<'_>]) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.fetch_optional(sql, cells).await?.is_some()) }
    }

    /// The time by the clock that `@now` is by.
    fn now(&mut self) -> impl Future<Output = Result<Timestamp>> + Send;
}

/// What each database does in its own way, PostgreSQL in one statement for all.
pub(crate) trait Batches: Db {
    /// Writes events, in this order, and their deliveries; one that is there already is left alone.
    fn insert_events(&mut self, events: &[OutboxEvent]) -> impl Future<Output = Result<()>> + Send;

    /// Takes the seats that are free, and answers with the owners of all that were asked for.
    fn take_seats(&mut self, seats: BTreeMap<SeatOf, Asking>) -> impl Future<Output = Result<Owners>> + Send;

    /// Writes tickets that are [`as_stored`](crate::shared::ticket::as_stored). False when another transaction was
    /// quicker with one of them.
    fn insert_tickets(&mut self, tickets: &[Ticket]) -> impl Future<Output = Result<bool>> + Send;

    /// Writes a ticket's row anew, whole.
    fn replace_ticket(&mut self, ticket: &Ticket) -> impl Future<Output = Result<()>> + Send;
}

/// A [`Db`] whose writes are kept together, or not at all.
pub(crate) trait Transaction: Batches {
    /// Keeps what was written. Dropped instead, the transaction changes nothing.
    fn commit(self) -> impl Future<Output = Result<()>> + Send;

    /// Lets its statements take their time: they read whole tables, on an operator's word.
    fn without_limit(&mut self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A store that these statements run on.
pub(crate) trait Sql: Send + Sync {
    /// What single statements are asked on.
    type Connection: Db;
    /// What several run in.
    type Transaction: Transaction;

    /// Orders all of whose events are past, as far as they have dates: since `$1`, or `$2` where the hours are not known;
    /// at most `$3`.
    const PAST_ORDERS: &'static str;

    /// To ask one thing.
    fn read(&self) -> impl Future<Output = Result<Self::Connection>> + Send;

    /// To ask several things about one moment.
    fn snapshot(&self) -> impl Future<Output = Result<Self::Transaction>> + Send;

    /// To write.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction>> + Send;

    /// To give numbers: two at once would take the same.
    fn begin_numbering(&self) -> impl Future<Output = Result<Self::Transaction>> + Send {
        self.begin()
    }

    /// Writes by one statement alone.
    fn write(&self, sql: &'static str, cells: &[Cell<'_>]) -> impl Future<Output = Result<u64>> + Send;

    /// Sees to it that what was erased just now is not left beside the tables.
    fn forget_erased(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// What the seller's refunds are like.
    fn refunds(&self) -> RefundRules;
}

/// How often a transaction begins anew that collided with another at the same moment.
pub(crate) const COLLISIONS: usize = 8;

/// A transaction that met another one on the same keys, again and again.
pub(crate) fn collided() -> StoreError {
    unavailable("other transactions with the same keys got in between each time")
}
