//! Ingestion of refunds and cancellations: each is recorded, and its effects are applied.

use std::collections::{BTreeMap, BTreeSet};

use fulfillment_domain::{OrderId, Withdrawal};

use super::rows::orders::want_if_listed;
use super::settling::{Settling, settle};
use super::{Batches, Db};
use crate::decide::dead_letter::DeadLetter;
use crate::decide::headers;
use crate::decide::intake::Intake;
use crate::decide::sql_values::{Row as _, SqlValue};
use crate::decide::withdrawing::{CANCELLATIONS, Heard, NewWithdrawal, heard_columns};
use crate::{Incoming, IngestOutcome, Result};

/// Creates and locks the rows of the orders that are named, in order of ids: a concurrent payment waits.
pub(crate) async fn lock_orders(db: &mut impl Db, intake: &Intake<'_>) -> Result<()> {
    let mut orders = BTreeMap::new();
    for (_, message, said) in intake.withdrawals() {
        // Only the first message of a key can be new; another one that names another order is quarantined.
        orders.entry(NewWithdrawal::new(message, said)?.key).or_insert(said.order_id());
    }
    let orders: BTreeSet<_> = orders.into_iter().map(|(key, order)| (order, key)).collect();
    for (order, key) in orders {
        // A message under a known key of another order creates no order: it is quarantined.
        let sql = "INSERT INTO orders (order_id, state, reason, payment_key, withdrawn, received_at, tried_since, \
                   updated_at) SELECT $1, 'parked', 'awaiting payment', '', 1, @now, @now, @now \
                   WHERE NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.key = $2 AND w.order_id <> $1) \
                   ON CONFLICT (order_id) DO UPDATE SET withdrawn = 1";
        db.execute(sql, &[order.into(), key.into()]).await?;
    }
    Ok(())
}

/// Removes the rows that were created for refunds which a concurrent message recorded for another order.
pub(crate) async fn drop_phantoms(
    db: &mut impl Db,
    intake: &Intake<'_>,
    outcomes: &[Option<IngestOutcome>],
) -> Result<()> {
    let set_apart = intake.withdrawals().filter_map(|(at, _, _)| match outcomes.get(at) {
        Some(Some(IngestOutcome::Quarantined(order))) => Some(*order),
        _ => None,
    });
    let orders: Vec<OrderId> = set_apart.collect();
    if orders.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM orders WHERE order_id @any($1) AND payment_key = '' \
               AND NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.order_id = orders.order_id)";
    db.execute(sql, &[SqlValue::orders(orders)]).await?;
    Ok(())
}

/// Records one message, and applies its effects. Its order is locked.
pub(crate) async fn record<'a>(
    db: &mut impl Batches,
    work: Settling<'_>,
    message: &'a Incoming,
    said: &'a Withdrawal,
    dead: &mut Vec<DeadLetter<'a>>,
) -> Result<IngestOutcome> {
    let mut new = NewWithdrawal::new(message, said)?;
    let order = said.order_id();
    if new.is_untimed() {
        new.place(&db.fetch_all(CANCELLATIONS, &[order.into()]).await?)?;
    }
    if insert(db, message, &new).await? {
        insert_raw(db, message, &new).await?;
    } else {
        let sql = concat!("SELECT ", heard_columns!(), " FROM withdrawals WHERE key = $1 @lock");
        let row = db.fetch_one(sql, &[(&new.key).into()]).await?;
        match new.hear(&row)? {
            Heard::Contradiction(field) => {
                dead.push(DeadLetter::quarantined(message, order, new.contradiction(field)));
                return Ok(IngestOutcome::Quarantined(order));
            }
            Heard::Repeat => {
                let sql = "UPDATE withdrawals SET duplicates = duplicates + 1 WHERE key = $1";
                db.execute(sql, &[(&new.key).into()]).await?;
                return Ok(IngestOutcome::Duplicate(order));
            }
            Heard::Moved(moved) => {
                let sql = "UPDATE withdrawals SET state = $2, heard = $3, note = NULL, reason = coalesce($4, reason), \
                           said_at = coalesce($5, said_at), updated_at = @now, hash = $6, payment_key = $7, \
                           amount = @amount($8), currency = $9, names = $10 WHERE key = $1";
                let cells = [
                    (&new.key).into(),
                    moved.state.as_str().into(),
                    moved.heard.into(),
                    said.reason().into(),
                    said.said_at().into(),
                    (&moved.hash).into(),
                    moved.payment_key.into(),
                    moved.amount.map(|a| a.to_string()).into(),
                    moved.currency.map(|c| c.to_string()).into(),
                    (&moved.names).into(),
                ];
                db.execute(sql, &cells).await?;
                insert_raw(db, message, &new).await?;
            }
        }
    }
    // Its reason can be personal, and would be stored as the tickets' void reason.
    let sql = "UPDATE withdrawals SET reason = NULL WHERE key = $1 \
               AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = withdrawals.order_id AND o.erased_at IS NOT NULL)";
    db.execute(sql, &[(&new.key).into()]).await?;
    settle(db, order, work).await?;
    want_if_listed(db, order).await?;
    let row = db.fetch_one("SELECT state FROM withdrawals WHERE key = $1", &[(&new.key).into()]).await?;
    Ok(IngestOutcome::Recorded(order, row.word("state")?))
}

/// Writes a row; false when its key exists.
async fn insert(db: &mut impl Db, message: &Incoming, new: &NewWithdrawal<'_>) -> Result<bool> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               VALUES ($1, $2, $3, $4, @amount($5), $6, $7, $8, $9, $10, $11, $12, @now, $13, $14) \
               ON CONFLICT (key) DO NOTHING";
    let cells = [
        (&new.key).into(),
        new.said.subject().as_str().into(),
        new.said.order_id().into(),
        new.payment_key.as_ref().into(),
        new.amount.map(|a| a.to_string()).into(),
        new.currency.map(|c| c.to_string()).into(),
        (&new.names).into(),
        new.said.reason().into(),
        new.said.said_at().into(),
        (&new.hash).into(),
        new.state().as_str().into(),
        message.received_at.into(),
        new.heard().into(),
        new.note().into(),
    ];
    Ok(db.execute(sql, &cells).await? == 1)
}

/// Stores the raw message.
async fn insert_raw(db: &mut impl Db, message: &Incoming, new: &NewWithdrawal<'_>) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let headers = headers::encode(&message.headers)?;
    let cells = [
        (&new.key).into(),
        new.said.order_id().into(),
        message.source.to_string().into(),
        message.source.timestamp().into(),
        message.key.as_deref().into(),
        (&message.raw).into(),
        (&headers).into(),
        new.said.subject().as_str().into(),
        message.received_at.into(),
    ];
    db.execute(sql, &cells).await?;
    Ok(())
}
