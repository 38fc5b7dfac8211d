//! Outgoing events: `ticket-issued` and the events that follow it.
//!
//! Value and headers are rendered once, when the event is written to the outbox. A repeat has the same bytes, even if
//! the settings have changed since.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::fields::canonical;
use crate::id::{OrderId, TicketId};
use crate::ticket::{Flag, Hex, Ticket};

/// The namespace of event ids: `UUIDv5(NAMESPACE, "<ticket id>|<type>|<sequence>")`. Published, never changed.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x5f0a_1c1e_7b0e_4d6b_9d53_2c3f_8f6e_a7d4);

/// `CloudEvents` source of every event that this service publishes.
pub const SOURCE: &str = "/fulfillment";

crate::words! {
    /// What happened. Its word is the type of the event, and the default topic of events about a ticket.
    pub enum EventKind: "event type" {
        /// A ticket has its file.
        TicketIssued = "ticket-issued",
        /// A ticket has a new file and a new code; the earlier ones are no longer valid.
        TicketReissued = "ticket-reissued",
        /// A ticket is no longer valid.
        TicketVoided = "ticket-voided",
        /// A ticket was scanned at an entrance or an exit, and counts.
        TicketCheckedIn = "ticket-checked-in",
        /// A device admitted somebody whom the record refuses, or was not allowed to.
        TicketCheckInConflict = "ticket-check-in-conflict",
        /// The details of an event changed.
        EventUpdated = "event-updated",
        /// A message could not be read; goes to the dead-letter topic only.
        DeadLetter = "dead-letter",
    }
}

crate::words! {
    /// How the fields of an event's value are spelled.
    #[derive(Default)]
    pub enum Spelling: "spelling of fields" {
        /// `ticketId`
        #[default]
        Camel = "camelCase",
        /// `ticket_id`
        Snake = "snake_case",
        /// `TicketId`
        Pascal = "PascalCase",
    }
}

impl Spelling {
    /// Spells a camelCase name.
    pub fn spell(self, camel: &str) -> String {
        let mut out = String::with_capacity(camel.len() + 4);
        for (i, c) in camel.chars().enumerate() {
            match self {
                Self::Pascal if i == 0 => out.extend(c.to_uppercase()),
                Self::Snake if c.is_uppercase() => {
                    out.push('_');
                    out.extend(c.to_lowercase());
                }
                _ => out.push(c),
            }
        }
        out
    }
}

/// An event as it is in the outbox: finished bytes and their destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// The same for every repeat.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// The order; none for a dead letter whose order could not be read, and for an event's record.
    pub order_id: Option<OrderId>,
    /// The ticket.
    pub ticket_id: Option<TicketId>,
    /// Counts the ticket's events from 1; 0 where there is no ticket.
    pub sequence: u32,
    /// Kafka key: the order id, or that of the event for its record.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
    /// Kafka headers; also the attributes of the webhook's and the stream's envelope.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Who gets it: `kafka`, `webhook:<name>`. The event stream needs no entry here.
    pub destinations: Vec<String>,
}

/// The id of one event; the same arguments always give the same id.
pub fn event_id(ticket: TicketId, kind: EventKind, sequence: u32) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{ticket}|{}|{sequence}", kind.as_str()).as_bytes())
}

/// The ids of every event that a ticket may have had. Its `sequence` does not record which kind each event was, so
/// every kind is included.
pub fn ids_of(ticket: TicketId, sequence: u32) -> impl Iterator<Item = Uuid> {
    let kinds = [EventKind::TicketIssued, EventKind::TicketReissued, EventKind::TicketVoided];
    (1..=sequence).flat_map(move |n| kinds.into_iter().map(move |kind| event_id(ticket, kind, n)))
}

/// Everything in `ticket-issued` that is not in the ticket's row.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// Spelling of the value's fields.
    pub spelling: Spelling,
    /// The signed link to the PDF.
    pub ticket_pdf_url: &'a str,
    /// W3C trace context of the payment.
    pub traceparent: Option<&'a str>,
    /// Who gets it.
    pub destinations: &'a [String],
}

