//! Tickets, read and written whole.

use std::collections::HashMap;

use fulfillment_domain::{OrderId, Ticket, TicketId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::values::list;
use crate::Result;
use crate::shared::cells::Cell;
use crate::shared::ticket::{
    assigned_columns, ticket_cells, ticket_columns, ticket_from, value_marks, written_columns,
};

/// An order's tickets, by index.
pub(crate) async fn tickets_of(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<Ticket>> {
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = ?1 ORDER BY ticket_index");
    let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(db).await?;
    rows.iter().map(ticket_from).collect()
}

/// The tickets that `sql` finds for a list of orders, by order.
pub(crate) async fn tickets_by_order(
    db: &mut SqliteConnection,
    sql: &'static str,
    orders: impl Iterator<Item = OrderId>,
) -> Result<HashMap<OrderId, Vec<Ticket>>> {
    let orders: Vec<_> = orders.collect();
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if orders.is_empty() {
        return Ok(found);
    }
    for row in sqlx::query(sql).bind(list(orders)?).fetch_all(db).await? {
        let ticket = ticket_from(&row)?;
        found.entry(ticket.order_id).or_default().push(ticket);
    }
    Ok(found)
}

/// A ticket by its id.
pub(crate) async fn ticket(db: &mut SqliteConnection, id: TicketId) -> Result<Option<Ticket>> {
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = ?1");
    let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(db).await?;
    row.as_ref().map(ticket_from).transpose()
}

/// Writes a new ticket.
pub(crate) async fn insert_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let sql = concat!("INSERT INTO tickets (", written_columns!(), ") VALUES (", value_marks!(), ")");
    let mut query = sqlx::query(sql);
    for (_, cell) in ticket_cells(ticket) {
        query = bind(query, cell);
    }
    query.execute(db).await?;
    Ok(())
}

/// Writes a ticket's row anew, whole.
pub(crate) async fn replace_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let sql = concat!("UPDATE tickets SET ", assigned_columns!(), " WHERE id = ?");
    let mut query = sqlx::query(sql);
    for (_, cell) in ticket_cells(ticket) {
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
