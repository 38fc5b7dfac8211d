//! The attention list: what is open about an order.

use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::orders::asked;
use super::values::list;
use crate::shared::attention::{Wanted, attention_columns, attention_from, gone};
use crate::shared::cells::{clean, rfc3339};
use crate::shared::refreshing;
use crate::{Attention, AttentionReason, Result};

/// Makes an order's entries of a group of reasons what is wanted now. What is wanted no more is deleted; what an
/// acknowledged entry says anew is listed again.
pub(crate) async fn put(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    group: &[AttentionReason],
    wanted: &[Wanted],
) -> Result<()> {
    let sql =
        "DELETE FROM order_attention WHERE order_id = ?1 AND reason IN (SELECT value FROM json_each(?2))";
    sqlx::query(sql).bind(order.to_string()).bind(list(gone(group, wanted))?).execute(&mut *db).await?;
    for entry in wanted {
        let sql = "INSERT INTO order_attention (order_id, reason, detail, since, shows_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (order_id, reason) DO UPDATE SET detail = excluded.detail, since = excluded.since, \
                   shows_at = excluded.shows_at, acknowledged_at = NULL, acknowledged_why = NULL \
                   WHERE order_attention.detail <> excluded.detail";
        sqlx::query(sql)
            .bind(order.to_string())
            .bind(entry.reason.as_str())
            .bind(clean(&entry.detail))
            .bind(rfc3339(now))
            .bind(rfc3339(entry.shows_at))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// What is open about an order, listed already or later.
pub(crate) async fn of_order(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<Attention>> {
    let sql = concat!(
        "SELECT ",
        attention_columns!(),
        " FROM order_attention a WHERE a.order_id = ?1 AND a.acknowledged_at IS NULL ORDER BY a.shows_at, a.reason"
    );
    let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(db).await?;
    rows.iter().map(attention_from).collect()
}

/// Lists payments of an order that never grows.
pub(crate) async fn list_closed(db: &mut SqliteConnection, now: Timestamp, order: OrderId) -> Result<()> {
    let Some(asked) = asked(db, order).await? else { return Ok(()) };
    let sql = "SELECT count(*) FROM payments WHERE order_id = ?1 AND folded_into IS NULL";
    let payments: i64 = sqlx::query_scalar(sql).bind(order.to_string()).fetch_one(&mut *db).await?;
    match refreshing::closed(asked.outcome, payments, now) {
        Some(wanted) => put(db, now, order, &[wanted.reason], std::slice::from_ref(&wanted)).await,
        None => Ok(()),
    }
}

/// Lists an issued order about which Ordering could not be asked.
pub(crate) async fn list_not_asked(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    why: &str,
) -> Result<()> {
    let wanted = refreshing::not_asked(order, why, now);
    put(db, now, order, &[wanted.reason], std::slice::from_ref(&wanted)).await
}