/// The `ticket-issued` of a generated ticket whose `sequence` already counts this event.
pub fn ticket_issued(
    ticket: &Ticket,
    publication: &Publication<'_>,
) -> Result<OutboxEvent, serde_json::Error> {
    let at = ticket.document.generated_at.unwrap_or(ticket.lifecycle.issued_at);
    let value = serde_json::to_vec(&Issued { ticket, publication, at, before: None, again: false })?;
    let Publication { traceparent, destinations, .. } = publication;
    Ok(about(ticket, EventKind::TicketIssued, at, value, *traceparent, destinations))
}

/// The `ticket-issued` of a ticket that was announced before, to be sent once more. Receivers skip an id that they know, so
/// this one has another: that of its own `sequence`, which the ticket counts already, or that of the `request`, so that
/// the same request always gives the same event.
pub fn ticket_issued_again(
    ticket: &Ticket,
    at: Timestamp,
    request: Option<&str>,
    publication: &Publication<'_>,
) -> Result<OutboxEvent, serde_json::Error> {
    let issued = Issued { ticket, publication, at, before: None, again: true };
    let value = serde_json::to_vec(&issued)?;
    let kind = EventKind::TicketIssued;
    let id = request.map_or_else(
        || event_id(ticket.id, kind, ticket.lifecycle.sequence),
        |request| Uuid::new_v5(&NAMESPACE, format!("{}|again|{request}", ticket.id).as_bytes()),
    );
    let Publication { traceparent, destinations, .. } = publication;
    let event = about(ticket, kind, at, value, *traceparent, destinations);
    let headers = cloud_event_headers(id, kind, &ticket.id.to_string(), at, *traceparent);
    Ok(OutboxEvent { id, headers, ..event })
}

/// What a new generation of a ticket replaces.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The generation that is replaced.
    pub generation: u32,
    /// Why it is replaced, for people.
    pub reason: Option<&'a str>,
}

/// The `ticket-reissued` of a ticket whose row already has the new generation and whose `sequence` counts this event.
pub fn ticket_reissued(
    ticket: &Ticket,
    before: Before<'_>,
    publication: &Publication<'_>,
) -> Result<OutboxEvent, serde_json::Error> {
    let at = ticket.document.generated_at.unwrap_or(ticket.lifecycle.issued_at);
    let value = serde_json::to_vec(&Issued { ticket, publication, at, before: Some(before), again: false })?;
    let Publication { traceparent, destinations, .. } = publication;
    Ok(about(ticket, EventKind::TicketReissued, at, value, *traceparent, destinations))
}

/// The `ticket-voided` of a voided ticket whose `sequence` counts this event.
pub fn ticket_voided(
    ticket: &Ticket,
    spelling: Spelling,
    traceparent: Option<&str>,
    destinations: &[String],
) -> Result<OutboxEvent, serde_json::Error> {
    let at = ticket.lifecycle.voided_at.unwrap_or(ticket.lifecycle.updated_at);
    let value = serde_json::to_vec(&Voided { ticket, spelling, at })?;
    Ok(about(ticket, EventKind::TicketVoided, at, value, traceparent, destinations))
}

/// An event about a door, with these fields in camelCase.
pub fn door_event(
    id: Uuid,
    kind: EventKind,
    subject: &str,
    at: Timestamp,
    spelling: Spelling,
    destinations: &[String],
    fields: &[(&str, serde_json::Value)],
) -> OutboxEvent {
    let value: serde_json::Map<_, _> =
        fields.iter().map(|(name, value)| (spelling.spell(name), value.clone())).collect();
    OutboxEvent {
        id,
        kind,
        order_id: None,
        ticket_id: None,
        sequence: 0,
        key: Some(subject.as_bytes().to_vec()),
        value: serde_json::Value::Object(value).to_string().into_bytes(),
        headers: cloud_event_headers(id, kind, subject, at, None),
        destinations: destinations.to_vec(),
    }
}

