//! What takes tickets back.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::settling::{carry_out, case, list_anew};
use crate::shared::cells::{Row, clean, rfc3339};
use crate::shared::earlier;
use crate::shared::withdrawing::{Ruling, sql, withdrawal_columns, withdrawal_from};
use crate::{Announcing, Result, WithdrawalRecord, Withdrawals};

#[async_trait]
impl Withdrawals for SqliteStore {
    async fn void_ticket(&self, id: TicketId, reason: &str, announcing: &Announcing) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "SELECT order_id FROM tickets WHERE id = ?1 AND voided_at IS NULL";
        let Some(row) = sqlx::query(sql).bind(id.to_string()).fetch_optional(&mut *tx).await? else {
            return Ok(false);
        };
        let order = row.order_id()?;
        let Some(case) = case(&mut tx, now, order, self.refunds).await? else { return Ok(false) };
        let ruling = Ruling::void_of(&case, id, reason);
        carry_out(&mut tx, &case, &ruling, "operator", announcing).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_withdrawal(&self, key: &str, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "UPDATE withdrawals SET state = 'lifted', note = ?2, updated_at = ?3 \
                   WHERE key = ?1 AND state IN ('waiting', 'parked') RETURNING order_id";
        let query = sqlx::query(sql).bind(key).bind(clean(reason)).bind(rfc3339(now));
        let Some(row) = query.fetch_optional(&mut *tx).await? else { return Ok(false) };
        let order = row.order_id()?;
        put_aside(&mut tx, now, order).await?;
        list_anew(&mut tx, now, order, self.refunds).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lift_unpaid(&self, order: OrderId, reason: &str) -> Result<bool> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let query = sqlx::query(sql::LIFT_UNPAID).bind(order.to_string()).bind(clean(reason));
        let lifted = query.bind(rfc3339(now)).execute(&mut *tx).await?.rows_affected();
        if lifted > 0 {
            put_aside(&mut tx, now, order).await?;
        }
        tx.commit().await?;
        Ok(lifted > 0)
    }

    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize> {
        let mut tx = self.begin().await?;
        let now = self.now();
        let sql = "SELECT key FROM withdrawals WHERE state = 'waiting' AND received_at < ?1 \
                   ORDER BY received_at, key LIMIT ?2";
        let query = sqlx::query_scalar(sql).bind(rfc3339(earlier(now, age)));
        let keys: Vec<String> =
            query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut *tx).await?;
        for key in &keys {
            sqlx::query(sql::PARK_OVERDUE).bind(key).bind(rfc3339(now)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(keys.len())
    }

    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>> {
        let sql = concat!(
            "SELECT ",
            withdrawal_columns!(),
            " FROM withdrawals w WHERE w.state IN ('waiting', 'parked') ORDER BY w.received_at, w.key LIMIT ?1"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.read).await?;
        rows.iter().map(withdrawal_from).collect()
    }
}

/// Takes an order off the list that nobody has paid and of which nothing is left.
async fn put_aside(db: &mut SqliteConnection, now: Timestamp, order: OrderId) -> Result<()> {
    let query = sqlx::query(sql::PUT_ASIDE).bind(order.to_string()).bind(sql::NOBODY_PAID);
    query.bind(rfc3339(now)).execute(db).await?;
    Ok(())
}
