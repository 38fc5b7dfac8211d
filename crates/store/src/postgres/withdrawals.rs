//! What takes tickets back.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId, Withdrawal};
use sqlx::PgConnection;
use uuid::Uuid;

use super::PgStore;
use super::rows::letters::set_apart;
use super::rows::orders::{lock, want_if_listed};
use super::rows::personal::keep_erased;
use super::rows::positions::advance;
use super::rows::values::{At, micros, rows_at_most};
use super::rows::withdrawals::{insert, insert_raw};
use super::settling::{Settling, carry_out, case, list_anew, settle};
use crate::shared::cells::{Row, clean};
use crate::shared::intake::DeadLetter;
use crate::shared::withdrawing::{
    CANCELLATIONS, Heard, NewWithdrawal, Ruling, heard_columns, sql, withdrawal_columns, withdrawal_from,
};
use crate::{
    Announcing, DeadLetterRoute, Incoming, Position, Positions as _, Result, WithdrawalOutcome,
    WithdrawalRecord, Withdrawals,
};

#[async_trait]
impl Withdrawals for PgStore {
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
        lock_orders(&mut tx, batch).await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut dead = Vec::new();
        for message in batch {
            outcomes.push(match &message.content {
                Ok(said) => {
                    let work = Settling { rules: self.refunds, announcing };
                    record(&mut tx, work, message, said, &mut dead).await?
                }
                Err(why) => {
                    dead.push(DeadLetter::unreadable(message, why));
                    WithdrawalOutcome::DeadLettered(why.clone())
                }
            });
        }
        let mut seen = HashSet::new();
        dead.retain(|letter| seen.insert(letter.fingerprint));
        set_apart(&mut tx, &dead, dead_letters).await?;
        let orders = batch.iter().filter_map(|m| m.content.as_ref().ok()).map(Withdrawal::order_id).collect();
        keep_erased(&mut tx, &orders).await?;
        drop_phantoms(&mut tx, &outcomes).await?;
        advance(&mut tx, reached).await?;
        tx.commit().await?;
        Ok(outcomes)
    }

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

/// Makes and locks the rows of the orders that are named, in their order: a payment that comes at this moment waits.
async fn lock_orders(db: &mut PgConnection, batch: &[Incoming<Withdrawal>]) -> Result<()> {
    let said = batch.iter().filter_map(|m| m.content.as_ref().ok().map(|said| (m, said)));
    let mut keys = HashSet::new();
    let (mut names, mut orders) = (Vec::new(), Vec::new());
    for (message, said) in said {
        let key = NewWithdrawal::new(message, said)?.key;
        // Only the first of a key can be new; another that names another order is set apart.
        if keys.insert(key.clone()) {
            names.push(key);
            orders.push(said.order_id().0);
        }
    }
    // One under a known key of another order makes no order: it is set apart.
    let sql = "INSERT INTO orders (order_id, state, reason, payment_key, withdrawn, received_at, tried_since, \
               updated_at) \
               SELECT n.id, 'parked', 'awaiting payment', '', 1, clock_timestamp(), \
               clock_timestamp(), clock_timestamp() \
               FROM (SELECT DISTINCT n.id FROM unnest($1::uuid[], $2::text[]) AS n(id, key) \
                     WHERE NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.key = n.key AND w.order_id <> n.id)) AS n \
               ORDER BY n.id ON CONFLICT (order_id) DO UPDATE SET withdrawn = 1";
    sqlx::query(sql).bind(orders).bind(names).execute(db).await?;
    Ok(())
}

/// Takes the rows away again that were made for refunds which turned out to be another order's, told at the same moment.
async fn drop_phantoms(db: &mut PgConnection, outcomes: &[WithdrawalOutcome]) -> Result<()> {
    let set_apart = outcomes.iter().filter_map(|outcome| match outcome {
        WithdrawalOutcome::Quarantined(order) => Some(order.0),
        _ => None,
    });
    let orders: Vec<Uuid> = set_apart.collect();
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM orders o WHERE o.order_id = ANY($1::uuid[]) AND o.payment_key = '' \
               AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.order_id = o.order_id)";
    sqlx::query(sql).bind(orders).execute(db).await?;
    Ok(())
}

/// Records one, and does what follows from it. Its order is locked.
async fn record<'a>(
    db: &mut PgConnection,
    work: Settling<'_>,
    message: &'a Incoming<Withdrawal>,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a, Withdrawal>>,
) -> Result<WithdrawalOutcome> {
    let mut new = NewWithdrawal::new(message, said)?;
    let order = said.order_id();
    if new.is_untimed() {
        new.place(&sqlx::query(CANCELLATIONS).bind(order.0).fetch_all(&mut *db).await?)?;
    }
    if !insert(db, message, &new).await? {
        let sql = concat!("SELECT ", heard_columns!(), " FROM withdrawals WHERE key = $1 FOR NO KEY UPDATE");
        let row = sqlx::query(sql).bind(&new.key).fetch_one(&mut *db).await?;
        match new.hear(&row)? {
            Heard::Contradiction(field) => {
                dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                return Ok(WithdrawalOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = $1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(WithdrawalOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = $2, heard = $3, note = NULL, reason = coalesce($4, reason), \
                           said_at = coalesce($5, said_at), updated_at = clock_timestamp(), hash = $6, payment_key = $7, \
                           amount = $8::text::numeric, currency = $9, names = $10 WHERE key = $1";
                sqlx::query(sql)
                    .bind(&new.key)
                    .bind(moved.state.as_str())
                    .bind(moved.heard)
                    .bind(said.reason().map(clean))
                    .bind(said.said_at().map(At))
                    .bind(&moved.hash[..])
                    .bind(moved.payment_key)
                    .bind(moved.amount.map(|a| a.to_string()))
                    .bind(moved.currency.map(|c| c.to_string()))
                    .bind(clean(&moved.names))
                    .execute(&mut *db)
                    .await?;
                insert_raw(db, message, &new).await?;
            }
        }
    }
    // Its reason can be personal, and would stand in the tickets' void.
    let sql = "UPDATE withdrawals SET reason = NULL WHERE key = $1 \
               AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
    sqlx::query(sql).bind(&new.key).execute(&mut *db).await?;
    settle(db, order, work).await?;
    want_if_listed(db, order).await?;
    let sql = "SELECT state FROM withdrawals WHERE key = $1";
    let state = sqlx::query(sql).bind(&new.key).fetch_one(db).await?.word("state")?;
    Ok(WithdrawalOutcome::Recorded(order, state))
}
