//! A ticket as JSON, byte for byte.

use jiff::Timestamp;
use uuid::Uuid;

use super::*;

/// A ticket with every field set, each to a different value.
fn full() -> Ticket {
    let text = |text: &str| Some(text.to_owned());
    let time = |day: i64| Timestamp::from_microsecond(1_795_372_200_123_456 + day * 86_400_000_000).unwrap();
    Ticket {
        id: TicketId(Uuid::from_u128(0x8000_0000_0000_0000_0000_0000_0000_0001)),
        order_id: OrderId(Uuid::from_u128(1)),
        number: "N000010001".into(),
        payment_id: text("pay-1"),
        price: "49.90".parse().unwrap(),
        currency: Currency::USD,
        line: Line { item_id: text("item-1"), key: "item:1".into(), unit: 12, index: 13, count: 14 },
        customer: Customer {
            id: text("c-1"),
            email: "buyer@example.org".into(),
            name: text("Zoë"),
            locale: text("ja"),
        },
        event: Event {
            id: "event-1".into(),
            number: 11,
            name: "Gala".into(),
            starts_at: Some(time(4)),
            ends_at: Some(time(5)),
            doors_at: Some(time(6)),
            time_zone: text("Asia/Tokyo"),
            venue_name: text("Hall"),
            venue_address: text("1 Way"),
            organizer_id: text("o-1"),
            organizer_name: text("Organizer"),
        },
        seat: Seat {
            label: "Section A, Row 5, Seat 12".into(),
            id: text("seat-1"),
            section: text("A"),
            row: text("5"),
            number: text("12"),
            category: text("VIP"),
            category_number: 15,
        },
        holder: Holder { name: text("李"), email: text("holder@example.org") },
        code: Code { data: "TK1:ABC".into(), cti: [1; 10], era: 16, generation: 17, kid: "01234567".into() },
        document: Document {
            template: "classic/1".into(),
            renderer: "renderer/1".into(),
            path: text("file.pdf"),
            generated_at: Some(time(1)),
            sha256: Some([2; 32]),
            size: Some(18),
        },
        lifecycle: Lifecycle {
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
        },
        flags: [Flag::MissingGlyphs, Flag::Legacy].into_iter().collect(),
    }
}

const JSON: &str = r#"{
  "id": "80000000-0000-0000-0000-000000000001",
  "orderId": "00000000-0000-0000-0000-000000000001",
  "customerEmail": "buyer@example.org",
  "eventName": "Gala",
  "seat": "Section A, Row 5, Seat 12",
  "price": 49.90,
  "currency": "USD",
  "status": "Delivered",
  "qrCodeData": "TK1:ABC",
  "ticketPdfPath": "file.pdf",
  "generatedAt": "2026-11-23T18:30:00.123456Z",
  "createdAt": "2026-11-24T18:30:00.123456Z",
  "updatedAt": "2026-11-25T18:30:00.123456Z",
  "ticketNumber": "N000010001",
  "paymentId": "pay-1",
  "customerId": "c-1",
  "customerName": "Zoë",
  "eventId": "event-1",
  "eventNumber": 11,
  "itemId": "item-1",
  "seatId": "seat-1",
  "line": "item:1",
  "unit": 12,
  "ticketIndex": 13,
  "ticketCount": 14,
  "section": "A",
  "row": "5",
  "seatNumber": "12",
  "category": "VIP",
  "categoryNumber": 15,
  "holderName": "李",
  "holderEmail": "holder@example.org",
  "organizerId": "o-1",
  "organizerName": "Organizer",
  "eventStartsAt": "2026-11-26T18:30:00.123456Z",
  "eventEndsAt": "2026-11-27T18:30:00.123456Z",
  "doorsAt": "2026-11-28T18:30:00.123456Z",
  "timeZone": "Asia/Tokyo",
  "venueName": "Hall",
  "venueAddress": "1 Way",
  "locale": "ja",
  "template": "classic/1",
  "renderer": "renderer/1",
  "cti": "01010101010101010101",
  "era": 16,
  "generation": 17,
  "kid": "01234567",
  "issuedAt": "2026-11-29T18:30:00.123456Z",
  "sha256": "0202020202020202020202020202020202020202020202020202020202020202",
  "size": 18,
  "sequence": 19,
  "attempts": 20,
  "lastError": "disk full",
  "voidedAt": "2026-11-30T18:30:00.123456Z",
  "voidReason": "rain",
  "deliveredAt": "2026-12-01T18:30:00.123456Z",
  "deliveryChannel": "email",
  "firstDownloadedAt": "2026-12-02T18:30:00.123456Z",
  "erasedAt": "2026-12-03T18:30:00.123456Z",
  "flags": [
    "missing_glyphs",
    "legacy"
  ]
}"#;

#[test]
fn the_json_of_a_ticket_stays_as_it_is() {
    let mut ticket = full();
    assert_eq!(serde_json::to_string_pretty(&ticket).unwrap(), JSON);
    ticket.document.sha256 = None;
    ticket.flags = Flags::default();
    let json = serde_json::to_string(&ticket).unwrap();
    assert!(json.contains(r#","sha256":null,"size":18,"#), "{json}");
    assert!(json.ends_with(r#","flags":[]}"#), "{json}");
}
