//! The statements that both stores share, written once.
//!
//! A statement has `$1` parameters, and [fragments](fragments) where the databases differ. The busy tables (the inbox,
//! the outbox, the queue of orders) are in each store's own folder: there PostgreSQL works on whole batches.

mod admissions;
mod attention;
mod audit;
mod check_ins;
mod dead_letters;
mod destinations;
mod door_devices;
mod door_feeds;
mod epoch;
mod erasures;
mod event_cancellations;
pub(crate) mod event_changes;
mod events;
mod fragments;
mod import;
pub(crate) mod installation;
mod key_reissues;
mod lists;
mod overview;
mod people;
pub(crate) mod recording;
mod records;
mod refreshes;
mod reissues;
pub(crate) mod rows;
pub(crate) mod settling;
mod signing_keys;
mod templates;
mod tokens;
mod withdrawals;

use std::collections::{BTreeMap, HashSet};

use fulfillment_domain::{OutboxEvent, Ticket};
use jiff::Timestamp;

#[cfg(feature = "conformance")]
pub(crate) use self::admissions::DELTA as ADMISSIONS;
#[cfg(feature = "conformance")]
pub(crate) use self::door_feeds::NUMBERS;
#[cfg(feature = "conformance")]
pub(crate) use self::erasures::FILES_DUE;
pub(crate) use self::fragments::Fragments;
#[cfg(feature = "conformance")]
pub(crate) use self::lists::WORDS as SEARCH_WORDS;
#[cfg(feature = "conformance")]
pub(crate) use self::overview::{DELIVERIES, EVENTS, OPEN, UNFINISHED};
#[cfg(feature = "conformance")]
pub(crate) use self::people::ALIKE as PEOPLE_ALIKE;
use crate::decide::freezing::{Asking, Owners, SeatOf};
use crate::decide::sql_values::{Row, SqlValue};
use crate::decide::withdrawing::Received;
use crate::error::unavailable;
use crate::{Cleared, RefundRules, Result, StoreError};

/// A connection to a database, in a transaction or not.
pub(crate) trait Db: Send {
    /// One row of a result.
    type Row: Row + Send + Sync;

    /// Whether rows are locked one by one. Where there is one writer, nothing has to be locked.
    const LOCKS: bool;

    /// Runs a statement, and returns how many rows it wrote.
    fn execute(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> impl Future<Output = Result<u64>> + Send;

    /// All rows of a result.
    fn fetch_all(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;

    /// The only row of a result, or none.
    fn fetch_optional(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> impl Future<Output = Result<Option<Self::Row>>> + Send;

    /// The only row of a result.
    fn fetch_one(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> impl Future<Output = Result<Self::Row>> + Send {
        async move {
            let row = self.fetch_optional(sql, cells).await?;
            row.ok_or_else(|| sqlx::Error::RowNotFound.into())
        }
    }

    /// Whether the result has a row.
    fn exists(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.fetch_optional(sql, cells).await?.is_some()) }
    }

    /// The time of the clock that `@now` uses.
    fn now(&mut self) -> impl Future<Output = Result<Timestamp>> + Send;
}

/// Operations that each database implements itself; PostgreSQL needs one statement for all rows.
pub(crate) trait Batches: Db {
    /// Writes events, in this order, and their deliveries; an existing event is left unchanged.
    fn insert_events(&mut self, events: &[OutboxEvent]) -> impl Future<Output = Result<()>> + Send;

    /// Takes the free seats, and returns the owners of all requested ones.
    fn take_seats(&mut self, seats: BTreeMap<SeatOf, Asking>) -> impl Future<Output = Result<Owners>> + Send;

    /// Writes tickets that are [`as_stored`](crate::decide::ticket::as_stored). False when another transaction wrote
    /// one of them first.
    fn insert_tickets(&mut self, tickets: &[Ticket]) -> impl Future<Output = Result<bool>> + Send;

    /// Replaces a ticket's whole row.
    fn replace_ticket(&mut self, ticket: &Ticket) -> impl Future<Output = Result<()>> + Send;

    /// Writes refunds and cancellations, sorted by key, and returns the keys that are new; the others are left
    /// unchanged.
    fn insert_withdrawals(
        &mut self,
        received: &[&Received<'_>],
    ) -> impl Future<Output = Result<HashSet<String>>> + Send;

    /// Keeps the raw messages of refunds and cancellations.
    fn keep_messages(&mut self, received: &[&Received<'_>]) -> impl Future<Output = Result<()>> + Send;
}

/// A [`Db`] whose writes are committed together, or not at all.
pub(crate) trait Transaction: Batches {
    /// Commits the writes. If it is dropped instead, the transaction changes nothing.
    fn commit(self) -> impl Future<Output = Result<()>> + Send;

    /// Removes the time limit of its statements: an operator's command may read whole tables.
    fn without_limit(&mut self) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A store that these statements run on.
pub(crate) trait Sql: Send + Sync {
    /// The connection for single statements.
    type Connection: Db;
    /// The transaction for several.
    type Transaction: Transaction;

    /// Orders whose dated events were all over before `$1`, or before `$2` where the hours are unknown; at most `$3`.
    const PAST_ORDERS: &'static str;

    /// A connection for one query.
    fn read(&self) -> impl Future<Output = Result<Self::Connection>> + Send;

    /// A transaction for several queries about one moment.
    fn snapshot(&self) -> impl Future<Output = Result<Self::Transaction>> + Send;

    /// A transaction that writes.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction>> + Send;

    /// A transaction that assigns numbers: two concurrent ones would assign the same.
    fn begin_numbering(&self) -> impl Future<Output = Result<Self::Transaction>> + Send {
        self.begin()
    }

    /// Writes with a single statement.
    fn write(&self, sql: &'static str, cells: &[SqlValue<'_>]) -> impl Future<Output = Result<u64>> + Send;

    /// Removes what was erased from the database's own files, where it has files of its own.
    fn clear_files(&self) -> impl Future<Output = Result<Cleared>> + Send {
        std::future::ready(Ok(Cleared { needs_vacuum: false }))
    }

    /// The seller's rules for refunds.
    fn refunds(&self) -> RefundRules;
}

/// How often a transaction is restarted after a collision with a concurrent one.
pub(crate) const COLLISIONS: usize = 8;

/// The error for a transaction that collided on the same keys again and again.
pub(crate) fn collided() -> StoreError {
    unavailable("other transactions with the same keys got in between each time")
}