fn about(
    ticket: &Ticket,
    kind: EventKind,
    at: Timestamp,
    value: Vec<u8>,
    traceparent: Option<&str>,
    destinations: &[String],
) -> OutboxEvent {
    let id = event_id(ticket.id, kind, ticket.lifecycle.sequence);
    OutboxEvent {
        id,
        kind,
        order_id: Some(ticket.order_id),
        ticket_id: Some(ticket.id),
        sequence: ticket.lifecycle.sequence,
        key: Some(ticket.order_id.to_string().into_bytes()),
        value,
        headers: cloud_event_headers(id, kind, &ticket.id.to_string(), at, traceparent),
        destinations: destinations.to_vec(),
    }
}

/// A time of a ticket, if it has one.
type TimeOf = fn(&Ticket) -> Option<Timestamp>;

/// Fields which state that a time is only a day, recorded as its noon. They are present only where this is true, so
/// that no consumer shows a holder an hour that is not known.
const DAYS_ALONE: [(&str, TimeOf, Flag); 3] = [
    ("eventStartDateOnly", |ticket| ticket.event.starts_at, Flag::StartWithoutHour),
    ("eventEndDateOnly", |ticket| ticket.event.ends_at, Flag::EndWithoutHour),
    ("doorsDateOnly", |ticket| ticket.event.doors_at, Flag::DoorsWithoutHour),
];

/// The value of `ticket-issued`: the union of what the known consumers read, in their spelling. With the replaced
/// generation, it is the value of `ticket-reissued`.
struct Issued<'a> {
    ticket: &'a Ticket,
    publication: &'a Publication<'a>,
    at: Timestamp,
    before: Option<Before<'a>>,
    again: bool,
}

impl Serialize for Issued<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Self { ticket, publication, at, before, again } = self;
        macro_rules! put {
            ($($name:literal: $value:expr),* $(,)?) => {
                $(map.serialize_entry(&publication.spelling.spell($name), &$value)?;)*
            };
        }
        put! {
            "ticketId": ticket.id,
            "orderId": ticket.order_id,
            "customerEmail": ticket.customer.email,
            "eventName": ticket.event.name,
            "seatNumber": ticket.seat.label,
            "price": ticket.price,
            "currency": ticket.currency,
            "ticketPdfUrl": publication.ticket_pdf_url,
            "qrCodeData": ticket.code.data,
            "issuedAt": ticket.document.generated_at.unwrap_or(ticket.lifecycle.issued_at),
            "timestamp": at,
            "ticketNumber": ticket.number,
            "ticketIndex": ticket.line.index,
            "ticketCount": ticket.line.count,
            "sequence": ticket.lifecycle.sequence,
            "paymentId": ticket.payment_id,
            "customerId": ticket.customer.id,
            "eventId": ticket.event.id,
            "seatId": ticket.seat.id,
            "section": ticket.seat.section,
            "row": ticket.seat.row,
            "holderName": ticket.holder.name,
            "holderEmail": ticket.holder.email,
            "pdfPath": ticket.file_name(),
            "qrCode": ticket.code.data,
            "status": ticket.lifecycle.status,
        }
        if let Some(before) = before {
            put! {
                "generation": ticket.code.generation,
                "previousGeneration": before.generation,
                "reason": before.reason,
            }
        }
        put! {
            "eventStartsAt": ticket.event.starts_at,
            "eventEndsAt": ticket.event.ends_at,
            "doorsAt": ticket.event.doors_at,
        }
        for (name, at, flag) in DAYS_ALONE {
            if at(ticket).is_some() && ticket.flags.contains(flag) {
                map.serialize_entry(&publication.spelling.spell(name), &true)?;
            }
        }
        put! {
            "timeZone": ticket.event.time_zone,
            "venueName": ticket.event.venue_name,
            "venueAddress": ticket.event.venue_address,
            "category": ticket.seat.category,
            "locale": ticket.customer.locale,
            "cti": Hex(&ticket.code.cti),
        }
        if before.is_none() {
            put! { "generation": ticket.code.generation }
        }
        if *again {
            put! { "sentAgain": true }
        }
        map.end()
    }
}

