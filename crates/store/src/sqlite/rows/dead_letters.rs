//! Dead letters, written with the events that report them.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::events::insert_events;
use crate::decide::dead_letter::DeadLetter;
use crate::decide::headers;
use crate::decide::sql_values::{clean, rfc3339};
use crate::{DeadLetterRoute, Result};

/// Writes messages as dead letters, and reports those that are new.
pub(crate) async fn set_apart(
    db: &mut SqliteConnection,
    now: Timestamp,
    dead: &[DeadLetter<'_>],
    route: &DeadLetterRoute,
) -> Result<()> {
    let mut events = Vec::new();
    for letter in dead {
        if let Some(id) = insert(db, letter).await?
            && !route.destinations.is_empty()
        {
            events.push(letter.event(id, route));
        }
    }
    insert_events(db, now, &events).await
}

/// The new row's id; none when this record is a dead letter already.
async fn insert(db: &mut SqliteConnection, letter: &DeadLetter<'_>) -> Result<Option<i64>> {
    let sql = "INSERT INTO dead_letters (fingerprint, kind, order_id, reason, field, source, \
               source_timestamp, key, raw, headers, received_at, about) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING RETURNING id";
    let id = sqlx::query_scalar(sql)
        .bind(&letter.fingerprint[..])
        .bind(letter.kind.as_str())
        .bind(letter.order_id.map(|o| o.to_string()))
        .bind(clean(&letter.reason))
        .bind(letter.field.as_deref().map(clean))
        .bind(letter.message.source.to_string())
        .bind(letter.message.source.timestamp())
        .bind(letter.message.key.as_deref())
        .bind(&letter.message.raw[..])
        .bind(headers::encode(&letter.message.headers)?)
        .bind(rfc3339(letter.message.received_at))
        .bind(letter.message.subject.as_str())
        .fetch_optional(db)
        .await?;
    Ok(id)
}
