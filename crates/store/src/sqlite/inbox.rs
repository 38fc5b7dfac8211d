//! The inbox in SQLite: ingestion of messages.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::rows::dead_letters::set_apart;
use super::rows::positions::advance;
use super::rows::values::list;
use crate::decide::facts::{Earlier, Facts, Known, earlier_columns};
use crate::decide::folding::{standing_columns, standing_from};
use crate::decide::headers;
use crate::decide::intake::{First, Intake, NewPayment};
use crate::decide::sql_values::{clean, rfc3339};
use crate::sql::event_changes::{change_events, changed_events, number_events};
use crate::sql::recording::{drop_phantoms, mark, named, record};
use crate::sql::rows::attention::list_closed;
use crate::sql::rows::audit::audit_entered;
use crate::sql::rows::orders::{want, want_if_listed};
use crate::sql::rows::personal::keep_erased;
use crate::sql::settling::{Settling, settle};
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
        number_events(self, &intake).await?;
        let mut tx = self.begin().await?;
        let now = self.now();
        let named = named(&mut tx, &intake).await?;
        let mut decided = intake.decide(facts(&mut tx, now, &intake).await?);
        for (order, first) in &decided.started {
            start_announced(&mut tx, now, *order, *first).await?;
        }
        for (order, (key, _)) in &decided.bound {
            let sql = "UPDATE orders SET payment_key = ?2, updated_at = ?3 WHERE order_id = ?1";
            sqlx::query(sql).bind(order.to_string()).bind(key).bind(rfc3339(now)).execute(&mut *tx).await?;
        }
        make_named(&mut tx, now, &named).await?;
        mark(&mut tx, &named).await?;
        for payment in &decided.payments {
            insert_payment(&mut tx, payment).await?;
            insert_raw(&mut tx, payment).await?;
        }
        for (key, (repeats, folded)) in decided.changes() {
            let sql = "UPDATE payments SET duplicates = duplicates + ?2, folded_into = coalesce(?3, folded_into) \
                       WHERE key = ?1";
            sqlx::query(sql).bind(key).bind(repeats).bind(folded).execute(&mut *tx).await?;
        }
        let (more, times): (Vec<_>, Vec<_>) = decided.more().into_iter().unzip();
        let closed = want(&mut tx, &more, &times).await?;
        list_closed(&mut tx, &closed).await?;
        let recorded = record(&mut tx, &intake, &mut decided).await?;
        let to_settle = decided.to_settle.union(&recorded.orders).copied().collect();
        let changed = changed_events(&intake);
        let work = Settling { rules: self.refunds, announcing, has_seats: false, noted: &changed };
        settle(&mut tx, &to_settle, work).await?;
        want_if_listed(&mut tx, &recorded.orders).await?;
        recorded.tell(&mut tx, &mut decided.outcomes).await?;
        change_events(&mut tx, &intake, &mut decided, announcing).await?;
        set_apart(&mut tx, now, decided.dead_once(), route).await?;
        keep_erased(&mut tx, &decided.known_orders(&intake), &decided.dead).await?;
        drop_phantoms(&mut tx, &intake, &decided.outcomes, &BTreeSet::new()).await?;
        audit_entered(&mut tx, &intake, &decided.outcomes).await?;
        advance(&mut tx, now, reached).await?;
        tx.commit().await?;
        Ok(decided.outcomes.into_iter().flatten().collect())
    }
}

/// Creates the missing orders of payments, and returns what was recorded before.
async fn facts(db: &mut SqliteConnection, now: Timestamp, intake: &Intake<'_>) -> Result<Facts> {
    let known = known(db, &intake.keys()).await?;
    let firsts = intake.firsts(&known);
    let mut there = Vec::new();
    for (order, (key, message)) in &firsts {
        let sql = "INSERT INTO orders \
                   (order_id, state, payment_key, traceparent, due_at, received_at, tried_since, updated_at) \
                   VALUES (?1, 'received', ?2, ?3, ?4, ?5, ?5, ?4) ON CONFLICT (order_id) DO NOTHING";
        let made = sqlx::query(sql)
            .bind(order.to_string())
            .bind(key)
            .bind(message.traceparent.as_deref().map(clean))
            .bind(rfc3339(now))
            .bind(rfc3339(message.received_at))
            .execute(&mut *db)
            .await?;
        if made.rows_affected() == 0 {
            there.push(*order);
        }
    }
    if there.is_empty() {
        return Ok(Facts { known, ..Facts::default() });
    }
    let there = list(there)?;
    let sql = concat!(
        "SELECT ",
        earlier_columns!(),
        " FROM orders WHERE order_id IN (SELECT value FROM json_each(?1))"
    );
    let rows = sqlx::query(sql).bind(&there).fetch_all(&mut *db).await?;
    let earlier = rows.iter().map(Earlier::from_row).collect::<Result<_>>()?;
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE order_id IN (SELECT value FROM json_each(?1)) AND folded_into IS NULL \
         ORDER BY received_at, key"
    );
    let rows = sqlx::query(sql).bind(there).fetch_all(db).await?;
    let standing = rows.iter().map(standing_from).collect::<Result<_>>()?;
    Ok(Facts { known, earlier, standing })
}

/// Creates the missing orders that refunds and cancellations name: they wait for their payments.
async fn make_named(db: &mut SqliteConnection, now: Timestamp, named: &BTreeSet<OrderId>) -> Result<()> {
    for order in named {
        let sql = "INSERT INTO orders (order_id, state, reason, payment_key, received_at, tried_since, updated_at) \
                   VALUES (?1, 'parked', 'awaiting payment', '', ?2, ?2, ?2) ON CONFLICT (order_id) DO NOTHING";
        sqlx::query(sql).bind(order.to_string()).bind(rfc3339(now)).execute(&mut *db).await?;
    }
    Ok(())
}

/// The payments recorded under these keys.
async fn known(db: &mut SqliteConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = concat!(
        "SELECT ",
        standing_columns!(),
        " FROM payments WHERE key IN (SELECT value FROM json_each(?1))"
    );
    let rows = sqlx::query(sql).bind(list(keys)?).fetch_all(db).await?;
    rows.iter().map(Known::from_row).collect()
}

/// Starts an order that a refund or cancellation created: its first payment has arrived.
async fn start_announced(
    db: &mut SqliteConnection,
    now: Timestamp,
    order: OrderId,
    (key, message): First<'_>,
) -> Result<()> {
    let sql = "UPDATE orders SET state = 'received', reason = NULL, payment_key = ?2, traceparent = ?3, due_at = ?4, \
               parked_at = NULL, received_at = ?5, tried_since = ?5, updated_at = ?4 WHERE order_id = ?1";
    sqlx::query(sql)
        .bind(order.to_string())
        .bind(key)
        .bind(message.traceparent.as_deref().map(clean))
        .bind(rfc3339(now))
        .bind(rfc3339(message.received_at))
        .execute(db)
        .await?;
    Ok(())
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
