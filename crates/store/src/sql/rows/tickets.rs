//! Reading whole tickets, and voiding them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fulfillment_domain::{OrderId, Ticket, TicketId};
use serde_json::json;

use crate::Result;
use crate::decide::sql_values::{SqlValue, clean};
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::sql::Db;

/// An order's tickets, by index.
pub(crate) async fn tickets_of(db: &mut impl Db, order: OrderId) -> Result<Vec<Ticket>> {
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = $1 ORDER BY ticket_index");
    db.fetch_all(sql, &[order.into()]).await?.iter().map(ticket_from).collect()
}

/// The tickets of several orders, each order's by index.
pub(crate) async fn tickets_by_order(
    db: &mut impl Db,
    orders: &BTreeSet<OrderId>,
) -> Result<HashMap<OrderId, Vec<Ticket>>> {
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id @any($1) ORDER BY ticket_index");
    let mut tickets: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.fetch_all(sql, &[SqlValue::orders(orders.iter().copied())]).await? {
        let ticket = ticket_from(&row)?;
        tickets.entry(ticket.order_id).or_default().push(ticket);
    }
    Ok(tickets)
}

/// A part of an order's tickets, by index.
pub(crate) async fn tickets_after(
    db: &mut impl Db,
    order: OrderId,
    after: u32,
    limit: u32,
) -> Result<Vec<Ticket>> {
    let sql = concat!(
        "SELECT ",
        ticket_columns!(),
        " FROM tickets WHERE order_id = $1 AND ticket_index > $2 ORDER BY ticket_index LIMIT $3"
    );
    let rows = db.fetch_all(sql, &[order.into(), after.into(), limit.into()]).await?;
    rows.iter().map(ticket_from).collect()
}

/// A ticket under its lock.
pub(crate) async fn locked(db: &mut impl Db, id: TicketId) -> Result<Option<Ticket>> {
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id = $1 @lock");
    db.fetch_optional(sql, &[id.into()]).await?.as_ref().map(ticket_from).transpose()
}

/// Voids live tickets, each for its reason; one that was announced counts its `ticket-voided`. The rows are locked.
/// Returns the tickets as they are then.
pub(crate) async fn void(
    db: &mut impl Db,
    reasons: &BTreeMap<TicketId, &str>,
    who: &str,
) -> Result<Vec<Ticket>> {
    let rows: Vec<_> = reasons.iter().map(|(id, why)| json!({ "id": id.0, "why": clean(why) })).collect();
    let rows = serde_json::Value::from(rows).to_string();
    let sql = "UPDATE tickets SET voided_at = @now, void_reason = n.why, updated_at = @now, \
               sequence = sequence + CASE WHEN sequence > 0 THEN 1 ELSE 0 END \
               FROM @records(id uuid, why text) WHERE tickets.id = n.id";
    db.execute(sql, &[rows.into()]).await?;
    let ids = || SqlValue::tickets(reasons.keys().copied());
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, @now, status, status, $2, 'voided: ' || void_reason FROM tickets WHERE id @any($1)";
    db.execute(sql, &[ids(), who.into()]).await?;
    // Whoever is named in a reason is found by it.
    let sql = "INSERT INTO people_unread (order_id, letter_id) SELECT DISTINCT order_id, 0 FROM tickets \
               WHERE id @any($1)";
    db.execute(sql, &[ids()]).await?;
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id @any($1)");
    db.fetch_all(sql, &[ids()]).await?.iter().map(ticket_from).collect()
}
