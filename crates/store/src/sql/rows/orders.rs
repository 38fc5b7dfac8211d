//! The order's row, locked, and set to have Ordering asked again.

use fulfillment_domain::OrderId;
use jiff::Timestamp;

use crate::Result;
use crate::shared::cells::{Row as _, need};
use crate::shared::refreshing::{self, Asked, asked_columns, asked_from};
use crate::sql::Db;

/// Locks an order's row, and answers with the time; nothing when there is none.
pub(crate) async fn lock(db: &mut impl Db, order: OrderId) -> Result<Option<Timestamp>> {
    let sql = "SELECT @now AS now FROM orders WHERE order_id = $1 @lock";
    let row = db.fetch_optional(sql, &[order.into()]).await?;
    row.map(|row| need("now", row.time("now")?)).transpose()
}

/// The order under its lock, and what time it is.
pub(crate) async fn asked(db: &mut impl Db, order: OrderId) -> Result<Option<(Asked, Timestamp)>> {
    let sql = concat!("SELECT ", asked_columns!(), ", @now AS now FROM orders WHERE order_id = $1 @lock");
    let Some(row) = db.fetch_optional(sql, &[order.into()]).await? else { return Ok(None) };
    Ok(Some((asked_from(&row)?, need("now", row.time("now")?)?)))
}

/// Has Ordering asked again about orders that are or will be issued, each for so many reasons: at once where nobody has
/// the order in hand. The rows are locked. Answers with those that it does not concern, because they never grow.
pub(crate) async fn want(db: &mut impl Db, orders: &[OrderId], times: &[i64]) -> Result<Vec<OrderId>> {
    let mut closed = Vec::new();
    for (order, times) in orders.iter().zip(times) {
        let sql = "UPDATE orders SET refresh = refresh + $2, \
                   due_at = CASE WHEN state = 'issued' AND worker IS NULL THEN @now ELSE due_at END, \
                   attempts = CASE WHEN state = 'issued' AND worker IS NULL THEN 0 ELSE attempts END, \
                   tried_since = CASE WHEN state = 'issued' THEN @now ELSE tried_since END, \
                   parked_at = CASE WHEN state = 'issued' THEN NULL ELSE parked_at END \
                   WHERE order_id = $1 AND voided_at IS NULL AND erased_at IS NULL \
                   AND (frozen_at IS NULL OR snapshot IS NOT NULL)";
        if db.execute(sql, &[(*order).into(), (*times).into()]).await? == 0 {
            closed.push(*order);
        }
    }
    Ok(closed)
}

/// Has Ordering asked again about an order about which something is listed: a refund may settle it.
pub(crate) async fn want_if_listed(db: &mut impl Db, order: OrderId) -> Result<()> {
    if db.exists(refreshing::LISTED, &[order.into()]).await? {
        want(db, &[order], &[1]).await?;
    }
    Ok(())
}
