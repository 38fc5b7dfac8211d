//! The attention list.

use async_trait::async_trait;

use super::SqliteStore;
use super::settling::{Settling, settle};
use crate::shared::attention::{attention_columns, attention_from, paid_after_void};
use crate::shared::cells::{clean, rfc3339};
use crate::shared::letters::SEEN_TO;
use crate::{Announcing, Attention, AttentionScope, Attentions, Result};

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
