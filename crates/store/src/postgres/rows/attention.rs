//! The attention list: what is open about an order.

use fulfillment_domain::OrderId;
use sqlx::PgConnection;

use super::orders::asked;
use super::values::At;
use crate::shared::attention::{Wanted, attention_columns, attention_from, gone};
use crate::shared::cells::clean;
use crate::shared::refreshing;
use crate::{Attention, AttentionReason, Result};

/// Makes an order's entries of a group of reasons what is wanted now. What is wanted no more is deleted; what an
/// acknowledged entry says anew is listed again. The order's row is locked by the caller.
pub(crate) async fn put(
    db: &mut PgConnection,
    order: OrderId,
    group: &[AttentionReason],
    wanted: &[Wanted],
) -> Result<()> {
    let gone: Vec<_> = gone(group, wanted).collect();
    let sql = "DELETE FROM order_attention WHERE order_id = $1 AND reason = ANY($2)";
    sqlx::query(sql).bind(order.0).bind(gone).execute(&mut *db).await?;
    for entry in wanted {
        let sql = "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) \
                   VALUES ($1, $2, $3, clock_timestamp(), $4) \
                   ON CONFLICT (order_id, reason) DO UPDATE SET detail = excluded.detail, since = excluded.since, \
                   shows_at = excluded.shows_at, acknowledged_at = NULL, acknowledged_why = NULL \
                   WHERE order_attention.detail <> excluded.detail";
        sqlx::query(sql)
            .bind(order.0)
            .bind(entry.reason.as_str())
            .bind(clean(&entry.detail))
            .bind(At(entry.shows_at))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// What is open about an order, listed already or later.
pub(crate) async fn of_order(db: &mut PgConnection, order: OrderId) -> Result<Vec<Attention>> {
    let sql = concat!(
        "SELECT ",
        attention_columns!(),
        " FROM order_attention a WHERE a.order_id = $1 AND a.acknowledged_at IS NULL ORDER BY a.shows_at, a.reason"
    );
    let rows = sqlx::query(sql).bind(order.0).fetch_all(db).await?;
    rows.iter().map(attention_from).collect()
}

/// Lists payments of orders that never grow.
pub(crate) async fn list_closed(db: &mut PgConnection, orders: &[OrderId]) -> Result<()> {
    for order in orders {
        let Some((asked, now)) = asked(db, *order).await? else { continue };
        let sql = "SELECT count(*) FROM payments WHERE order_id = $1 AND folded_into IS NULL";
        let payments: i64 = sqlx::query_scalar(sql).bind(order.0).fetch_one(&mut *db).await?;
        if let Some(wanted) = refreshing::closed(asked.outcome, payments, now.0) {
            put(db, *order, &[wanted.reason], std::slice::from_ref(&wanted)).await?;
        }
    }
    Ok(())
}

/// Lists an issued order about which Ordering could not be asked.
pub(crate) async fn list_not_asked(db: &mut PgConnection, order: OrderId, why: &str) -> Result<()> {
    let now: At = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *db).await?;
    let wanted = refreshing::not_asked(order, why, now.0);
    put(db, order, &[wanted.reason], std::slice::from_ref(&wanted)).await
}
