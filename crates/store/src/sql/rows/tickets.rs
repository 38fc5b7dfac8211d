//! Reading whole tickets, and voiding them.

use std::collections::{BTreeMap, HashMap};

use fulfillment_domain::{OrderId, Ticket, TicketId};
use serde_json::json;

use crate::Result;
use crate::decide::column::Column;
use crate::decide::sql_values::{Row as _, SqlValue, clean, need};
use crate::decide::ticket::{ticket_columns, ticket_from};
use crate::decide::withdrawing::{TicketFacts, ticket_facts_columns, ticket_facts_from};
use crate::sql::Db;

/// An order's tickets, by index.
pub(crate) async fn tickets_of(db: &mut impl Db, order: OrderId) -> Result<Vec<Ticket>> {
    let sql =
        concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE order_id = $1 ORDER BY ticket_index");
    db.fetch_all(sql, &[order.into()]).await?.iter().map(ticket_from).collect()
}

/// What of the tickets of several orders determines their withdrawals, each order's by index; `which` is the list of
/// orders.
pub(crate) async fn facts_by_order(
    db: &mut impl Db,
    which: &[SqlValue<'_>],
) -> Result<HashMap<OrderId, Vec<TicketFacts>>> {
    let sql = concat!(
        "SELECT ",
        ticket_facts_columns!(),
        " FROM tickets WHERE order_id @any($1) ORDER BY ticket_index"
    );
    let mut tickets: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.fetch_all(sql, which).await? {
        tickets.entry(row.order_id()?).or_default().push(ticket_facts_from(&row)?);
    }
    Ok(tickets)
}

/// The tickets with these ids.
pub(crate) async fn tickets_with(
    db: &mut impl Db,
    ids: impl IntoIterator<Item = TicketId>,
) -> Result<HashMap<TicketId, Ticket>> {
    let ids = SqlValue::tickets(ids);
    if ids == SqlValue::Uuids(Vec::new()) {
        return Ok(HashMap::new());
    }
    let sql = concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE id @any($1)");
    let tickets = db.fetch_all(sql, &[ids]).await?;
    tickets.iter().map(|row| ticket_from(row).map(|ticket| (ticket.id, ticket))).collect()
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
/// Changes the tickets to what they are then. The doors are told by [`Deviations`](super::deviations::Deviations).
pub(crate) async fn void(
    db: &mut impl Db,
    tickets: &mut HashMap<TicketId, Ticket>,
    reasons: &BTreeMap<TicketId, &str>,
    who: &str,
) -> Result<()> {
    let rows: Vec<_> = reasons.iter().map(|(id, why)| json!({ "id": id.0, "why": clean(why) })).collect();
    let rows = serde_json::Value::from(rows).to_string();
    let sql = "UPDATE tickets SET voided_at = @now, void_reason = n.why, updated_at = @now, \
               sequence = sequence + CASE WHEN sequence > 0 THEN 1 ELSE 0 END \
               FROM @records(id uuid, why text) WHERE tickets.id = n.id \
               RETURNING tickets.id, voided_at, void_reason, updated_at, sequence";
    for row in db.fetch_all(sql, &[rows.into()]).await? {
        let id = need("id", row.ticket_id("id")?)?;
        let Some(Ticket { lifecycle, .. }) = tickets.get_mut(&id) else { continue };
        lifecycle.voided_at = Column::read(&row, "voided_at")?;
        lifecycle.void_reason = Column::read(&row, "void_reason")?;
        lifecycle.updated_at = Column::read(&row, "updated_at")?;
        lifecycle.sequence = Column::read(&row, "sequence")?;
    }
    let ids = || SqlValue::tickets(reasons.keys().copied());
    let sql = "INSERT INTO ticket_history (ticket_id, at, from_status, to_status, who, why) \
               SELECT id, @now, status, status, $2, 'voided: ' || void_reason FROM tickets WHERE id @any($1)";
    db.execute(sql, &[ids(), who.into()]).await?;
    // Whoever is named in a reason is found by it.
    let sql = "INSERT INTO index_unread (order_id, letter_id) SELECT DISTINCT order_id, 0 FROM tickets \
               WHERE id @any($1)";
    db.execute(sql, &[ids()]).await?;
    Ok(())
}
