//! Tickets, read and written in batches.

use std::collections::HashMap;

use fulfillment_domain::{OrderId, Ticket};
use serde::ser::{Error as _, Serialize, SerializeMap as _, Serializer};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::decide::sql_values::{SqlValue, rfc3339};
use crate::decide::ticket::{ticket_cells, ticket_from, written_columns};
use crate::{Result, StoreError};

/// The tickets that `sql` finds for a list of orders, by order.
pub(crate) async fn tickets_by_order(
    db: &mut PgConnection,
    sql: &'static str,
    orders: Vec<Uuid>,
) -> Result<HashMap<OrderId, Vec<Ticket>>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if orders.is_empty() {
        return Ok(found);
    }
    for row in sqlx::query(sql).bind(orders).fetch_all(db).await? {
        let ticket = ticket_from(&row)?;
        found.entry(ticket.order_id).or_default().push(ticket);
    }
    Ok(found)
}

/// Writes tickets that are [`as_stored`](crate::decide::ticket::as_stored). False when another batch wrote one of them
/// first.
pub(crate) async fn insert_tickets(db: &mut PgConnection, tickets: &[Ticket]) -> Result<bool> {
    if tickets.is_empty() {
        return Ok(true);
    }
    let sql = concat!(
        "INSERT INTO tickets (",
        written_columns!(),
        ") SELECT ",
        written_columns!(),
        " FROM json_populate_recordset(NULL::tickets, $1::text::json) ON CONFLICT DO NOTHING"
    );
    let json = tickets_json(&tickets.iter().collect::<Vec<_>>())?;
    let written = sqlx::query(sql).bind(json).execute(db).await?.rows_affected();
    Ok(written == tickets.len() as u64)
}

/// Replaces a ticket's whole row.
pub(crate) async fn replace_ticket(db: &mut PgConnection, ticket: &Ticket) -> Result<()> {
    let sql = concat!(
        "UPDATE tickets SET (",
        written_columns!(),
        ") = (SELECT ",
        written_columns!(),
        " FROM json_populate_recordset(NULL::tickets, $2::text::json)) WHERE id = $1"
    );
    sqlx::query(sql).bind(ticket.id.0).bind(tickets_json(&[ticket])?).execute(db).await?;
    Ok(())
}

/// Tickets as JSON, which `json_populate_recordset` converts to the table's own types: money stays text, bytes are
/// hexadecimal.
fn tickets_json(tickets: &[&Ticket]) -> Result<String> {
    let rows: Vec<_> = tickets.iter().map(|t| TicketRow(t)).collect();
    serde_json::to_string(&rows).map_err(|e| StoreError::Refused(e.into()))
}

struct TicketRow<'a>(&'a Ticket);

impl Serialize for TicketRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, cell) in ticket_cells(self.0) {
            match cell {
                SqlValue::Null => {}
                SqlValue::Text(text) => map.serialize_entry(name, &text)?,
                SqlValue::Int(number) => map.serialize_entry(name, &number)?,
                SqlValue::Bytes(bytes) => map.serialize_entry(name, &format!("\\x{}", hex::encode(bytes)))?,
                SqlValue::Time(at) => map.serialize_entry(name, &rfc3339(at))?,
                SqlValue::Uuid(id) => map.serialize_entry(name, &id)?,
                SqlValue::Texts(_) | SqlValue::Uuids(_) => {
                    return Err(S::Error::custom("a ticket has no lists"));
                }
            }
        }
        map.end()
    }
}
