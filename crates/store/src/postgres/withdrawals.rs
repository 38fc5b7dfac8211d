//! What takes tickets back.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::rows::orders::lock;
use super::rows::values::{At, micros, rows_at_most};
use super::settling::{carry_out, case, list_anew};
use crate::shared::cells::{Row, clean};
use crate::shared::withdrawing::{Ruling, sql, withdrawal_columns, withdrawal_from};
use crate::{Announcing, Result, WithdrawalRecord, Withdrawals};

#[async_trait]
impl Withdrawals for PgStore {
    async fn void_ticket(&self, id: TicketId, reason: &str, announcing: &Announcing) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order before its tickets, as everybody locks them.
        let sql = "SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM tickets WHERE id = $1) \
                   FOR NO KEY UPDATE";
        let Some(row) = sqlx::query(sql).bind(id.0).fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        let Some(case) = case(&mut tx, order, self.refunds).await? else { return Ok(false) };
        if !case.tickets.iter().any(|t| t.id == id && t.lifecycle.voided_at.is_none()) {
            return Ok(false);
        }
        let ruling = Ruling::void_of(&case, id, reason);
        carry_out(&mut tx, &case, &ruling, "operator", announcing).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_withdrawal(&self, key: &str, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        // The order first: whoever settles it at this moment has done with this refund, or has not begun.
        let sql = "SELECT order_id FROM orders WHERE order_id = (SELECT order_id FROM withdrawals WHERE key = $1) \
                   FOR NO KEY UPDATE";
        let key = clean(key);
        let Some(row) = sqlx::query(sql).bind(&key).fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        let sql = "UPDATE withdrawals SET state = 'lifted', note = $2, updated_at = clock_timestamp() \
                   WHERE key = $1 AND state IN ('waiting', 'parked')";
        let done =
            sqlx::query(sql).bind(&key).bind(clean(reason)).execute(&mut *tx).await?.rows_affected() == 1;
        if done {
            put_aside(&mut tx, order).await?;
            list_anew(&mut tx, order, self.refunds).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    async fn lift_unpaid(&self, order: OrderId, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let Some(now) = lock(&mut tx, order).await? else { return Ok(false) };
        let query = sqlx::query(sql::LIFT_UNPAID).bind(order.0).bind(clean(reason)).bind(now);
        let lifted = query.execute(&mut *tx).await?.rows_affected();
        if lifted > 0 {
            put_aside(&mut tx, order).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }

    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize> {
        let mut tx = self.begin().await?;
        let sql = "SELECT key, order_id, clock_timestamp() AS now FROM withdrawals WHERE state = 'waiting' \
                   AND received_at < clock_timestamp() - $1 * interval '1 microsecond' ORDER BY received_at, key LIMIT $2";
        let query = sqlx::query_as(sql).bind(micros(age)).bind(rows_at_most(limit));
        let overdue: Vec<(String, Uuid, At)> = query.fetch_all(&mut *tx).await?;
        let orders: Vec<Uuid> = overdue.iter().map(|(_, order, _)| *order).collect();
        let sql = "SELECT 1 FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE";
        sqlx::query(sql).bind(orders).execute(&mut *tx).await?;
        let mut parked = 0;
        for (key, _, now) in &overdue {
            let query = sqlx::query(sql::PARK_OVERDUE).bind(key).bind(now);
            parked += usize::try_from(query.execute(&mut *tx).await?.rows_affected()).unwrap_or(usize::MAX);
        }
        tx.commit().await?;
        Ok(parked)
    }

    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>> {
        let sql = concat!(
            "SELECT ",
            withdrawal_columns!(),
            " FROM withdrawals w WHERE w.state IN ('waiting', 'parked') ORDER BY w.received_at, w.key LIMIT $1"
        );
        let rows = sqlx::query(sql).bind(rows_at_most(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(withdrawal_from).collect()
    }
}

/// Takes an order off the list that nobody has paid and of which nothing is left. Its row is locked.
async fn put_aside(db: &mut PgConnection, order: OrderId) -> Result<()> {
    let Some(now) = lock(db, order).await? else { return Ok(()) };
    sqlx::query(sql::PUT_ASIDE).bind(order.0).bind(sql::NOBODY_PAID).bind(now).execute(db).await?;
    Ok(())
}
