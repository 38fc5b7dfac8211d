//! Taking over from an earlier service.

use async_trait::async_trait;
use fulfillment_domain::{Flag, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::rows::history::note;
use super::rows::seats::take_seat;
use super::rows::tickets::insert_tickets;
use super::rows::values::At;
use crate::shared::adopting::{IMPORTED, WHO, WHY};
use crate::shared::ticket::as_stored;
use crate::{AdoptedOrder, Adoption, AdoptionOutcome, Result, StoreError};

#[async_trait]
impl Adoption for PgStore {
    async fn adopt(&self, orders: &[AdoptedOrder]) -> Result<Vec<AdoptionOutcome>> {
        let mut tx = self.begin().await?;
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in orders {
            outcomes.push(adopt(&mut tx, order).await?);
        }
        tx.commit().await?;
        Ok(outcomes)
    }
}

async fn adopt(db: &mut PgConnection, order: &AdoptedOrder) -> Result<AdoptionOutcome> {
    let id: OrderId = order.order_id;
    let known = "SELECT 1 FROM orders WHERE order_id = $1";
    if sqlx::query(known).bind(id.0).fetch_optional(&mut *db).await?.is_some() {
        return Ok(AdoptionOutcome::Known);
    }
    let ids: Vec<Uuid> = order.tickets.iter().map(|t| t.id.0).collect();
    let sql = "SELECT 1 FROM tickets WHERE id = ANY($1::uuid[])";
    if sqlx::query(sql).bind(ids).fetch_optional(&mut *db).await?.is_some() {
        return Ok(AdoptionOutcome::Taken);
    }
    let numbers: Vec<&str> = order.tickets.iter().map(|t| t.number.as_str()).collect();
    let sql = "SELECT ticket_number FROM tickets WHERE ticket_number = ANY($1::text[])";
    let taken: Option<String> = sqlx::query_scalar(sql).bind(numbers).fetch_optional(&mut *db).await?;
    if let Some(number) = taken {
        return Ok(AdoptionOutcome::NumberTaken(number));
    }
    let Some(first) = order.tickets.first() else {
        return Err(StoreError::Refused("an order without tickets cannot be adopted".into()));
    };
    let sql = "INSERT INTO orders (order_id, state, payment_key, frozen_at, received_at, tried_since, updated_at) \
               VALUES ($1, 'issued', $2, clock_timestamp(), $3, $3, clock_timestamp())";
    sqlx::query(sql).bind(id.0).bind(IMPORTED).bind(At(first.lifecycle.created_at)).execute(&mut *db).await?;
    let mut tickets = Vec::with_capacity(order.tickets.len());
    for ticket in &order.tickets {
        let mut ticket = as_stored(ticket.clone());
        if take_seat(db, &ticket).await? {
            ticket.flags.insert(Flag::SeatConflict);
        }
        tickets.push(ticket);
    }
    if !insert_tickets(db, &tickets).await? {
        return Err(StoreError::Refused("a ticket was written by somebody else meanwhile".into()));
    }
    for ticket in &tickets {
        let status = ticket.lifecycle.status.as_str();
        note(db, ticket.id, (status, status), WHO, Some(WHY)).await?;
    }
    Ok(AdoptionOutcome::Adopted)
}
