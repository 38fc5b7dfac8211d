//! The order's row, set to have Ordering asked again.

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::Result;
use crate::shared::cells::rfc3339;
use crate::shared::refreshing::{self, Asked, asked_columns, asked_from};

/// What is known of asking Ordering again.
pub(crate) async fn asked(db: &mut SqliteConnection, order: OrderId) -> Result<Option<Asked>> {
    let sql = concat!("SELECT ", asked_columns!(), " FROM orders WHERE order_id = ?1");
    let row = sqlx::query(sql).bind(order.to_string()).fetch_optional(db).await?;
    row.as_ref().map(asked_from).transpose()
}

/// Has Ordering asked again about an order that is or will be issued, for so many reasons: at once where nobody has it in
/// hand. False where it does not concern the order, because that never grows.
pub(crate) async fn want(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    times: i64,
) -> Result<bool> {
    let sql = "UPDATE orders SET refresh = refresh + ?3, \
               due_at = CASE WHEN state = 'issued' AND worker IS NULL THEN ?2 ELSE due_at END, \
               attempts = CASE WHEN state = 'issued' AND worker IS NULL THEN 0 ELSE attempts END, \
               tried_since = CASE WHEN state = 'issued' THEN ?2 ELSE tried_since END, \
               parked_at = CASE WHEN state = 'issued' THEN NULL ELSE parked_at END \
               WHERE order_id = ?1 AND voided_at IS NULL AND erased_at IS NULL \
               AND (frozen_at IS NULL OR snapshot IS NOT NULL)";
    let query = sqlx::query(sql).bind(order.to_string()).bind(rfc3339(now)).bind(times);
    Ok(query.execute(db).await?.rows_affected() == 1)
}

/// Has Ordering asked again about an order about which something is listed: a refund may settle it.
pub(crate) async fn want_if_listed(db: &mut SqliteConnection, now: Timestamp, order: OrderId) -> Result<()> {
    if sqlx::query(refreshing::LISTED).bind(order.to_string()).fetch_optional(&mut *db).await?.is_some() {
        want(db, now, order, 1).await?;
    }
    Ok(())
}
