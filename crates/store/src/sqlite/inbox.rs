//! Payments in.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::outbox::insert_events;
use super::rows::list;
use crate::shared::cells::{Row, clean, need, rfc3339};
use crate::shared::headers;
use crate::shared::intake::{DeadLetter, Intake, Known, NewPayment};
use crate::{DeadLetterRoute, Inbox, Incoming, IngestOutcome, Result};

#[async_trait]
impl Inbox for SqliteStore {
    async fn ingest(&self, batch: &[Incoming], route: &DeadLetterRoute) -> Result<Vec<IngestOutcome>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let intake = Intake::new(batch);
        let mut tx = self.begin().await?;
        let now = self.now();
        let known = known(&mut tx, &intake.keys()).await?;
        let mut inserted = HashSet::new();
        for (order, (key, message)) in intake.new_orders(&known) {
            let sql = "INSERT INTO orders \
                       (order_id, state, payment_key, traceparent, due_at, received_at, tried_since, updated_at) \
                       VALUES (?1, 'received', ?2, ?3, ?4, ?5, ?5, ?4) ON CONFLICT DO NOTHING";
            let done = sqlx::query(sql)
                .bind(order.to_string())
                .bind(key)
                .bind(message.traceparent.as_deref().map(clean))
                .bind(rfc3339(now))
                .bind(rfc3339(message.received_at))
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 1 {
                inserted.insert(order);
            }
        }
        let decided = intake.decide(&known, &inserted);
        for payment in &decided.payments {
            insert_payment(&mut tx, payment).await?;
            insert_raw(&mut tx, payment).await?;
        }
        for (key, count) in &decided.repeats {
            let sql = "UPDATE payments SET duplicates = duplicates + ?2 WHERE key = ?1";
            sqlx::query(sql).bind(*key).bind(count).execute(&mut *tx).await?;
        }
        let mut events = Vec::new();
        for letter in &decided.dead {
            if let Some(id) = insert_letter(&mut tx, letter).await?
                && !route.destinations.is_empty()
            {
                events.push(letter.event(id, route));
            }
        }
        insert_events(&mut tx, now, &events).await?;
        tx.commit().await?;
        Ok(decided.outcomes)
    }
}

async fn known(db: &mut SqliteConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    let sql = "SELECT key, order_id, amount, currency FROM payments \
               WHERE key IN (SELECT value FROM json_each(?1))";
    let rows = sqlx::query(sql).bind(list(keys)?).fetch_all(db).await?;
    let known = |row: &sqlx::sqlite::SqliteRow| {
        let known = Known {
            order_id: row.order_id()?,
            amount: row.amount("amount")?,
            currency: row.currency("currency")?,
        };
        Ok((need("key", row.text("key")?)?, known))
    };
    rows.iter().map(known).collect()
}

async fn insert_payment(db: &mut SqliteConnection, new: &NewPayment<'_>) -> Result<()> {
    let sql = "INSERT INTO payments (key, order_id, payment_id, customer_id, amount, currency, processed_at, \
               hash, outcome, duplicates, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
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

/// The new row's number; none when this very record was set apart before.
async fn insert_letter(db: &mut SqliteConnection, letter: &DeadLetter<'_>) -> Result<Option<i64>> {
    let sql = "INSERT INTO dead_letters (fingerprint, kind, order_id, reason, field, source, \
               source_timestamp, key, raw, headers, received_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING RETURNING id";
    let id = sqlx::query_scalar(sql)
        .bind(&letter.fingerprint[..])
        .bind(letter.kind)
        .bind(letter.order_id.map(|o| o.to_string()))
        .bind(clean(&letter.reason))
        .bind(letter.field.as_deref().map(clean))
        .bind(letter.message.source.to_string())
        .bind(letter.message.source.timestamp())
        .bind(letter.message.key.as_deref())
        .bind(&letter.message.raw[..])
        .bind(headers::encode(&letter.message.headers)?)
        .bind(rfc3339(letter.message.received_at))
        .fetch_optional(db)
        .await?;
    Ok(id)
}