/// The value of `ticket-voided`.
struct Voided<'a> {
    ticket: &'a Ticket,
    spelling: Spelling,
    at: Timestamp,
}

impl Serialize for Voided<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Self { ticket, spelling, at } = self;
        macro_rules! put {
            ($($name:literal: $value:expr),* $(,)?) => {
                $(map.serialize_entry(&spelling.spell($name), &$value)?;)*
            };
        }
        put! {
            "ticketId": ticket.id,
            "orderId": ticket.order_id,
            "eventId": ticket.event.id,
            "ticketNumber": ticket.number,
            "reason": ticket.lifecycle.void_reason,
            "voidedAt": at,
            "sequence": ticket.lifecycle.sequence,
            "cti": Hex(&ticket.code.cti),
            "generation": ticket.code.generation,
        }
        map.end()
    }
}

/// The value of an event with its personal data replaced by null, in any spelling. Numbers keep their written form.
///
/// # Errors
/// It is not a JSON object.
pub fn without_person(value: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let personal = ["customerEmail", "customerId", "holderName", "holderEmail", "reason"].map(canonical);
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_slice(value)?;
    for (name, value) in &mut fields {
        if personal.contains(&canonical(name)) {
            *value = RawValue::NULL;
        }
    }
    serde_json::to_vec(&fields)
}

pub(crate) fn cloud_event_headers(
    id: Uuid,
    kind: EventKind,
    subject: &str,
    at: Timestamp,
    traceparent: Option<&str>,
) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<(String, Vec<u8>)> = [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id.to_string()),
        ("ce_source", SOURCE.to_owned()),
        ("ce_type", kind.as_str().to_owned()),
        ("ce_subject", subject.to_owned()),
        ("ce_time", at.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into_bytes()))
    .collect();
    if let Some(trace) = traceparent {
        headers.push(("traceparent".to_owned(), trace.as_bytes().to_vec()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_three_ways() {
        for (camel, snake, pascal) in
            [("ticketPdfUrl", "ticket_pdf_url", "TicketPdfUrl"), ("price", "price", "Price")]
        {
            assert_eq!(Spelling::Camel.spell(camel), camel);
            assert_eq!(Spelling::Snake.spell(camel), snake);
            assert_eq!(Spelling::Pascal.spell(camel), pascal);
        }
        for word in ["camelCase", "snake_case", "PascalCase"] {
            assert_eq!(word.parse::<Spelling>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn a_person_leaves_an_event_and_numbers_stay() {
        let value = br#"{"TicketId":"t","customer_email":"a@b","Price":59.500,"holderName":"Ada","reason":"ill","row":null}"#;
        let left = without_person(value).unwrap();
        let expected = r#"{"Price":59.500,"TicketId":"t","customer_email":null,"holderName":null,"reason":null,"row":null}"#;
        assert_eq!(std::str::from_utf8(&left), Ok(expected));
        assert_eq!(without_person(&left).unwrap(), left);
        assert!(without_person(b"x").is_err());
    }

    #[test]
    fn event_ids_tell_ticket_type_and_sequence_apart() {
        let ticket = TicketId(Uuid::from_u128(1));
        let id = event_id(ticket, EventKind::TicketIssued, 1);
        assert_eq!(id, event_id(ticket, EventKind::TicketIssued, 1));
        assert_ne!(id, event_id(ticket, EventKind::TicketIssued, 2));
        assert_ne!(id, event_id(TicketId(Uuid::from_u128(2)), EventKind::TicketIssued, 1));
        assert_eq!(id.get_version_num(), 5);
    }
}
