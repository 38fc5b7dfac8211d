//! The records of candidates.

use std::collections::{HashMap, HashSet};

use fulfillment_domain::OrderId;

use super::super::Db;
use super::candidates::Candidate;
use crate::Result;
use crate::decide::listing::record::{
    OrderFacts, listed_order_columns, listed_ticket_columns, order_from, ticket_from,
};
use crate::decide::sql_values::SqlValue;

/// Adds the orders of these candidates, with all their tickets, or those that are candidates `alone`. Returns how many
/// tickets were read.
pub(super) async fn read(
    db: &mut impl Db,
    candidates: &[Candidate],
    alone: bool,
    orders: &mut HashMap<OrderId, OrderFacts>,
) -> Result<usize> {
    let ids: HashSet<_> =
        candidates.iter().map(|candidate| candidate.order_id).filter(|id| !orders.contains_key(id)).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let sql = concat!(
        "SELECT ",
        listed_order_columns!(),
        " FROM orders o LEFT JOIN search_orders s ON s.order_id = o.order_id WHERE o.order_id @any($1)"
    );
    let ids = [SqlValue::orders(ids)];
    for row in db.fetch_all(sql, &ids).await? {
        let order = order_from(&row)?;
        orders.insert(order.order_id, order);
    }
    let rows = if alone {
        let sql = concat!("SELECT ", listed_ticket_columns!(), " FROM tickets WHERE id @any($1)");
        db.fetch_all(sql, &[SqlValue::tickets(candidates.iter().filter_map(|candidate| candidate.ticket))])
            .await?
    } else {
        let sql = concat!("SELECT ", listed_ticket_columns!(), " FROM tickets WHERE order_id @any($1)");
        db.fetch_all(sql, &ids).await?
    };
    let mut changed = HashSet::new();
    for row in &rows {
        let ticket = ticket_from(row)?;
        if let Some(order) = orders.get_mut(&ticket.order_id) {
            changed.insert(ticket.order_id);
            order.tickets.push(ticket);
        }
    }
    for id in changed {
        if let Some(order) = orders.get_mut(&id) {
            order.tickets.sort_by_key(|ticket| ticket.index);
        }
    }
    Ok(rows.len())
}
