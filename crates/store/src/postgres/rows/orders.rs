//! The order's row, locked, and set to have Ordering asked again.

use fulfillment_domain::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::values::At;
use crate::Result;
use crate::shared::cells::{Row as _, need};
use crate::shared::refreshing::{self, Asked, asked_columns, asked_from};

/// Locks an order's row, and answers with the time; nothing when there is none.
pub(crate) async fn lock(db: &mut PgConnection, order: OrderId) -> Result<Option<At>> {
    let sql = "SELECT clock_timestamp() AS now FROM orders WHERE order_id = $1 FOR NO KEY UPDATE";
    let row = sqlx::query(sql).bind(order.0).fetch_optional(db).await?;
    row.map(|row| Ok(At(need("now", row.time("now")?)?))).transpose()
}

/// The order under its lock, and what time it is.
pub(crate) async fn asked(db: &mut PgConnection, order: OrderId) -> Result<Option<(Asked, At)>> {
    let sql = concat!(
        "SELECT ",
        asked_columns!(),
        ", clock_timestamp() AS now FROM orders WHERE order_id = $1 FOR NO KEY UPDATE"
    );
    let Some(row) = sqlx::query(sql).bind(order.0).fetch_optional(db).await? else { return Ok(None) };
    Ok(Some((asked_from(&row)?, sqlx::Row::try_get(&row, "now")?)))
}

/// Has Ordering asked again about orders that are or will be issued, each for so many reasons: at once where nobody has the order in hand. The
/// rows are locked. Answers with those that it does not concern, because they never grow.
pub(crate) async fn want(db: &mut PgConnection, orders: &[OrderId], times: &[i64]) -> Result<Vec<OrderId>> {
    let sql = "UPDATE orders o SET refresh = o.refresh + n.times, \
               due_at = CASE WHEN o.state = 'issued' AND o.worker IS NULL THEN clock_timestamp() ELSE o.due_at END, \
               attempts = CASE WHEN o.state = 'issued' AND o.worker IS NULL THEN 0 ELSE o.attempts END, \
               tried_since = CASE WHEN o.state = 'issued' THEN clock_timestamp() ELSE o.tried_since END, \
               parked_at = CASE WHEN o.state = 'issued' THEN NULL ELSE o.parked_at END \
               FROM unnest($1::uuid[], $2::bigint[]) AS n(id, times) WHERE o.order_id = n.id \
               AND o.voided_at IS NULL AND o.erased_at IS NULL AND (o.frozen_at IS NULL OR o.snapshot IS NOT NULL) \
               RETURNING o.order_id";
    let ids: Vec<_> = orders.iter().map(|order| order.0).collect();
    let asked: Vec<Uuid> = sqlx::query_scalar(sql).bind(ids).bind(times).fetch_all(db).await?;
    Ok(orders.iter().copied().filter(|order| !asked.contains(&order.0)).collect())
}

/// Has Ordering asked again about an order about which something is listed: a refund may settle it.
pub(crate) async fn want_if_listed(db: &mut PgConnection, order: OrderId) -> Result<()> {
    if sqlx::query(refreshing::LISTED).bind(order.0).fetch_optional(&mut *db).await?.is_some() {
        want(db, &[order], &[1]).await?;
    }
    Ok(())
}
