//! The attention list.

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use sqlx::PgConnection;

use super::PgStore;
use super::rows::{At, rows_at_most};
use crate::shared::attention::{Wanted, attention_columns, attention_from, gone};
use crate::shared::cells::clean;
use crate::{Attention, AttentionReason, AttentionScope, Attentions, Result};

#[async_trait]
impl Attentions for PgStore {
    async fn attention(&self, limit: usize) -> Result<Vec<Attention>> {
        let sql = concat!(
            "SELECT ",
            attention_columns!(),
            " FROM order_attention a WHERE a.acknowledged_at IS NULL AND a.shows_at <= clock_timestamp() \
             ORDER BY a.shows_at, a.order_id, a.reason LIMIT $1"
        );
        let rows = sqlx::query(sql).bind(rows_at_most(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(attention_from).collect()
    }

    async fn acknowledge(&self, scope: &AttentionScope, why: &str) -> Result<u64> {
        let (order, event) = match scope {
            AttentionScope::Order(order) => (Some(order.0), None),
            AttentionScope::Event(event) => (None, Some(clean(event))),
        };
        let sql = "UPDATE order_attention a SET acknowledged_at = clock_timestamp(), acknowledged_why = $1 \
                   WHERE a.acknowledged_at IS NULL AND a.shows_at <= clock_timestamp() AND (a.order_id = $2 OR EXISTS \
                   (SELECT 1 FROM tickets t WHERE t.order_id = a.order_id AND t.event_id = $3))";
        let query = sqlx::query(sql).bind(clean(why)).bind(order).bind(event);
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

/// Makes an order's entries of a group of reasons what is wanted now. What is wanted no more is deleted; what an
/// acknowledged entry says anew is listed again. The order's row is locked by the caller.
#[expect(dead_code, reason = "refunds and growing orders are the first to use it")]
pub(super) async fn put(
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
pub(super) async fn of_order(db: &mut PgConnection, order: OrderId) -> Result<Vec<Attention>> {
    let sql = concat!(
        "SELECT ",
        attention_columns!(),
        " FROM order_attention a WHERE a.order_id = $1 AND a.acknowledged_at IS NULL ORDER BY a.shows_at, a.reason"
    );
    let rows = sqlx::query(sql).bind(order.0).fetch_all(db).await?;
    rows.iter().map(attention_from).collect()
}
