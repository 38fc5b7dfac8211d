//! Conformance of tickets, field by field.

use std::collections::HashSet;

use fulfillment_domain::ticket::{Document, Lifecycle};
use fulfillment_domain::{Flag, Ticket, TicketStatus};
use jiff::Timestamp;
use serde_json::Value;

use super::Backend;
use super::fixtures::{desk, generated, order, ticket};
use crate::{ImportOutcome, ImportedOrder, Reissue};

/// A ticket with every field set, each to a different value that is not its default.
fn full() -> Ticket {
    let text = |text: &str| Some(text.to_owned());
    let time = |day: i64| Timestamp::from_microsecond(1_795_372_200_123_456 + day * 86_400_000_000).unwrap();
    let mut ticket = ticket(order(1), 13);
    ticket.seat.id = text("seat-1");
    (ticket.line.unit, ticket.line.count) = (12, 14);
    ticket.event.number = 11;
    (ticket.event.starts_at, ticket.event.ends_at, ticket.event.doors_at) =
        (Some(time(4)), Some(time(5)), Some(time(6)));
    (ticket.code.era, ticket.code.generation) = (16, 17);
    ticket.document = Document {
        template: "classic/1".into(),
        renderer: "renderer/1".into(),
        path: text("file.pdf"),
        generated_at: Some(time(1)),
        sha256: Some([2; 32]),
        size: Some(18),
    };
    ticket.lifecycle = Lifecycle {
        status: TicketStatus::Delivered,
        issued_at: time(7),
        created_at: time(2),
        updated_at: time(3),
        sequence: 19,
        attempts: 20,
        last_error: text("disk full"),
        voided_at: Some(time(8)),
        void_reason: text("rain"),
        delivered_at: Some(time(9)),
        delivery_channel: text("email"),
        first_downloaded_at: Some(time(10)),
        erased_at: Some(time(11)),
    };
    ticket.flags = [Flag::MissingGlyphs, Flag::Legacy].into_iter().collect();
    ticket
}

pub async fn keep_every_field(backend: &dyn Backend) {
    let store = backend.store();
    let full = full();
    let fields = serde_json::to_value(&full).unwrap();
    let mut values = HashSet::new();
    for (field, value) in fields.as_object().unwrap() {
        let default = [Value::Null, 0.into(), "".into(), "Pending".into(), Value::Array(Vec::new())];
        assert!(!default.contains(value), "{field} is not set");
        assert!(values.insert(value.to_string()), "{field} has another field's value: {value}");
    }

    let order = |ticket: &Ticket| ImportedOrder { order_id: ticket.order_id, tickets: vec![ticket.clone()] };
    assert_eq!(store.import(&[order(&full)], &desk()).await.unwrap(), [ImportOutcome::Imported]);
    assert_eq!(store.ticket(full.id).await.unwrap().as_ref(), Some(&full), "as a new row");

    let mut before = generated(&ticket(super::fixtures::order(2), 1), &[]).ticket;
    before.code.generation = 0;
    assert_eq!(store.import(&[order(&before)], &desk()).await.unwrap(), [ImportOutcome::Imported]);
    let mut after = full;
    (after.id, after.order_id, after.number) = (before.id, before.order_id, "N000020001".into());
    (after.seat.id, after.seat.number) = (Some("seat-2".into()), Some("14".into()));
    after.lifecycle.sequence = before.lifecycle.sequence + 1;
    let (by, reason, request, events) = (desk(), None, None, Vec::new());
    let reissue =
        Reissue { ticket: after.clone(), expected: 0, reinstates: false, events, by, reason, request };
    assert_eq!(store.reissue(&reissue).await.unwrap().as_ref(), Some(&after));
    assert_eq!(store.ticket(after.id).await.unwrap(), Some(after), "over the row of before");
}
