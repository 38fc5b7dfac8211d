//! SQLite connections for the statements that both stores share.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Deref, DerefMut};

use fulfillment_domain::{OutboxEvent, Ticket};
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

use super::past_orders::PAST_ORDERS;
use super::rows::events::insert_events;
use super::rows::tickets::{insert_ticket, replace_ticket};
use super::rows::values::{Statement, bind};
use super::rows::withdrawals;
use super::{SqliteStore, clearing};
use crate::decide::freezing::{Asking, Owners, SeatOf};
use crate::decide::sql_values::{SqlValue, rfc3339};
use crate::decide::withdrawing::Received;
use crate::sql::rows::seats::take;
use crate::sql::{Batches, Db, Fragments, Sql, Transaction};
use crate::{Cleared, RefundRules, Result};

/// A transaction that writes, or a snapshot to read from.
pub(crate) type Tx = At<sqlx::Transaction<'static, Sqlite>>;

/// The rows of `@records`: an object's fields by their names; SQLite needs no types.
fn records(columns: &str) -> String {
    let names = columns.split(',').filter_map(|column| column.split_whitespace().next());
    let fields: Vec<_> = names.map(|name| format!("value ->> '{name}' AS {name}")).collect();
    format!("(SELECT {} FROM json_each($1)) AS n", fields.join(", "))
}

/// A connection, and the current time for what runs on it.
pub(crate) struct At<C> {
    pub(crate) db: C,
    pub(crate) now: Timestamp,
}

impl<C: Deref<Target = SqliteConnection>> Deref for At<C> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.db
    }
}

impl<C: DerefMut<Target = SqliteConnection>> DerefMut for At<C> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.db
    }
}

impl Tx {
    pub(super) async fn commit(self) -> Result<()> {
        Ok(self.db.commit().await?)
    }
}

impl<C> At<C> {
    /// The statement with its parameters. The time is an additional parameter.
    fn statement<'q>(&self, sql: &'static str, cells: &'q [SqlValue<'_>]) -> Result<Statement<'q>> {
        let query = if sql.contains('@') {
            let now = format!("${}", cells.len() + 1);
            let any = ("IN (SELECT value FROM json_each(", "))");
            let fragments = Fragments {
                now: &now,
                lock: "",
                any,
                amount: ("CAST(", " AS TEXT)"),
                unhex: ("unhex(", ")"),
                greatest: "max",
                strpos: "instr",
                bytewise: "COLLATE BINARY",
                records,
            };
            sqlx::query(AssertSqlSafe(fragments.write_out(sql)))
        } else {
            sqlx::query(sql)
        };
        let query = cells.iter().try_fold(query, bind)?;
        Ok(if sql.contains("@now") { query.bind(rfc3339(self.now)) } else { query })
    }
}

impl<C: DerefMut<Target = SqliteConnection> + Send> Db for At<C> {
    type Row = SqliteRow;

    const LOCKS: bool = false;

    async fn execute(&mut self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<u64> {
        Ok(self.statement(sql, cells)?.execute(&mut *self.db).await?.rows_affected())
    }

    async fn fetch_all(&mut self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<Vec<SqliteRow>> {
        Ok(self.statement(sql, cells)?.fetch_all(&mut *self.db).await?)
    }

    async fn fetch_optional(
        &mut self,
        sql: &'static str,
        cells: &[SqlValue<'_>],
    ) -> Result<Option<SqliteRow>> {
        Ok(self.statement(sql, cells)?.fetch_optional(&mut *self.db).await?)
    }

    async fn now(&mut self) -> Result<Timestamp> {
        Ok(self.now)
    }
}

impl<C: DerefMut<Target = SqliteConnection> + Send> Batches for At<C> {
    async fn insert_events(&mut self, events: &[OutboxEvent]) -> Result<()> {
        insert_events(&mut self.db, self.now, events).await
    }

    async fn take_seats(&mut self, seats: BTreeMap<SeatOf, Asking>) -> Result<Owners> {
        let mut owners = Owners::new();
        for (seat, asking) in seats {
            let owner = take(self, &seat, &asking).await?;
            owners.insert(seat, owner);
        }
        Ok(owners)
    }

    async fn insert_tickets(&mut self, tickets: &[Ticket]) -> Result<bool> {
        for ticket in tickets {
            insert_ticket(&mut self.db, ticket).await?;
        }
        Ok(true)
    }

    async fn replace_ticket(&mut self, ticket: &Ticket) -> Result<()> {
        replace_ticket(&mut self.db, ticket).await
    }

    async fn insert_withdrawals(&mut self, received: &[&Received<'_>]) -> Result<HashSet<String>> {
        withdrawals::insert(&mut self.db, self.now, received).await
    }

    async fn keep_messages(&mut self, received: &[&Received<'_>]) -> Result<()> {
        withdrawals::keep_messages(&mut self.db, received).await
    }
}

impl Transaction for Tx {
    async fn commit(self) -> Result<()> {
        Self::commit(self).await
    }
}

impl Sql for SqliteStore {
    type Connection = At<PoolConnection<Sqlite>>;
    type Transaction = Tx;

    const PAST_ORDERS: &'static str = PAST_ORDERS;

    async fn read(&self) -> Result<Self::Connection> {
        Ok(At { db: self.read.acquire().await?, now: self.now() })
    }

    async fn snapshot(&self) -> Result<Tx> {
        Ok(At { db: self.read.begin().await?, now: self.now() })
    }

    async fn begin(&self) -> Result<Tx> {
        Self::begin(self).await
    }

    async fn write(&self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<u64> {
        let mut tx = Self::begin(self).await?;
        let written = tx.execute(sql, cells).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn clear_files(&self) -> Result<Cleared> {
        clearing::clear(self).await
    }

    fn refunds(&self) -> RefundRules {
        self.refunds
    }
}
