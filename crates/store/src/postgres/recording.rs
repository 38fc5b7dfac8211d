//! Refunds and cancellations that come in: each is recorded, and what follows from it is done.

use std::collections::HashSet;

use fulfillment_domain::Withdrawal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::orders::want_if_listed;
use super::rows::values::At;
use super::rows::withdrawals::{insert, insert_raw};
use super::settling::{Settling, settle};
use crate::shared::cells::{Row as _, clean};
use crate::shared::dead_letter::DeadLetter;
use crate::shared::intake::Intake;
use crate::shared::withdrawing::{CANCELLATIONS, Heard, NewWithdrawal, heard_columns};
use crate::{Incoming, IngestOutcome, Result};

/// Makes and locks the rows of the orders that are named, in their order: a payment that comes at this moment waits.
pub(super) async fn lock_orders(db: &mut PgConnection, intake: &Intake<'_>) -> Result<()> {
    let mut keys = HashSet::new();
    let (mut names, mut orders) = (Vec::new(), Vec::new());
    for (_, message, said) in intake.withdrawals() {
        let key = NewWithdrawal::new(message, said)?.key;
        // Only the first of a key can be new; another that names another order is set apart.
        if keys.insert(key.clone()) {
            names.push(key);
            orders.push(said.order_id().0);
        }
    }
    if orders.is_empty() {
        return Ok(());
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
pub(super) async fn drop_phantoms(db: &mut PgConnection, orders: Vec<Uuid>) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM orders o WHERE o.order_id = ANY($1::uuid[]) AND o.payment_key = '' \
               AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.order_id = o.order_id)";
    sqlx::query(sql).bind(orders).execute(db).await?;
    Ok(())
}

/// Records one, and does what follows from it. Its order is locked.
pub(super) async fn record<'a>(
    db: &mut PgConnection,
    work: Settling<'_>,
    message: &'a Incoming,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a>>,
) -> Result<IngestOutcome> {
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
                return Ok(IngestOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = $1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(IngestOutcome::Duplicate(order));
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
    Ok(IngestOutcome::Recorded(order, state))
}
