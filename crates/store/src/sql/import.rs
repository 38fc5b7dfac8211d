//! Importing orders from an earlier service.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use fulfillment_domain::{Flag, Ticket, TicketId};

use super::rows::audit::audit_orders;
use super::rows::history::note;
use super::{Batches, Sql, Transaction as _};
use crate::decide::freezing::asks;
use crate::decide::importing::{IMPORTED, WHO, WHY};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::decide::ticket::as_stored;
use crate::{Action, Actor, Import, ImportOutcome, ImportedOrder, Result, StoreError};

#[async_trait]
impl<S: Sql> Import for S {
    async fn import(&self, orders: &[ImportedOrder], by: &Actor) -> Result<Vec<ImportOutcome>> {
        let mut tx = self.begin().await?;
        // The rows of all orders first, by id, then all seats, then all tickets: see `rows::locks`.
        let mut by_id: Vec<_> = orders.iter().enumerate().collect();
        by_id.sort_by_key(|(_, order)| order.order_id);
        let mut outcomes = Vec::with_capacity(orders.len());
        let mut seen = Seen::default();
        let mut tickets = Vec::new();
        for (at, order) in by_id {
            let outcome = insert_order(&mut tx, order, &mut seen).await?;
            if outcome == ImportOutcome::Imported {
                tickets.extend(order.tickets.iter().cloned().map(as_stored));
            }
            outcomes.push((at, outcome));
        }
        insert_tickets(&mut tx, tickets).await?;
        let imported = outcomes.iter().filter(|(_, outcome)| *outcome == ImportOutcome::Imported);
        let imported: Vec<_> = imported.map(|(at, _)| orders[*at].order_id).collect();
        audit_orders(&mut tx, by, Action::ImportOrder, imported).await?;
        tx.commit().await?;
        outcomes.sort_by_key(|(at, _)| *at);
        Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

/// The tickets of the batch's earlier orders.
#[derive(Default)]
struct Seen<'a> {
    ids: HashSet<TicketId>,
    numbers: HashSet<&'a str>,
}

/// Writes the row of an order whose tickets can be written.
async fn insert_order<'a>(
    db: &mut impl Batches,
    order: &'a ImportedOrder,
    seen: &mut Seen<'a>,
) -> Result<ImportOutcome> {
    let id = order.order_id;
    if db.exists("SELECT 1 FROM orders WHERE order_id = $1", &[id.into()]).await? {
        return Ok(ImportOutcome::Known);
    }
    let ids = SqlValue::tickets(order.tickets.iter().map(|t| t.id));
    if order.tickets.iter().any(|t| seen.ids.contains(&t.id))
        || db.exists("SELECT 1 FROM tickets WHERE id @any($1)", &[ids]).await?
    {
        return Ok(ImportOutcome::Taken);
    }
    if let Some(ticket) = order.tickets.iter().find(|t| seen.numbers.contains(t.number.as_str())) {
        return Ok(ImportOutcome::NumberTaken(ticket.number.clone()));
    }
    let numbers = SqlValue::texts(order.tickets.iter().map(|t| t.number.as_str()));
    let sql = "SELECT ticket_number FROM tickets WHERE ticket_number @any($1)";
    if let Some(row) = db.fetch_optional(sql, &[numbers]).await? {
        return Ok(ImportOutcome::NumberTaken(need("ticket_number", row.text("ticket_number")?)?));
    }
    let Some(first) = order.tickets.first() else {
        return Err(StoreError::Refused("an order without tickets cannot be imported".into()));
    };
    let sql = "INSERT INTO orders (order_id, state, payment_key, frozen_at, received_at, tried_since, updated_at) \
               VALUES ($1, 'issued', $2, @now, $3, $3, @now)";
    db.execute(sql, &[id.into(), IMPORTED.into(), first.lifecycle.created_at.into()]).await?;
    seen.ids.extend(order.tickets.iter().map(|t| t.id));
    seen.numbers.extend(order.tickets.iter().map(|t| t.number.as_str()));
    Ok(ImportOutcome::Imported)
}

/// Writes the tickets of all orders.
async fn insert_tickets(db: &mut impl Batches, mut tickets: Vec<Ticket>) -> Result<()> {
    let mut seats = BTreeMap::new();
    for (seat, asking) in tickets.iter().filter_map(asks) {
        seats.entry(seat).or_insert(asking);
    }
    let owners = db.take_seats(seats).await?;
    for ticket in &mut tickets {
        let owner = asks(ticket).and_then(|(seat, _)| owners.get(&seat).copied());
        if owner.is_some_and(|owner| owner != ticket.id) {
            ticket.flags.insert(Flag::SeatConflict);
        }
    }
    tickets.sort_by(|a, b| a.number.cmp(&b.number));
    if !db.insert_tickets(&tickets).await? {
        return Err(StoreError::Refused("a ticket was written by another process meanwhile".into()));
    }
    for ticket in &tickets {
        let status = ticket.lifecycle.status.as_str();
        note(db, ticket.id, (status, status), WHO, Some(WHY)).await?;
    }
    Ok(())
}
