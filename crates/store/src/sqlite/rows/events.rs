//! Outbox events, and the destinations of each.

use std::collections::HashMap;

use fulfillment_domain::OutboxEvent;
use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::parts::{ROWS, parts};
use crate::Result;
use crate::decide::headers;
use crate::decide::sql_values::rfc3339;

/// Writes events, in this order, and their deliveries; an existing event is left unchanged.
pub(crate) async fn insert_events(
    db: &mut SqliteConnection,
    now: Timestamp,
    events: &[OutboxEvent],
) -> Result<()> {
    for events in parts(events, |event| event.value.len()) {
        let headers = events.iter().map(|e| headers::encode(&e.headers)).collect::<Result<Vec<_>>>()?;
        let mut sql = QueryBuilder::<Sqlite>::new(
            "INSERT INTO outbox (event_id, kind, order_id, ticket_id, sequence, key, value, headers, created_at) ",
        );
        sql.push_values(events.iter().zip(&headers), |mut row, (event, headers)| {
            row.push_bind(event.id.to_string())
                .push_bind(event.kind.as_str())
                .push_bind(event.order_id.map(|o| o.to_string()))
                .push_bind(event.ticket_id.map(|t| t.to_string()))
                .push_bind(event.sequence)
                .push_bind(event.key.as_deref())
                .push_bind(&event.value[..])
                .push_bind(&headers[..])
                .push_bind(rfc3339(now));
        });
        sql.push(" ON CONFLICT DO NOTHING RETURNING event_id, id");
        let written: Vec<(String, i64)> = sql.build_query_as().fetch_all(&mut *db).await?;
        let written: HashMap<_, _> = written.into_iter().collect();
        let new = events.iter().filter_map(|event| Some((*written.get(&event.id.to_string())?, event)));
        let deliveries: Vec<_> =
            new.flat_map(|(id, event)| event.destinations.iter().map(move |to| (id, event, to))).collect();
        for deliveries in deliveries.chunks(ROWS) {
            let mut sql = QueryBuilder::<Sqlite>::new(
                "INSERT INTO outbox_delivery (outbox_id, destination, ticket_id, sequence, state, due_at, updated_at) ",
            );
            sql.push_values(deliveries, |mut row, (id, event, destination)| {
                row.push_bind(id)
                    .push_bind(destination)
                    .push_bind(event.ticket_id.map(|t| t.to_string()))
                    .push_bind(event.sequence)
                    .push_bind("pending")
                    .push_bind(rfc3339(now))
                    .push_bind(rfc3339(now));
            });
            sql.push(" ON CONFLICT DO NOTHING").build().execute(&mut *db).await?;
        }
    }
    Ok(())
}
