//! Outbox events, and the destinations of each.

use fulfillment_domain::OutboxEvent;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::Result;
use crate::decide::headers;
use crate::decide::sql_values::rfc3339;

/// Writes events and their deliveries; an existing event is left unchanged.
pub(crate) async fn insert_events(
    db: &mut SqliteConnection,
    now: Timestamp,
    events: &[OutboxEvent],
) -> Result<()> {
    for event in events {
        let sql = "INSERT INTO outbox (event_id, kind, order_id, ticket_id, sequence, key, value, headers, \
                   created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING RETURNING id";
        let ticket = event.ticket_id.map(|t| t.to_string());
        let id: Option<i64> = sqlx::query_scalar(sql)
            .bind(event.id.to_string())
            .bind(event.kind.as_str())
            .bind(event.order_id.map(|o| o.to_string()))
            .bind(&ticket)
            .bind(event.sequence)
            .bind(event.key.as_deref())
            .bind(&event.value[..])
            .bind(headers::encode(&event.headers)?)
            .bind(rfc3339(now))
            .fetch_optional(&mut *db)
            .await?;
        let Some(id) = id else { continue };
        for destination in &event.destinations {
            let sql = "INSERT INTO outbox_delivery \
                       (outbox_id, destination, ticket_id, sequence, state, due_at, updated_at) \
                       VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5) ON CONFLICT DO NOTHING";
            sqlx::query(sql)
                .bind(id)
                .bind(destination)
                .bind(&ticket)
                .bind(event.sequence)
                .bind(rfc3339(now))
                .execute(&mut *db)
                .await?;
        }
    }
    Ok(())
}
