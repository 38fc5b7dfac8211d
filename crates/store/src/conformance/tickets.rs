//! Tickets, field by field.

use std::collections::HashSet;

use fulfillment_domain::{Currency, Flag, Ticket, TicketId, TicketStatus};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Backend;
use super::fixtures::{generated, order, ticket};
use crate::{AdoptedOrder, AdoptionOutcome, Reissue};

/// A ticket each field of which has a value that is not its default, and that no other field has.
fn full() -> Ticket {
    let text = |text: &str| Some(text.to_owned());
    let time = |day: i64| Timestamp::from_microsecond(1_795_372_200_123_456 + day * 86_400_000_000).unwrap();
    Ticket {
        id: TicketId(Uuid::from_u128(0x8000_0000_0000_0000_0000_0000_0000_0001)),
        order_id: order(1),
        customer_email: "buyer@example.org".into(),
        event_name: "Gala".into(),
        seat: "Section A, Row 5, Seat 12".into(),
        price: "49.90".parse().unwrap(),
        currency: Currency::USD,
        status: TicketStatus::Delivered,
        qr_code_data: "TK1:ABC".into(),
        ticket_pdf_path: text("file.pdf"),
        generated_at: Some(time(1)),
        created_at: time(2),
        updated_at: time(3),
        ticket_number: "N000010001".into(),
        payment_id: text("pay-1"),
        customer_id: text("c-1"),
        customer_name: text("Zoë"),
        event_id: "event-1".into(),
        event_number: 11,
        item_id: text("item-1"),
        seat_id: text("seat-1"),
        line: "item:1".into(),
        unit: 12,
        ticket_index: 13,
        ticket_count: 14,
        section: text("A"),
        row: text("5"),
        seat_number: text("12"),
        category: text("VIP"),
        category_number: 15,
        holder_name: text("李"),
        holder_email: text("holder@example.org"),
        organizer_id: text("o-1"),
        organizer_name: text("Organizer"),
        event_starts_at: Some(time(4)),
        event_ends_at: Some(time(5)),
        doors_at: Some(time(6)),
        time_zone: text("Asia/Tokyo"),
        venue_name: text("Hall"),
        venue_address: text("1 Way"),
        locale: text("ja"),
        template: "classic/1".into(),
        renderer: "renderer/1".into(),
        cti: [1; 10],
        era: 16,
        generation: 17,
        kid: "01234567".into(),
        issued_at: time(7),
        sha256: Some([2; 32]),
        size: Some(18),
        sequence: 19,
        attempts: 20,
        last_error: text("disk full"),
        voided_at: Some(time(8)),
        void_reason: text("rain"),
        delivered_at: Some(time(9)),
        delivery_channel: text("email"),
        first_downloaded_at: Some(time(10)),
        erased_at: Some(time(11)),
        flags: [Flag::MissingGlyphs, Flag::Legacy].into_iter().collect(),
    }
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

    let order = |ticket: &Ticket| AdoptedOrder { order_id: ticket.order_id, tickets: vec![ticket.clone()] };
    assert_eq!(store.adopt(&[order(&full)]).await.unwrap(), [AdoptionOutcome::Adopted]);
    assert_eq!(store.ticket(full.id).await.unwrap().as_ref(), Some(&full), "as a new row");

    let mut before = generated(&ticket(super::fixtures::order(2), 1), &[]).ticket;
    before.generation = 0;
    assert_eq!(store.adopt(&[order(&before)]).await.unwrap(), [AdoptionOutcome::Adopted]);
    let mut after = full;
    (after.id, after.order_id, after.ticket_number) = (before.id, before.order_id, "N000020001".into());
    (after.seat_id, after.seat_number) = (Some("seat-2".into()), Some("13".into()));
    after.sequence = before.sequence + 1;
    let (who, reason, request, events) = ("desk".to_owned(), None, None, Vec::new());
    let reissue =
        Reissue { ticket: after.clone(), expected: 0, reinstates: false, events, who, reason, request };
    assert_eq!(store.reissue(&reissue).await.unwrap().as_ref(), Some(&after));
    assert_eq!(store.ticket(after.id).await.unwrap(), Some(after), "over the row of before");
}
