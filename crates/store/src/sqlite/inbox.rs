//! Payments in.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::rows::attention::list_closed;
use super::rows::letters::set_apart;
use super::rows::orders::want;
use super::rows::personal::keep_erased;
use super::rows::positions::advance;
use super::rows::values::list;
use super::settling::{Settling, settle};
use crate::shared::adopting::IMPORTED;
use crate::shared::cells::{Row, clean, rfc3339};
use crate::shared::folding::{Standing, standing_columns, standing_from};
use crate::shared::headers;
use crate::shared::intake::{Intake, Known, NewPayment};
use crate::{Announcing, DeadLetterRoute, Inbox, Incoming, IngestOutcome, Position, Positions as _, Result};

#[async_trait]
impl Inbox for SqliteStore {
    async fn ingest_read(
        &self,
        batch: &[Incoming],
        reached: &[Position],
        route: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<IngestOutcome>> {
        if batch.is_empty() {
            self.advance(reached).await?;
            return Ok(Vec::new());
        }
        let intake = Intake::new(batch);
        let mut tx = self.begin().await?;
        let now = self.now();
        let known = known(&mut tx, &intake.keys()).await?;
        let (mut inserted, mut withdrawn, mut imported) = (HashSet::new(), BTreeSet::new(), HashSet::new());
        for (order, (key, message)) in intake.new_orders(&known) {
            // A row without a payment was made by a refund or cancellation that came before it.
            let sql = "INSERT INTO orders \
                       (order_id, state, payment_key, traceparent, due_at, received_at, tried_since, updated_at) \
                       VALUES (?1, 'received', ?2, ?3, ?4, ?5, ?5, ?4) ON CONFLICT (order_id) DO UPDATE SET \
                       state = excluded.state, reason = NULL, payment_key = excluded.payment_key, \
                       traceparent = excluded.traceparent, due_at = excluded.due_at, parked_at = NULL, \
                       received_at = excluded.received_at, tried_since = excluded.tried_since, \
                       updated_at = excluded.updated_at WHERE orders.payment_key = '' RETURNING withdrawn";
            let row = sqlx::query(sql)
                .bind(order.to_string())
                .bind(key)
                .bind(message.traceparent.as_deref().map(clean))
                .bind(rfc3339(now))
                .bind(rfc3339(message.received_at))
                .fetch_optional(&mut *tx)
                .await?;
            let row = match row {
                Some(row) => Some(row),
                None => bind_imported(&mut tx, now, order, key).await?.inspect(|_| {
                    imported.insert(order);
                }),
            };
            if let Some(row) = row {
                inserted.insert(order);
                if row.number::<i64>("withdrawn")? != 0 {
                    withdrawn.insert(order);
                }
            }
        }
        let standing = standing(&mut tx, &intake, &known, &inserted).await?;
        let mut decided = intake.decide(&known, &inserted, standing);
        for payment in &decided.payments {
            insert_payment(&mut tx, payment).await?;
            insert_raw(&mut tx, payment).await?;
        }
        for (key, (repeats, folded)) in decided.changes() {
            let sql = "UPDATE payments SET duplicates = duplicates + ?2, folded_into = coalesce(?3, folded_into) \
                       WHERE key = ?1";
            sqlx::query(sql).bind(key).bind(repeats).bind(folded).execute(&mut *tx).await?;
        }
        for (order, times) in decided.more() {
            if !want(&mut tx, now, order, times).await? {
                list_closed(&mut tx, now, order).await?;
            }
        }
        set_apart(&mut tx, now, &decided.dead, route).await?;
        Intake::call_imported(&imported, &mut decided.outcomes);
        let mut known_orders = decided.known_orders();
        known_orders.extend(imported);
        let late = late(&mut tx, &decided.payments, &mut withdrawn).await?;
        intake.call_late(&late, &mut decided.outcomes);
        for order in withdrawn {
            settle(&mut tx, order, Settling { now, rules: self.refunds, announcing }).await?;
        }
        keep_erased(&mut tx, now, &known_orders).await?;
        advance(&mut tx, now, reached).await?;
        tx.commit().await?;
        Ok(decided.outcomes)
    }
}

/// Binds an order that was taken over to the first payment that comes. Answers with its `withdrawn` if it did.
async fn bind_imported(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    key: &str,
) -> Result<Option<SqliteRow>> {
    let sql = "UPDATE orders SET payment_key = ?2, updated_at = ?4 WHERE order_id = ?1 AND payment_key = ?3 \
               RETURNING withdrawn";
    let query = sqlx::query(sql).bind(order.to_string()).bind(key).bind(IMPORTED).bind(rfc3339(now));
    Ok(query.fetch_optional(db).await?)
}

/// Marks payments that came after their orders were void, and answers with their keys. Orders that withdrawals
/// bear on are added to `withdrawn`.
async fn late(
    db: &mut SqliteConnection,
    payments: &[NewPayment<'_>],
    withdrawn: &mut BTreeSet<OrderId>,
) -> Result<HashSet<String>> {
    let mut late = HashSet::new();
    for new in payments {
        let order = new.payment.order_id;
        if new.accepted && !withdrawn.contains(&order) {
            continue;
        }
        let sql =
            "SELECT voided_at FROM orders WHERE order_id = ?1 AND (withdrawn <> 0 OR voided_at IS NOT NULL)";
        let Some(row) = sqlx::query(sql).bind(order.to_string()).fetch_optional(&mut *db).await? else {
            continue;
        };
        withdrawn.insert(order);
        // One that is known under another key has come before.
        if row.time("voided_at")?.is_some() && new.is_new() {
            let sql = "UPDATE payments SET late = 1 WHERE key = ?1";
            sqlx::query(sql).bind(new.key).execute(&mut *db).await?;
            late.insert(new.key.to_owned());
        }
    }
    Ok(late)
}

async fn known(db: &mut SqliteConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE key IN (SELECT value FROM json_each(?1))"
    );
    let rows = sqlx::query(sql).bind(list(keys)?).fetch_all(db).await?;
    rows.iter().map(Known::from_row).collect()
}

/// The payments of orders that were there before.
async fn standing(
    db: &mut SqliteConnection,
    intake: &Intake<'_>,
    known: &HashMap<String, Known>,
    inserted: &HashSet<OrderId>,
) -> Result<Vec<(OrderId, Standing)>> {
    let orders = intake.new_orders(known).into_keys().filter(|order| !inserted.contains(order));
    let orders: Vec<_> = orders.collect();
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE order_id IN (SELECT value FROM json_each(?1)) AND folded_into IS NULL \
         ORDER BY received_at, key"
    );
    sqlx::query(sql).bind(list(orders)?).fetch_all(db).await?.iter().map(standing_from).collect()
}

