//! Payments in.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::outbox::insert_events;
use super::rows::At;
use super::{COLLISIONS, PgStore, collided};
use crate::shared::cells::{Row, clean, need};
use crate::shared::headers;
use crate::shared::intake::{DeadLetter, Intake, Known, NewPayment};
use crate::{DeadLetterRoute, Inbox, Incoming, IngestOutcome, Result};

#[async_trait]
impl Inbox for PgStore {
    async fn ingest(&self, batch: &[Incoming], route: &DeadLetterRoute) -> Result<Vec<IngestOutcome>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let intake = Intake::new(batch);
        for _ in 0..COLLISIONS {
            if let Some(outcomes) = self.try_ingest(&intake, route).await? {
                return Ok(outcomes);
            }
        }
        Err(collided())
    }
}

impl PgStore {
    /// None when another batch wrote one of the keys after this one looked: nothing was written.
    async fn try_ingest(
        &self,
        intake: &Intake<'_>,
        route: &DeadLetterRoute,
    ) -> Result<Option<Vec<IngestOutcome>>> {
        let mut tx = self.begin().await?;
        let known = known(&mut tx, &intake.keys()).await?;
        let inserted = insert_orders(&mut tx, intake, &known).await?;
        let decided = intake.decide(&known, &inserted);
        if !insert_payments(&mut tx, &decided.payments).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        if !decided.repeats.is_empty() {
            let (keys, counts): (Vec<_>, Vec<_>) = decided.repeats.iter().map(|(k, n)| (*k, *n)).unzip();
            let sql = "UPDATE payments p SET duplicates = p.duplicates + n.repeats \
                       FROM unnest($1::text[], $2::bigint[]) AS n(key, repeats) WHERE p.key = n.key";
            sqlx::query(sql).bind(keys).bind(counts).execute(&mut *tx).await?;
        }
        if !decided.dead.is_empty() {
            let rows = insert_letters(&mut tx, &decided.dead).await?;
            let new = decided.dead.iter().filter_map(|d| rows.get(&d.fingerprint[..]).map(|id| (d, *id)));
            if !route.destinations.is_empty() {
                let events: Vec<_> = new.map(|(letter, id)| letter.event(id, route)).collect();
                insert_events(&mut tx, &events.iter().collect::<Vec<_>>()).await?;
            }
        }
        tx.commit().await?;
        Ok(Some(decided.outcomes))
    }
}

/// The keys on record, locked: their repeats are counted.
async fn known(db: &mut PgConnection, keys: &[&str]) -> Result<HashMap<String, Known>> {
    let sql = "SELECT key, order_id, amount::text AS amount, currency FROM payments \
               WHERE key = ANY($1::text[]) ORDER BY key FOR NO KEY UPDATE";
    let rows = sqlx::query(sql).bind(keys).fetch_all(db).await?;
    let known = |row: &sqlx::postgres::PgRow| {
        let (amount, currency) = (row.amount("amount")?, row.currency("currency")?);
        Ok((need("key", row.text("key")?)?, Known { order_id: row.order_id()?, amount, currency }))
    };
    rows.iter().map(known).collect()
}

