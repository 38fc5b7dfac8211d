//! Refunds and cancellations, and their raw messages, in batches.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::values::At;
use crate::Result;
use crate::decide::headers;
use crate::decide::sql_values::clean;
use crate::decide::withdrawing::Received;

macro_rules! column {
    ($received:expr, $r:ident => $value:expr) => {
        $received.iter().map(|$r| $value).collect::<Vec<_>>()
    };
}

/// Writes rows, sorted by key, and returns the keys that are new; the others are left unchanged.
pub(crate) async fn insert(db: &mut PgConnection, received: &[&Received<'_>]) -> Result<HashSet<String>> {
    let sql = "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
               hash, state, received_at, updated_at, heard, note) \
               SELECT key, kind, order_id, payment_key, amount::numeric, currency, names, reason, said_at, hash, state, \
               received_at, clock_timestamp(), heard, note \
               FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], \
               $8::text[], $9::timestamptz[], $10::bytea[], $11::text[], $12::timestamptz[], $13::text[], $14::text[]) \
               AS n(key, kind, order_id, payment_key, amount, currency, names, reason, said_at, hash, state, \
               received_at, heard, note) ORDER BY key ON CONFLICT (key) DO NOTHING RETURNING key";
    let new: Vec<String> = sqlx::query_scalar(sql)
        .bind(column!(received, r => clean(&r.new.key)))
        .bind(column!(received, r => r.new.said.subject().as_str()))
        .bind(column!(received, r => r.new.said.order_id().0))
        .bind(column!(received, r => r.new.payment_key.as_deref().map(clean)))
        .bind(column!(received, r => r.new.amount.map(|a| a.to_string())))
        .bind(column!(received, r => r.new.currency.map(|c| c.to_string())))
        .bind(column!(received, r => clean(&r.new.names)))
        .bind(column!(received, r => r.new.said.reason().map(clean)))
        .bind(column!(received, r => r.new.said.said_at().map(At)))
        .bind(column!(received, r => &r.new.hash[..]))
        .bind(column!(received, r => r.new.state().as_str()))
        .bind(column!(received, r => At(r.message.received_at)))
        .bind(column!(received, r => r.new.heard()))
        .bind(column!(received, r => r.new.note()))
        .fetch_all(db)
        .await?;
    Ok(new.into_iter().collect())
}

/// Keeps the raw messages.
pub(crate) async fn keep_messages(db: &mut PgConnection, received: &[&Received<'_>]) -> Result<()> {
    let headers = received.iter().map(|r| headers::encode(&r.message.headers)).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, outcome, \
               received_at) SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], \
               $5::bytea[], $6::bytea[], $7::bytea[], $8::text[], $9::timestamptz[])";
    sqlx::query(sql)
        .bind(column!(received, r => clean(&r.new.key)))
        .bind(column!(received, r => r.new.said.order_id().0))
        .bind(column!(received, r => r.message.source.to_string().replace('\0', "")))
        .bind(column!(received, r => r.message.source.timestamp()))
        .bind(column!(received, r => r.message.key.as_deref()))
        .bind(column!(received, r => &r.message.raw[..]))
        .bind(headers)
        .bind(column!(received, r => r.new.said.subject().as_str()))
        .bind(column!(received, r => At(r.message.received_at)))
        .execute(db)
        .await?;
    Ok(())
}