async fn insert_payment(db: &mut SqliteConnection, new: &NewPayment<'_>) -> Result<()> {
    let sql = "INSERT INTO payments (key, order_id, payment_id, customer_id, amount, currency, processed_at, \
               hash, outcome, duplicates, received_at, transaction_id, folded_into, late) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    sqlx::query(sql)
        .bind(new.key)
        .bind(new.payment.order_id.to_string())
        .bind(new.payment.payment_id.as_deref().map(clean))
        .bind(new.payment.customer_id.as_deref().map(clean))
        .bind(new.payment.amount.map(|a| a.to_string()))
        .bind(new.payment.currency.map(|c| c.to_string()))
        .bind(new.payment.processed_at.map(rfc3339))
        .bind(&new.hash[..])
        .bind(new.outcome())
        .bind(new.duplicates)
        .bind(rfc3339(new.message.received_at))
        .bind(new.payment.transaction_id.as_deref().map(clean))
        .bind(new.folded_into())
        .bind(new.arrival().stored())
        .execute(db)
        .await?;
    Ok(())
}

async fn insert_raw(db: &mut SqliteConnection, new: &NewPayment<'_>) -> Result<()> {
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, \
               outcome, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlx::query(sql)
        .bind(new.key)
        .bind(new.payment.order_id.to_string())
        .bind(new.message.source.to_string())
        .bind(new.message.source.timestamp())
        .bind(new.message.key.as_deref())
        .bind(&new.message.raw[..])
        .bind(headers::encode(&new.message.headers)?)
        .bind(new.outcome())
        .bind(rfc3339(new.message.received_at))
        .execute(db)
        .await?;
    Ok(())
}
