//! Dead letters, written with the events that report them.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::events::insert_events;
use super::values::At;
use crate::decide::dead_letter::DeadLetter;
use crate::decide::headers;
use crate::decide::sql_values::clean;
use crate::{DeadLetterRoute, Result};

/// Writes messages as dead letters, and reports those that are new.
pub(crate) async fn set_apart(
    db: &mut PgConnection,
    dead: &[DeadLetter<'_>],
    route: &DeadLetterRoute,
) -> Result<()> {
    if dead.is_empty() {
        return Ok(());
    }
    let rows = insert(db, dead).await?;
    if route.destinations.is_empty() {
        return Ok(());
    }
    let new = dead.iter().filter_map(|d| rows.get(&d.fingerprint[..]).map(|id| (d, *id)));
    let events: Vec<_> = new.map(|(letter, id)| letter.event(id, route)).collect();
    insert_events(db, &events.iter().collect::<Vec<_>>()).await
}

/// The new rows' ids by fingerprint; a record that is a dead letter already has none.
async fn insert(db: &mut PgConnection, dead: &[DeadLetter<'_>]) -> Result<HashMap<Vec<u8>, i64>> {
    let mut dead: Vec<_> = dead.iter().collect();
    dead.sort_by_key(|d| d.fingerprint);
    macro_rules! column {
        ($d:ident => $value:expr) => {
            dead.iter().map(|$d| $value).collect::<Vec<_>>()
        };
    }
    let headers = dead.iter().map(|d| headers::encode(&d.message.headers)).collect::<Result<Vec<_>>>()?;
    let sql = "INSERT INTO dead_letters (fingerprint, kind, order_id, reason, field, source, source_timestamp, \
               key, raw, headers, received_at, about) SELECT * FROM unnest($1::bytea[], $2::text[], $3::uuid[], \
               $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[], $10::bytea[], \
               $11::timestamptz[], $12::text[]) ON CONFLICT DO NOTHING RETURNING fingerprint, id";
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(sql)
        .bind(column!(d => &d.fingerprint[..]))
        .bind(column!(d => d.kind.as_str()))
        .bind(column!(d => d.order_id.map(|o| o.0)))
        .bind(column!(d => clean(&d.reason)))
        .bind(column!(d => d.field.as_deref().map(clean)))
        .bind(column!(d => d.message.source.to_string().replace('\0', "")))
        .bind(column!(d => d.message.source.timestamp()))
        .bind(column!(d => d.message.key.as_deref()))
        .bind(column!(d => &d.message.raw[..]))
        .bind(headers)
        .bind(column!(d => At(d.message.received_at)))
        .bind(column!(d => d.message.subject.as_str()))
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().collect())
}
