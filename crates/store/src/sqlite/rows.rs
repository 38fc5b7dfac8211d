//! Rows of SQLite, and values bound to its statements.

use fulfillment_domain::{Ticket, TicketId};
use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::Result;
use crate::shared::cells::{Cell, Row, odd, rfc3339};
use crate::shared::ticket::ticket_cells;

impl Row for SqliteRow {
    fn text(&self, column: &'static str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn int(&self, column: &'static str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        Ok(self.try_get(column)?)
    }

    fn time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        let text: Option<&str> = self.try_get(column)?;
        text.map(|t| t.parse().map_err(|e| odd(column, e))).transpose()
    }

    fn uuid(&self, column: &'static str) -> Result<Option<Uuid>> {
        let text: Option<&str> = self.try_get(column)?;
        text.map(|t| Uuid::try_parse(t).map_err(|e| odd(column, e))).transpose()
    }
}

/// A list as the JSON that `json_each` takes apart.
pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Result<String> {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    serde_json::to_string(&items).map_err(|e| crate::StoreError::Refused(e.into()))
}

/// Writes a new ticket.
pub(super) async fn insert_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let cells = ticket_cells(ticket);
    let columns = cells.each_ref().map(|(name, _)| *name).join(", ");
    let marks = ["?"; 61].join(", ");
    let sql = format!("INSERT INTO tickets ({columns}) VALUES ({marks})");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (_, cell) in cells {
        query = bind(query, cell);
    }
    query.execute(db).await?;
    Ok(())
}

/// Writes a ticket's row anew, whole.
pub(super) async fn replace_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let cells = ticket_cells(ticket);
    let columns = cells.each_ref().map(|(name, _)| format!("{name} = ?")).join(", ");
    let sql = format!("UPDATE tickets SET {columns} WHERE id = ?");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (_, cell) in cells {
        query = bind(query, cell);
    }
    query.bind(ticket.id.to_string()).execute(db).await?;
    Ok(())
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, cell: Cell<'q>) -> Query<'q, Sqlite, SqliteArguments> {
    match cell {
        Cell::Null => query.bind(None::<&str>),
        Cell::Text(text) => query.bind(text.into_owned()),
        Cell::Int(number) => query.bind(number),
        Cell::Bytes(bytes) => query.bind(bytes),
    }
}

/// A row of the ticket's history.
pub(super) struct Transition<'a> {
    pub(super) ticket: TicketId,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) who: &'a str,
    pub(super) why: Option<&'a str>,
}

/// Notes a transition.
pub(super) async fn note(db: &mut SqliteConnection, now: Timestamp, step: Transition<'_>) -> Result<()> {
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlx::query(sql)
        .bind(step.ticket.to_string())
        .bind(rfc3339(now))
        .bind(step.from)
        .bind(step.to)
        .bind(step.who)
        .bind(step.why)
        .execute(db)
        .await?;
    Ok(())
}
