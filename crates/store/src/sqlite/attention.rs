//! The attention list.

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::list;
use super::withdrawals::{Settling, settle};
use crate::shared::attention::{Wanted, attention_columns, attention_from, gone, paid_after_void};
use crate::shared::cells::{clean, rfc3339};
use crate::shared::letters::SEEN_TO;
use crate::{Announcing, Attention, AttentionReason, AttentionScope, Attentions, Result};

#[async_trait]
impl Attentions for SqliteStore {
    async fn attention(&self, limit: usize) -> Result<Vec<Attention>> {
        let sql = concat!(
            "SELECT ",
            attention_columns!(),
            " FROM order_attention a WHERE a.acknowledged_at IS NULL AND a.shows_at <= ?1 \
             ORDER BY a.shows_at, a.order_id, a.reason LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(rfc3339(self.now())).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(attention_from).collect()
    }

    async fn acknowledge(&self, scope: &AttentionScope, why: &str) -> Result<u64> {
        let (order, event) = match scope {
            AttentionScope::Order(order) => (Some(order.to_string()), None),
            AttentionScope::Event(event) => (None, Some(event)),
        };
        let mut tx = self.begin().await?;
        let sql = "UPDATE order_attention SET acknowledged_at = ?1, acknowledged_why = ?2 \
                   WHERE acknowledged_at IS NULL AND shows_at <= ?1 AND (order_id = ?3 OR EXISTS \
                   (SELECT 1 FROM tickets t WHERE t.order_id = order_attention.order_id AND t.event_id = ?4)) \
                   RETURNING order_id, reason";
        let now = self.now();
        let query = sqlx::query(sql).bind(rfc3339(now)).bind(clean(why)).bind(order).bind(event);
        let done = query.fetch_all(&mut *tx).await?;
        for order in paid_after_void(&done)? {
            sqlx::query(SEEN_TO).bind(order.to_string()).execute(&mut *tx).await?;
            let work = Settling { now, rules: self.refunds, announcing: &Announcing::default() };
            settle(&mut tx, order, work).await?;
        }
        tx.commit().await?;
        Ok(done.len() as u64)
    }
}

/// Makes an order's entries of a group of reasons what is wanted now. What is wanted no more is deleted; what an
/// acknowledged entry says anew is listed again.
pub(super) async fn put(
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
pub(super) async fn of_order(db: &mut SqliteConnection, order: OrderId) -> Result<Vec<Attention>> {
    let sql = concat!(
        "SELECT ",
        attention_columns!(),
        " FROM order_attention a WHERE a.order_id = ?1 AND a.acknowledged_at IS NULL ORDER BY a.shows_at, a.reason"
    );
    let rows = sqlx::query(sql).bind(order.to_string()).fetch_all(db).await?;
    rows.iter().map(attention_from).collect()
}
