//! The order's row: locked, and marked so that Ordering is asked again.

use std::collections::BTreeSet;

use fulfillment_domain::OrderId;
use jiff::Timestamp;

use crate::Result;
use crate::decide::refreshing::{self, Asked, asked_columns, asked_from};
use crate::decide::sql_values::{Row, SqlValue, need};
use crate::sql::Db;

/// Locks an order's row, and returns the time; nothing when there is no such order.
pub(crate) async fn lock(db: &mut impl Db, order: OrderId) -> Result<Option<Timestamp>> {
    let sql = "SELECT @now AS now FROM orders WHERE order_id = $1 @lock";
    let row = db.fetch_optional(sql, &[order.into()]).await?;
    row.map(|row| need("now", row.time("now")?)).transpose()
}

/// The order under its lock, and the time.
pub(crate) async fn asked(db: &mut impl Db, order: OrderId) -> Result<Option<(Asked, Timestamp)>> {
    let sql = concat!("SELECT ", asked_columns!(), ", @now AS now FROM orders WHERE order_id = $1 @lock");
    let Some(row) = db.fetch_optional(sql, &[order.into()]).await? else { return Ok(None) };
    Ok(Some((asked_from(&row)?, need("now", row.time("now")?)?)))
}

/// Requests that Ordering is asked again about orders that are or will be issued, each for this number of reasons:
/// immediately where no worker has claimed the order. The rows are locked. Returns the orders that never grow, for
/// which nothing is requested.
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

/// Requests that Ordering is asked again about those of these orders that have a listed entry which a refund may settle.
pub(crate) async fn want_if_listed(db: &mut impl Db, orders: &BTreeSet<OrderId>) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let rows = db.fetch_all(refreshing::LISTED, &[SqlValue::orders(orders.iter().copied())]).await?;
    let listed = rows.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
    want(db, &listed, &vec![1; listed.len()]).await?;
    Ok(())
}
