//! The attention list: the open entries of an order.

use std::collections::HashSet;

use fulfillment_domain::OrderId;

use super::orders::asked;
use crate::decide::attention::{Wanted, attention_columns, attention_from, gone};
use crate::decide::refreshing;
use crate::decide::sql_values::{Row as _, SqlValue, need};
use crate::sql::Db;
use crate::{Attention, AttentionReason, Result};

/// Replaces an order's entries of a group of reasons with the wanted ones. Entries that are not wanted any more are
/// deleted; an acknowledged entry with new content is listed again. The order's row is locked by the caller.
pub(crate) async fn put(
    db: &mut impl Db,
    order: OrderId,
    group: &[AttentionReason],
    wanted: &[Wanted],
) -> Result<()> {
    let sql = "DELETE FROM order_attention WHERE order_id = $1 AND reason @any($2)";
    db.execute(sql, &[order.into(), SqlValue::texts(gone(group, wanted))]).await?;
    for Wanted { reason, detail, shows_at } in wanted {
        let sql = "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) VALUES ($1, $2, $3, @now, $4) \
                   ON CONFLICT (order_id, reason) DO UPDATE SET detail = excluded.detail, since = excluded.since, \
                   shows_at = excluded.shows_at, acknowledged_at = NULL, acknowledged_why = NULL \
                   WHERE order_attention.detail <> excluded.detail";
        let cells = [order.into(), reason.as_str().into(), detail.into(), (*shows_at).into()];
        db.execute(sql, &cells).await?;
    }
    Ok(())
}

/// The same for several orders, each with its group and the wanted entries.
pub(crate) async fn put_all(
    db: &mut impl Db,
    lists: &[(OrderId, &[AttentionReason], Vec<Wanted>)],
) -> Result<()> {
    if lists.is_empty() {
        return Ok(());
    }
    let sql = "SELECT order_id, reason FROM order_attention WHERE order_id @any($1)";
    let mut listed = HashSet::new();
    for row in db.fetch_all(sql, &[SqlValue::orders(lists.iter().map(|(order, ..)| *order))]).await? {
        listed.insert((row.order_id()?, need("reason", row.text("reason")?)?));
    }
    for (order, group, wanted) in lists {
        // Most orders have no entries, and want none.
        let mut stale = gone(group, wanted).map(|reason| (*order, reason.to_owned()));
        if !wanted.is_empty() || stale.any(|entry| listed.contains(&entry)) {
            put(db, *order, group, wanted).await?;
        }
    }
    Ok(())
}

/// The open entries of an order, listed already or later.
pub(crate) async fn of_order(db: &mut impl Db, order: OrderId) -> Result<Vec<Attention>> {
    let sql = concat!(
        "SELECT ",
        attention_columns!(),
        " FROM order_attention a WHERE a.order_id = $1 AND a.acknowledged_at IS NULL ORDER BY a.shows_at, a.reason"
    );
    db.fetch_all(sql, &[order.into()]).await?.iter().map(attention_from).collect()
}

/// Lists payments of orders that never grow.
pub(crate) async fn list_closed(db: &mut impl Db, orders: &[OrderId]) -> Result<()> {
    for order in orders {
        let Some((asked, now)) = asked(db, *order).await? else { continue };
        let sql = "SELECT count(*) AS payments FROM payments WHERE order_id = $1 AND folded_into IS NULL";
        let payments = db.fetch_one(sql, &[(*order).into()]).await?.number("payments")?;
        if let Some(wanted) = refreshing::closed(asked.outcome, payments, now) {
            put(db, *order, &[wanted.reason], std::slice::from_ref(&wanted)).await?;
        }
    }
    Ok(())
}

/// Lists an issued order about which Ordering could not be asked.
pub(crate) async fn list_not_asked(db: &mut impl Db, order: OrderId, why: &str) -> Result<()> {
    let wanted = refreshing::not_asked(order, why, db.now().await?);
    put(db, order, &[wanted.reason], std::slice::from_ref(&wanted)).await
}
