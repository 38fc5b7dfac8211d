//! Refunds and cancellations that come in: each is recorded, and what follows from it is done.

use fulfillment_domain::Withdrawal;
use sqlx::SqliteConnection;

use super::rows::orders::want_if_listed;
use super::rows::withdrawals::{insert, insert_raw};
use super::settling::{Settling, settle};
use crate::shared::cells::{Row as _, clean, rfc3339};
use crate::shared::dead_letter::DeadLetter;
use crate::shared::withdrawing::{CANCELLATIONS, Heard, NewWithdrawal, heard_columns};
use crate::{Incoming, IngestOutcome, Result};

/// Records one, and does what follows from it.
pub(super) async fn record<'a>(
    db: &mut SqliteConnection,
    work: Settling<'_>,
    message: &'a Incoming,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a>>,
) -> Result<IngestOutcome> {
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
                return Ok(IngestOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = ?1";
                sqlx::query(sql).bind(&new.key).execute(db).await?;
                return Ok(IngestOutcome::Duplicate(order));
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
    Ok(IngestOutcome::Recorded(order, state))
}
