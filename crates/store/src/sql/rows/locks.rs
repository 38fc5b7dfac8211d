//! Locks, in the one order that every transaction keeps.
//!
//! | level | rows | sorted by |
//! |---|---|---|
//! | 0 | `event_cancellations` | one in each transaction |
//! | 1 | `orders` | id |
//! | 2 | `payments` | key |
//! | 3 | `withdrawals` | key |
//! | 4 | `seats` | event and seat key, bytewise |
//! | 5 | `tickets` | id |
//! | 6 | `doors` | event, one in each transaction |
//! | 7 | `events` | id, bytewise |
//! | 8 | `outbox` | id |
//! | 9 | `outbox_delivery` | outbox id and destination |
//!
//! A transaction may skip levels and never goes back to one. It locks all the rows that it needs of a level with one
//! statement, sorted; after that it may write them as often and in whatever order it likes. A level's new rows are
//! written, sorted, before its existing ones are locked: whoever waits for a new row holds no row of that level that
//! others wait for. What only the owner of an order writes (its entries on the attention list, drafts, history, former
//! generations) needs no level of its own: the order's lock covers it. Positions are written last. A claim waits for
//! nobody (`SKIP LOCKED`).
//!
//! The functions here lock and read nothing. Where the database has one writer they do nothing.

use fulfillment_domain::{OrderId, TicketId};
use uuid::Uuid;

use crate::Result;
use crate::decide::sql_values::SqlValue;
use crate::sql::Db;

/// Locks orders.
pub(crate) async fn orders(db: &mut impl Db, orders: impl IntoIterator<Item = OrderId>) -> Result<()> {
    let sql = "SELECT 1 FROM orders WHERE order_id @any($1) ORDER BY order_id @lock";
    lock(db, sql, SqlValue::orders(orders)).await
}

/// Locks the payments of orders.
pub(crate) async fn payments_of(db: &mut impl Db, orders: impl IntoIterator<Item = OrderId>) -> Result<()> {
    let sql = "SELECT 1 FROM payments WHERE order_id @any($1) ORDER BY key @lock";
    lock(db, sql, SqlValue::orders(orders)).await
}

/// Locks the refunds and cancellations of orders.
pub(crate) async fn withdrawals_of(
    db: &mut impl Db,
    orders: impl IntoIterator<Item = OrderId>,
) -> Result<()> {
    let sql = "SELECT 1 FROM withdrawals WHERE order_id @any($1) ORDER BY key @lock";
    lock(db, sql, SqlValue::orders(orders)).await
}

/// Locks tickets.
pub(crate) async fn tickets(db: &mut impl Db, tickets: impl IntoIterator<Item = TicketId>) -> Result<()> {
    let sql = "SELECT 1 FROM tickets WHERE id @any($1) ORDER BY id @lock";
    lock(db, sql, SqlValue::tickets(tickets)).await
}

/// Locks every ticket of orders.
pub(crate) async fn tickets_of(db: &mut impl Db, orders: impl IntoIterator<Item = OrderId>) -> Result<()> {
    let sql = "SELECT 1 FROM tickets WHERE order_id @any($1) ORDER BY id @lock";
    lock(db, sql, SqlValue::orders(orders)).await
}

/// Locks events, and then their deliveries.
pub(crate) async fn events(db: &mut impl Db, events: &[Uuid]) -> Result<()> {
    let sql = "SELECT 1 FROM outbox WHERE event_id @any($1) ORDER BY id @lock";
    lock(db, sql, SqlValue::Uuids(events.to_vec())).await?;
    let sql = "SELECT 1 FROM outbox_delivery WHERE outbox_id IN (SELECT id FROM outbox WHERE event_id @any($1)) \
               ORDER BY outbox_id, destination @lock";
    lock(db, sql, SqlValue::Uuids(events.to_vec())).await
}

/// Locks the records of the events whose numbers these rows have as `event`, and of these others.
pub(crate) async fn feeds<D: Db>(db: &mut D, rows: SqlValue<'_>, others: &[&str]) -> Result<()> {
    if D::LOCKS {
        let sql = "SELECT 1 FROM events WHERE number IN (SELECT event FROM @records(event bigint)) \
                   OR event_id @any($2) ORDER BY event_id @bytewise @lock";
        db.execute(sql, &[rows, SqlValue::texts(others.iter().copied())]).await?;
    }
    Ok(())
}

/// Locks the records of all events.
pub(crate) async fn all_feeds<D: Db>(db: &mut D) -> Result<()> {
    if D::LOCKS {
        db.execute("SELECT 1 FROM events ORDER BY event_id @bytewise @lock", &[]).await?;
    }
    Ok(())
}

async fn lock<D: Db>(db: &mut D, sql: &'static str, which: SqlValue<'_>) -> Result<()> {
    if D::LOCKS && which != SqlValue::Uuids(Vec::new()) {
        db.execute(sql, &[which]).await?;
    }
    Ok(())
}
