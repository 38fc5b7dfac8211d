//! Reading and writing whole tickets.

use std::collections::HashMap;

use fulfillment_domain::{OrderId, Ticket};
use sqlx::SqliteConnection;

use super::values::{bind, list};
use crate::Result;
use crate::decide::ticket::{assigned_columns, ticket_cells, ticket_from, value_marks, written_columns};

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

/// Writes a new ticket.
pub(crate) async fn insert_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let sql = concat!("INSERT INTO tickets (", written_columns!(), ") VALUES (", value_marks!(), ")");
    let cells = ticket_cells(ticket);
    let query = cells.iter().try_fold(sqlx::query(sql), |query, (_, cell)| bind(query, cell))?;
    query.execute(db).await?;
    Ok(())
}

/// Replaces a ticket's whole row.
pub(crate) async fn replace_ticket(db: &mut SqliteConnection, ticket: &Ticket) -> Result<()> {
    let sql = concat!("UPDATE tickets SET ", assigned_columns!(), " WHERE id = ?");
    let cells = ticket_cells(ticket);
    let query = cells.iter().try_fold(sqlx::query(sql), |query, (_, cell)| bind(query, cell))?;
    query.bind(ticket.id.to_string()).execute(db).await?;
    Ok(())
}
