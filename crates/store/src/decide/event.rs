//! Reading outbox rows.

use std::time::Duration;

use fulfillment_domain::{OrderId, OutboxEvent};

use crate::decide::headers;
use crate::decide::sql_values::{Row, need};
use crate::outbox::PublishedEvent;
use crate::{Delivery, Result, Unsent};

/// How many bytes of values are lent in one batch; the last event may exceed it.
pub(crate) const LENT_BYTES: i64 = 8 << 20;

/// By how much an event that is held back is due after the earlier one of its ticket.
pub(crate) const AFTER: Duration = Duration::from_micros(1);

/// The columns of an event, of the table alias `o`.
macro_rules! event_columns {
    () => {
        "o.event_id, o.kind, o.order_id, o.ticket_id, o.sequence, o.key, o.value, o.headers, o.created_at"
    };
}
pub(crate) use event_columns;

/// Reads those columns.
pub(crate) fn event_from(row: &impl Row) -> Result<OutboxEvent> {
    Ok(OutboxEvent {
        id: need("event_id", row.uuid("event_id")?)?,
        kind: row.word("kind")?,
        order_id: row.uuid("order_id")?.map(OrderId),
        ticket_id: row.ticket_id("ticket_id")?,
        sequence: row.number("sequence")?,
        key: row.bytes("key")?,
        value: need("value", row.bytes("value")?)?,
        headers: headers::decode(&need("headers", row.bytes("headers")?)?)?,
        destinations: Vec::new(),
    })
}

/// A lent event: with `id` and `attempts`.
pub(crate) fn delivery_from(row: &impl Row) -> Result<Delivery> {
    Ok(Delivery {
        outbox_id: row.number("id")?,
        event: event_from(row)?,
        created_at: need("created_at", row.time("created_at")?)?,
        attempts: row.number("attempts")?,
    })
}

/// Reads `event_id, kind, ticket_id, destination, state, reason, created_at`.
pub(crate) fn unsent_from(row: &impl Row) -> Result<Unsent> {
    Ok(Unsent {
        event: need("event_id", row.uuid("event_id")?)?,
        kind: row.word("kind")?,
        ticket_id: row.ticket_id("ticket_id")?,
        destination: need("destination", row.text("destination")?)?,
        parked: row.text("state")?.as_deref() == Some("parked"),
        reason: row.text("reason")?,
        created_at: need("created_at", row.time("created_at")?)?,
    })
}

/// An event in the stream: with `position`.
pub(crate) fn published_from(row: &impl Row) -> Result<PublishedEvent> {
    Ok(PublishedEvent {
        position: row.number("position")?,
        event: event_from(row)?,
        created_at: need("created_at", row.time("created_at")?)?,
    })
}
