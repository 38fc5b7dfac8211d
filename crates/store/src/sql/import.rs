//! Importing orders from an earlier service.

use async_trait::async_trait;
use fulfillment_domain::Flag;

use super::rows::history::note;
use super::rows::seats::take_seat;
use super::{Batches, Sql, Transaction as _};
use crate::decide::importing::{IMPORTED, WHO, WHY};
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::decide::ticket::as_stored;
use crate::{Import, ImportOutcome, ImportedOrder, Result, StoreError};

#[async_trait]
impl<S: Sql> Import for S {
    async fn import(&self, orders: &[ImportedOrder]) -> Result<Vec<ImportOutcome>> {
        let mut tx = self.begin().await?;
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            outcomes.push(import(&mut tx, order).await?);
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

async fn import(db: &mut impl Batches, order: &ImportedOrder) -> Result<ImportOutcome> {
    let id = order.order_id;
    if db.exists("SELECT 1 FROM orders WHERE order_id = $1", &[id.into()]).await? {
        return Ok(ImportOutcome::Known);
    }
    let ids = SqlValue::tickets(order.tickets.iter().map(|t| t.id));
    if db.exists("SELECT 1 FROM tickets WHERE id @any($1)", &[ids]).await? {
        return Ok(ImportOutcome::Taken);
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
    let mut tickets = Vec::with_capacity(order.tickets.len());
    for ticket in &order.tickets {
        let mut ticket = as_stored(ticket.clone());
        if take_seat(db, &ticket).await? {
            ticket.flags.insert(Flag::SeatConflict);
        }
        tickets.push(ticket);
    }
    if !db.insert_tickets(&tickets).await? {
        return Err(StoreError::Refused("a ticket was written by somebody else meanwhile".into()));
    }
    for ticket in &tickets {
        let status = ticket.lifecycle.status.as_str();
        note(db, ticket.id, (status, status), WHO, Some(WHY)).await?;
    }
    Ok(ImportOutcome::Imported)
}
