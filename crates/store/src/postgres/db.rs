//! PostgreSQL connections for the statements that both stores share.

use std::collections::{BTreeMap, HashSet};

use fulfillment_domain::{OutboxEvent, Ticket};
use jiff::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Encode, Postgres, Type};

use super::past_orders::PAST_ORDERS;
use super::rows::events::insert_events;
use super::rows::seats::take_seats;
use super::rows::tickets::{insert_tickets, replace_ticket};
use super::rows::values::At;
use super::rows::withdrawals;
use super::{PgStore, Tx};
use crate::decide::freezing::{Asking, Owners, SeatOf};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::decide::withdrawing::Received;
use crate::sql::{Batches, Db, Fragments, Sql, Transaction};
use crate::{RefundRules, Result};

const FRAGMENTS: Fragments<'static> = Fragments {
    now: "clock_timestamp()",
    lock: "FOR NO KEY UPDATE",
    any: ("= ANY(", ")"),
    amount: ("CAST(CAST(", " AS TEXT) AS NUMERIC)"),
    unhex: ("decode(", ", 'hex')"),
    greatest: "greatest",
    strpos: "strpos",
    bytewise: "COLLATE \"C\"",
    records: |columns| format!("json_to_recordset(CAST($1 AS json)) AS n({columns})"),
};

/// NULL, with the type of its place in the statement.
struct Nothing;

impl Type<Postgres> for Nothing {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(705))
    }
}

impl Encode<'_, Postgres> for Nothing {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The statement with its parameters.
fn statement<'q>(sql: &'static str, cells: &'q [SqlValue<'_>]) -> Statement<'q> {
    let query = if sql.contains('@') {
        sqlx::query(AssertSqlSafe(FRAGMENTS.write_out(sql)))
    } else {
        sqlx::query(sql)
    };
    cells.iter().fold(query, |query, cell| match cell {
        SqlValue::Null => query.bind(Nothing),
        SqlValue::Text(text) => query.bind(text.as_ref()),
        SqlValue::Int(number) => query.bind(number),
        SqlValue::Bytes(bytes) => query.bind(bytes),
        SqlValue::Time(at) => query.bind(At(*at)),
        SqlValue::Uuid(id) => query.bind(id),
        SqlValue::Texts(texts) => query.bind(texts),
        SqlValue::Uuids(ids) => query.bind(ids),
    })
}

macro_rules! db {
    ($($connection:ty)*) => {
        $(impl Db for $connection {
            type Row = PgRow;

            const LOCKS: bool = true;

            async fn execute(&mut self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<u64> {
                Ok(statement(sql, cells).execute(&mut **self).await?.rows_affected())
            }

            async fn fetch_all(&mut self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<Vec<PgRow>> {
                Ok(statement(sql, cells).fetch_all(&mut **self).await?)
            }

            async fn fetch_optional(&mut self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<Option<PgRow>> {
                Ok(statement(sql, cells).fetch_optional(&mut **self).await?)
            }

            async fn now(&mut self) -> Result<Timestamp> {
                need("now", self.fetch_one("SELECT @now AS now", &[]).await?.time("now")?)
            }
        })*
    };
}
db!(sqlx::Transaction<'_, Postgres> PoolConnection<Postgres>);

impl Batches for sqlx::Transaction<'_, Postgres> {
    async fn insert_events(&mut self, events: &[OutboxEvent]) -> Result<()> {
        insert_events(self, &events.iter().collect::<Vec<_>>()).await
    }

    async fn take_seats(&mut self, seats: BTreeMap<SeatOf, Asking>) -> Result<Owners> {
        take_seats(self, seats).await
    }

    async fn insert_tickets(&mut self, tickets: &[Ticket]) -> Result<bool> {
        insert_tickets(self, tickets).await
    }

    async fn replace_ticket(&mut self, ticket: &Ticket) -> Result<()> {
        replace_ticket(self, ticket).await
    }

    async fn insert_withdrawals(&mut self, received: &[&Received<'_>]) -> Result<HashSet<String>> {
        withdrawals::insert(self, received).await
    }

    async fn keep_messages(&mut self, received: &[&Received<'_>]) -> Result<()> {
        withdrawals::keep_messages(self, received).await
    }
}

impl Transaction for Tx {
    async fn commit(self) -> Result<()> {
        Ok(Self::commit(self).await?)
    }

    async fn without_limit(&mut self) -> Result<()> {
        self.execute("SET LOCAL statement_timeout = 0", &[]).await?;
        Ok(())
    }
}

impl Sql for PgStore {
    type Connection = PoolConnection<Postgres>;
    type Transaction = Tx;

    const PAST_ORDERS: &'static str = PAST_ORDERS;

    async fn read(&self) -> Result<Self::Connection> {
        Ok(self.pool.acquire().await?)
    }

    async fn snapshot(&self) -> Result<Tx> {
        let mut tx = Self::begin(self).await?;
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]).await?;
        Ok(tx)
    }

    async fn begin(&self) -> Result<Tx> {
        Self::begin(self).await
    }

    async fn begin_numbering(&self) -> Result<Tx> {
        let mut tx = Self::begin(self).await?;
        let sql =
            "SELECT pg_advisory_xact_lock(hashtextextended('fulfillment numbers ' || current_schema(), 0))";
        tx.exists(sql, &[]).await?;
        Ok(tx)
    }

    async fn write(&self, sql: &'static str, cells: &[SqlValue<'_>]) -> Result<u64> {
        self.read().await?.execute(sql, cells).await
    }

    fn refunds(&self) -> RefundRules {
        self.refunds
    }
}
