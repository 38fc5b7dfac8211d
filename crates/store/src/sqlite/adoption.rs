//! Taking over from an earlier service.

use async_trait::async_trait;
use fulfillment_domain::Flag;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::history::{Transition, note};
use super::rows::seats::take_seat;
use super::rows::tickets::insert_ticket;
use super::rows::values::list;
use crate::shared::adopting::{IMPORTED, WHO, WHY};
use crate::shared::cells::rfc3339;
use crate::shared::ticket::as_stored;
use crate::{AdoptedOrder, Adoption, AdoptionOutcome, Result, StoreError};

#[async_trait]
impl Adoption for SqliteStore {
    async fn adopt(&self, orders: &[AdoptedOrder]) -> Result<Vec<AdoptionOutcome>> {
        let mut tx = self.begin().await?;
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            outcomes.push(adopt(&mut tx, self.now(), order).await?);
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

async fn adopt(db: &mut SqliteConnection, now: Timestamp, order: &AdoptedOrder) -> Result<AdoptionOutcome> {
    let id = order.order_id.to_string();
    let known = "SELECT 1 FROM orders WHERE order_id = ?1";
    if sqlx::query(known).bind(&id).fetch_optional(&mut *db).await?.is_some() {
        return Ok(AdoptionOutcome::Known);
    }
    let sql = "SELECT 1 FROM tickets WHERE id IN (SELECT value FROM json_each(?1))";
    let ids = list(order.tickets.iter().map(|t| t.id))?;
    if sqlx::query(sql).bind(ids).fetch_optional(&mut *db).await?.is_some() {
        return Ok(AdoptionOutcome::Taken);
    }
    let sql = "SELECT ticket_number FROM tickets WHERE ticket_number IN (SELECT value FROM json_each(?1))";
    let numbers = list(order.tickets.iter().map(|t| &t.number))?;
    let taken: Option<String> = sqlx::query_scalar(sql).bind(numbers).fetch_optional(&mut *db).await?;
    if let Some(number) = taken {
        return Ok(AdoptionOutcome::NumberTaken(number));
    }
    let Some(first) = order.tickets.first() else {
        return Err(StoreError::Refused("an order without tickets cannot be adopted".into()));
    };
    let sql = "INSERT INTO orders (order_id, state, payment_key, frozen_at, received_at, tried_since, updated_at) \
               VALUES (?1, 'issued', ?2, ?3, ?4, ?4, ?3)";
    sqlx::query(sql)
        .bind(&id)
        .bind(IMPORTED)
        .bind(rfc3339(now))
        .bind(rfc3339(first.lifecycle.created_at))
        .execute(&mut *db)
        .await?;
    for ticket in &order.tickets {
        let mut ticket = as_stored(ticket.clone());
        if take_seat(db, &ticket).await? {
            ticket.flags.insert(Flag::SeatConflict);
        }
        insert_ticket(db, &ticket).await?;
        let status = ticket.lifecycle.status.as_str();
        let step = Transition { ticket: ticket.id, from: status, to: status, who: WHO, why: Some(WHY) };
        note(db, now, step).await?;
    }
    Ok(AdoptionOutcome::Adopted)
}