async fn insert_orders(
    db: &mut PgConnection,
    intake: &Intake<'_>,
    known: &HashMap<String, Known>,
) -> Result<HashSet<OrderId>> {
    let orders = intake.new_orders(known);
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = "INSERT INTO orders (order_id, state, payment_key, traceparent, due_at, received_at, tried_since, \
               updated_at) \
               SELECT n.id, 'received', n.key, n.trace, clock_timestamp(), n.at, n.at, clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n(id, key, trace, at) \
               ORDER BY n.id ON CONFLICT DO NOTHING RETURNING order_id";
    let ids: Vec<Uuid> = sqlx::query_scalar(sql)
        .bind(orders.keys().map(|o| o.0).collect::<Vec<_>>())
        .bind(orders.values().map(|(key, _)| *key).collect::<Vec<_>>())
        .bind(orders.values().map(|(_, m)| m.traceparent.as_deref().map(clean)).collect::<Vec<_>>())
        .bind(orders.values().map(|(_, m)| At(m.received_at)).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// Writes payments and their raw messages; false when one of the keys is there by now.
async fn insert_payments(db: &mut PgConnection, payments: &[NewPayment<'_>]) -> Result<bool> {
    macro_rules! column {
        ($p:ident => $value:expr) => {
            payments.iter().map(|$p| $value).collect::<Vec<_>>()
        };
    }
    if payments.is_empty() {
        return Ok(true);
    }
    let sql = "INSERT INTO payments (key, order_id, payment_id, customer_id, amount, currency, processed_at, \
               hash, outcome, duplicates, received_at) \
               SELECT key, order_id, payment_id, customer_id, amount::numeric, currency, processed_at, hash, \
               outcome, duplicates, received_at \
               FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], \
               $7::timestamptz[], $8::bytea[], $9::text[], $10::bigint[], $11::timestamptz[]) \
               AS n(key, order_id, payment_id, customer_id, amount, currency, processed_at, hash, outcome, \
               duplicates, received_at) ORDER BY key ON CONFLICT DO NOTHING";
    let done = sqlx::query(sql)
        .bind(column!(p => p.key))
        .bind(column!(p => p.payment.order_id.0))
        .bind(column!(p => p.payment.payment_id.as_deref().map(clean)))
        .bind(column!(p => p.payment.customer_id.as_deref().map(clean)))
        .bind(column!(p => p.payment.amount.map(|a| a.to_string())))
        .bind(column!(p => p.payment.currency.map(|c| c.to_string())))
        .bind(column!(p => p.payment.processed_at.map(At)))
        .bind(column!(p => &p.hash[..]))
        .bind(column!(p => p.outcome()))
        .bind(column!(p => p.duplicates))
        .bind(column!(p => At(p.message.received_at)))
        .execute(&mut *db)
        .await?;
    if done.rows_affected() != payments.len() as u64 {
        return Ok(false);
    }
    let headers = payments.iter().map(|p| headers::encode(&p.message.headers)).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, outcome, \
               received_at) SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], \
               $5::bytea[], $6::bytea[], $7::bytea[], $8::text[], $9::timestamptz[])";
    sqlx::query(sql)
        .bind(column!(p => p.key))
        .bind(column!(p => p.payment.order_id.0))
        .bind(column!(p => p.message.source.to_string().replace('\0', "")))
        .bind(column!(p => p.message.source.timestamp()))
        .bind(column!(p => p.message.key.as_deref()))
        .bind(column!(p => &p.message.raw[..]))
        .bind(headers)
        .bind(column!(p => p.outcome()))
        .bind(column!(p => At(p.message.received_at)))
        .execute(db)
        .await?;
    Ok(true)
}

/// The new rows' numbers by fingerprint; a record that was set apart before has none.
async fn insert_letters(db: &mut PgConnection, dead: &[DeadLetter<'_>]) -> Result<HashMap<Vec<u8>, i64>> {
    let mut dead: Vec<_> = dead.iter().collect();
    dead.sort_by_key(|d| d.fingerprint);
    macro_rules! column {
        ($d:ident => $value:expr) => {
            dead.iter().map(|$d| $value).collect::<Vec<_>>()
        };
    }
    let headers = dead.iter().map(|d| headers::encode(&d.message.headers)).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO dead_letters (fingerprint, kind, order_id, reason, field, source, source_timestamp, \
               key, raw, headers, received_at) SELECT * FROM unnest($1::bytea[], $2::text[], $3::uuid[], \
               $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[], $10::bytea[], \
               $11::timestamptz[]) ON CONFLICT DO NOTHING RETURNING fingerprint, id";
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(sql)
        .bind(column!(d => &d.fingerprint[..]))
        .bind(column!(d => d.kind))
        .bind(column!(d => d.order_id.map(|o| o.0)))
        .bind(column!(d => clean(&d.reason)))
        .bind(column!(d => d.field.as_deref().map(clean)))
        .bind(column!(d => d.message.source.to_string().replace('\0', "")))
        .bind(column!(d => d.message.source.timestamp()))
        .bind(column!(d => d.message.key.as_deref()))
        .bind(column!(d => &d.message.raw[..]))
        .bind(headers)
        .bind(column!(d => At(d.message.received_at)))
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().collect())
}
