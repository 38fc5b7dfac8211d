//! Outbox events, and the destinations of each.

use fulfillment_domain::OutboxEvent;
use sqlx::PgConnection;

use crate::Result;
use crate::decide::headers;

/// Writes events, in this order, and their deliveries; an existing event is left unchanged.
pub(crate) async fn insert_events(db: &mut PgConnection, events: &[&OutboxEvent]) -> Result<()> {
    macro_rules! column {
        ($e:ident => $value:expr) => {
            events.iter().map(|$e| $value).collect::<Vec<_>>()
        };
    }
    if events.is_empty() {
        return Ok(());
    }
    let headers = events.iter().map(|e| headers::encode(&e.headers)).collect::<Result<Vec<_>>>()?;
    let deliveries = events.iter().flat_map(|e| e.destinations.iter().map(|d| (e.id, d.as_str())));
    let (ids, destinations): (Vec<_>, Vec<_>) = deliveries.unzip();
    let sql = "WITH written AS (INSERT INTO outbox \
               (event_id, kind, order_id, ticket_id, sequence, key, value, headers, created_at) \
               SELECT event_id, kind, order_id, ticket_id, sequence, key, value, headers, clock_timestamp() \
               FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bytea[], \
               $7::bytea[], $8::bytea[]) WITH ORDINALITY \
               AS n(event_id, kind, order_id, ticket_id, sequence, key, value, headers, place) ORDER BY place \
               ON CONFLICT DO NOTHING RETURNING id, event_id, ticket_id, sequence) \
               INSERT INTO outbox_delivery (outbox_id, destination, ticket_id, sequence, state, due_at, updated_at) \
               SELECT w.id, d.destination, w.ticket_id, w.sequence, 'pending', clock_timestamp(), \
               clock_timestamp() FROM written w \
               JOIN unnest($9::uuid[], $10::text[]) AS d(event_id, destination) ON d.event_id = w.event_id \
               ON CONFLICT DO NOTHING";
    sqlx::query(sql)
        .bind(column!(e => e.id))
        .bind(column!(e => e.kind.as_str()))
        .bind(column!(e => e.order_id.map(|o| o.0)))
        .bind(column!(e => e.ticket_id.map(|t| t.0)))
        .bind(column!(e => i64::from(e.sequence)))
        .bind(column!(e => e.key.as_deref()))
        .bind(column!(e => &e.value[..]))
        .bind(headers)
        .bind(ids)
        .bind(destinations)
        .execute(db)
        .await?;
    Ok(())
}
