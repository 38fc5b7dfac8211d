//! What takes tickets back.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId, Withdrawal};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::letters::set_apart;
use super::rows::orders::want_if_listed;
use super::rows::personal::keep_erased;
use super::rows::positions::advance;
use super::rows::withdrawals::{insert, insert_raw};
use super::settling::{Settling, carry_out, case, list_anew, settle};
use crate::shared::cells::{Row, clean, rfc3339};
use crate::shared::earlier;
use crate::shared::intake::DeadLetter;
use crate::shared::withdrawing::{
    CANCELLATIONS, Heard, NewWithdrawal, Ruling, heard_columns, sql, withdrawal_columns, withdrawal_from,
};
use crate::{
    Announcing, DeadLetterRoute, Incoming, Position, Positions as _, Result, WithdrawalOutcome,
    WithdrawalRecord, Withdrawals,
};

#[async_trait]
impl Withdrawals for SqliteStore {
    async fn withdraw_read(
        &self,
        batch: &[Incoming<Withdrawal>],
        reached: &[Position],
        dead_letters: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<WithdrawalOutcome>> {
        if batch.is_empty() {
            self.advance(reached).await?;
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let now = self.now();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut dead = Vec::new();
        for message in batch {
            outcomes.push(match &message.content {
                Ok(said) => {
                    let work = Settling { now, rules: self.refunds, announcing };
                    record(&mut tx, work, message, said, &mut dead).await?
                }
                Err(why) => {
                    dead.push(DeadLetter::unreadable(message, why));
                    WithdrawalOutcome::DeadLettered(why.clone())
                }
            });
        }
        set_apart(&mut tx, now, &dead, dead_letters).await?;
        let orders = batch.iter().filter_map(|m| m.content.as_ref().ok()).map(Withdrawal::order_id).collect();
        keep_erased(&mut tx, now, &orders).await?;
        advance(&mut tx, now, reached).await?;
        tx.commit().await?;
        Ok(outcomes)
    }

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

/// Records one, and does what follows from it.
async fn record<'a>(
    db: &mut SqliteConnection,
    work: Settling<'_>,
    message: &'a Incoming<Withdrawal>,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a, Withdrawal>>,
) -> Result<WithdrawalOutcome> {
    let mut new = NewWithdrawal::new(message, said)?;
    let (order, now) = (said.order_id(), rfc3339(work.now));
    if new.is_untimed() {
        new.place(&sqlx::query(CANCELLATIONS).bind(order.to_string()).fetch_all(&mut *db).await?)?;
    }
    let sql = concat!("SELECT ", heard_columns!(), " FROM withdrawals WHERE key = ?1");
    match sqlx::query(sql).bind(&new.key).fetch_optional(&mut *db).await? {
        None => {
            let sql = "INSERT INTO orders (order_id, state, reason, payment_key, withdrawn, received_at, tried_since, \
                       updated_at) VALUES (?1, 'parked', 'awaiting payment', '', 1, ?2, ?2, ?2) \
                       ON CONFLICT (order_id) DO UPDATE SET withdrawn = 1";
            sqlx::query(sql).bind(order.to_string()).bind(&now).execute(&mut *db).await?;
            insert(db, &now, message, &new).await?;
        }
        Some(row) => match new.hear(&row)? {
            Heard::Contradiction(field) => {
                dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                return Ok(WithdrawalOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = ?1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(WithdrawalOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = ?2, heard = ?3, note = NULL, reason = coalesce(?4, reason), \
                           said_at = coalesce(?5, said_at), updated_at = ?6, hash = ?7, payment_key = ?8, \
                           amount = ?9, currency = ?10, names = ?11 WHERE key = ?1";
                sqlx::query(sql)
                    .bind(&new.key)
                    .bind(moved.state.as_str())
                    .bind(moved.heard)
                    .bind(said.reason().map(clean))
                    .bind(said.said_at().map(rfc3339))
                    .bind(&now)
                    .bind(&moved.hash[..])
                    .bind(moved.payment_key)
                    .bind(moved.amount.map(|a| a.to_string()))
                    .bind(moved.currency.map(|c| c.to_string()))
                    .bind(clean(&moved.names))
                    .execute(&mut *db)
                    .await?;
                insert_raw(db, message, &new).await?;
            }
        },
    }
    // Its reason can be personal, and would stand in the tickets' void.
    let sql = "UPDATE withdrawals SET reason = NULL WHERE key = ?1 \
               AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
    sqlx::query(sql).bind(&new.key).execute(&mut *db).await?;
    settle(db, order, work).await?;
    want_if_listed(db, work.now, order).await?;
    let sql = "SELECT state FROM withdrawals WHERE key = ?1";
    let state = sqlx::query(sql).bind(&new.key).fetch_one(db).await?.word("state")?;
    Ok(WithdrawalOutcome::Recorded(order, state))
}
