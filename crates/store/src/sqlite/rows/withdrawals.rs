//! Refunds and cancellations, and their raw messages.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::parts::{ROWS, parts};
use crate::Result;
use crate::decide::headers;
use crate::decide::sql_values::{clean, rfc3339};
use crate::decide::withdrawing::Received;

/// Writes rows, and returns the keys that are new.
pub(crate) async fn insert(
    db: &mut SqliteConnection,
    now: Timestamp,
    received: &[&Received<'_>],
) -> Result<HashSet<String>> {
    let mut written = HashSet::new();
    for received in received.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO withdrawals (key, kind, order_id, payment_key, amount, currency, names, reason, said_at, \
             hash, state, received_at, updated_at, heard, note) ",
        );
        sql.push_values(received, |mut row, Received { message, new, .. }| {
            row.push_bind(&new.key)
                .push_bind(new.said.subject().as_str())
                .push_bind(new.said.order_id().to_string())
                .push_bind(new.payment_key.as_deref())
                .push_bind(new.amount.map(|a| a.to_string()))
                .push_bind(new.currency.map(|c| c.to_string()))
                .push_bind(&new.names)
                .push_bind(new.said.reason().map(clean))
                .push_bind(new.said.said_at().map(rfc3339))
                .push_bind(&new.hash[..])
                .push_bind(new.state().as_str())
                .push_bind(rfc3339(message.received_at))
                .push_bind(rfc3339(now))
                .push_bind(new.heard())
                .push_bind(new.note());
        });
        sql.push(" ON CONFLICT (key) DO NOTHING RETURNING key");
        written.extend(sql.build_query_scalar::<String>().fetch_all(&mut *db).await?);
    }
    Ok(written)
}

/// Keeps the raw messages.
pub(crate) async fn keep_messages(db: &mut SqliteConnection, received: &[&Received<'_>]) -> Result<()> {
    for received in parts(received, |received| received.message.raw.len()) {
        let headers =
            received.iter().map(|r| headers::encode(&r.message.headers)).collect::<Result<Vec<_>>>()?;
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO inbox (payment_key, order_id, source, source_timestamp, key, raw, headers, outcome, \
             received_at) ",
        );
        sql.push_values(
            received.iter().zip(&headers),
            |mut row, (Received { message, new, .. }, headers)| {
                row.push_bind(&new.key)
                    .push_bind(new.said.order_id().to_string())
                    .push_bind(message.source.to_string())
                    .push_bind(message.source.timestamp())
                    .push_bind(message.key.as_deref())
                    .push_bind(&message.raw[..])
                    .push_bind(&headers[..])
                    .push_bind(new.said.subject().as_str())
                    .push_bind(rfc3339(message.received_at));
            },
        );
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}
