//! The attention list.

use async_trait::async_trait;
use uuid::Uuid;

use super::PgStore;
use super::rows::values::rows_at_most;
use super::settling::{Settling, settle};
use crate::shared::attention::{attention_columns, attention_from, paid_after_void};
use crate::shared::cells::clean;
use crate::shared::letters::SEEN_TO;
use crate::{Announcing, Attention, AttentionScope, Attentions, Result};

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
        let mut tx = self.begin().await?;
        // The orders before what is listed about them, as everybody locks them.
        let sql = "SELECT o.order_id FROM orders o WHERE EXISTS (SELECT 1 FROM order_attention a \
                   WHERE a.order_id = o.order_id AND a.acknowledged_at IS NULL AND a.shows_at <= clock_timestamp()) \
                   AND (o.order_id = $1 OR EXISTS \
                   (SELECT 1 FROM tickets t WHERE t.order_id = o.order_id AND t.event_id = $2)) \
                   ORDER BY o.order_id FOR NO KEY UPDATE OF o";
        let query = sqlx::query_scalar(sql).bind(order).bind(event);
        let orders: Vec<Uuid> = query.fetch_all(&mut *tx).await?;
        let sql = "UPDATE order_attention a SET acknowledged_at = clock_timestamp(), acknowledged_why = $1 \
                   WHERE a.acknowledged_at IS NULL AND a.shows_at <= clock_timestamp() \
                   AND a.order_id = ANY($2::uuid[]) RETURNING a.order_id, a.reason";
        let done = sqlx::query(sql).bind(clean(why)).bind(orders).fetch_all(&mut *tx).await?;
        for order in paid_after_void(&done)? {
            sqlx::query(SEEN_TO).bind(order.0).execute(&mut *tx).await?;
            let work = Settling { rules: self.refunds, announcing: &Announcing::default() };
            settle(&mut tx, order, work).await?;
        }
        tx.commit().await?;
        Ok(done.len() as u64)
    }
}
