//! Statements of the attention list.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fulfillment_domain::OrderId;

use super::rows::audit::audit_orders;
use super::settling::see_to;
use super::{Db as _, Sql, Transaction as _};
use crate::decide::attention::{attention_columns, attention_from, paid_after_void};
use crate::decide::sql_values::{Row, SqlValue};
use crate::decide::unsaid::unless_erased;
use crate::{Action, Actor, Attention, AttentionScope, Attentions, Result};

#[async_trait]
impl<S: Sql> Attentions for S {
    async fn attention(&self, limit: usize) -> Result<Vec<Attention>> {
        let sql = concat!(
            "SELECT ",
            attention_columns!(),
            " FROM order_attention a WHERE a.acknowledged_at IS NULL AND a.shows_at <= @now \
             ORDER BY a.shows_at, a.order_id, a.reason LIMIT $1"
        );
        let rows = self.read().await?.fetch_all(sql, &[SqlValue::limit(limit)]).await?;
        rows.iter().map(attention_from).collect()
    }

    async fn attention_within(&self, scope: &AttentionScope) -> Result<u64> {
        let (order, event) = parts(scope);
        let sql = "SELECT count(*) AS entries FROM order_attention a \
                   WHERE a.acknowledged_at IS NULL AND a.shows_at <= @now AND (a.order_id = $1 OR EXISTS \
                   (SELECT 1 FROM tickets t WHERE t.order_id = a.order_id AND t.event_id = $2))";
        let row = self.read().await?.fetch_optional(sql, &[order.into(), event.into()]).await?;
        row.map_or(Ok(0), |row| row.number("entries"))
    }

    async fn acknowledge(&self, scope: &AttentionScope, why: &str, by: &Actor) -> Result<u64> {
        let (order, event) = parts(scope);
        let mut tx = self.begin().await?;
        // The orders are locked before their entries, as everywhere.
        let sql = "SELECT o.order_id FROM orders o WHERE EXISTS (SELECT 1 FROM order_attention a \
                   WHERE a.order_id = o.order_id AND a.acknowledged_at IS NULL AND a.shows_at <= @now) \
                   AND (o.order_id = $1 OR EXISTS \
                   (SELECT 1 FROM tickets t WHERE t.order_id = o.order_id AND t.event_id = $2)) \
                   ORDER BY o.order_id @lock";
        let rows = tx.fetch_all(sql, &[order.into(), event.into()]).await?;
        let orders = rows.iter().map(Row::order_id).collect::<Result<Vec<_>>>()?;
        let sql = concat!(
            "UPDATE order_attention SET acknowledged_at = @now, acknowledged_why = ",
            unless_erased!("order_attention", "$1"),
            " WHERE acknowledged_at IS NULL AND shows_at <= @now AND order_id @any($2) RETURNING order_id, reason"
        );
        let done = tx.fetch_all(sql, &[why.into(), SqlValue::orders(orders)]).await?;
        let paid: BTreeSet<_> = paid_after_void(&done)?.into_iter().collect();
        if !paid.is_empty() {
            see_to(&mut tx, &paid, self.refunds()).await?;
        }
        let orders = done.iter().map(Row::order_id).collect::<Result<BTreeSet<_>>>()?;
        audit_orders(&mut tx, by, Action::Acknowledge, orders).await?;
        tx.commit().await?;
        Ok(done.len() as u64)
    }
}

/// The order or the event of a scope.
fn parts(scope: &AttentionScope) -> (Option<OrderId>, Option<&String>) {
    match scope {
        AttentionScope::Order(order) => (Some(*order), None),
        AttentionScope::Event(event) => (None, Some(event)),
    }
}
