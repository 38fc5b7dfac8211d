//! Events out: `ticket-issued` and what follows it.
//!
//! Value and headers are rendered once, when the event is written to the outbox. A repeat is the same
//! bytes, whatever the settings are by then.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use crate::id::{OrderId, TicketId};
use crate::ticket::{Ticket, UnknownWord};

/// The namespace of event ids: `UUIDv5(NAMESPACE, "<ticket id>|<type>|<sequence>")`. Published, never changed.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x5f0a_1c1e_7b0e_4d6b_9d53_2c3f_8f6e_a7d4);

/// `CloudEvents` source of everything this service says.
pub const SOURCE: &str = "/fulfillment";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A ticket has its file.
    TicketIssued,
    /// A message could not be read; goes to the dead-letter topic only.
    DeadLetter,
}

impl EventKind {
    /// The type's name, and the default topic of `ticket-issued`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TicketIssued => "ticket-issued",
            Self::DeadLetter => "dead-letter",
        }
    }
}

impl FromStr for EventKind {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::TicketIssued, Self::DeadLetter]
            .into_iter()
            .find(|k| k.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "event type", word: text.to_owned() })
    }
}

/// How the fields of an event's value are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// `ticketId`
    #[default]
    Camel,
    /// `ticket_id`
    Snake,
    /// `TicketId`
    Pascal,
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

impl FromStr for Spelling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "camelCase" => Ok(Self::Camel),
            "snake_case" => Ok(Self::Snake),
            "PascalCase" => Ok(Self::Pascal),
            _ => Err("must be camelCase, snake_case or PascalCase".into()),
        }
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camel => "camelCase",
            Self::Snake => "snake_case",
            Self::Pascal => "PascalCase",
        })
    }
}

/// An event as it stands in the outbox: finished bytes and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// The same for every repeat.
    pub id: Uuid,
    /// What happened.
    pub kind: EventKind,
    /// To whom; none for a dead letter whose order could not be read.
    pub order_id: Option<OrderId>,
    /// To which ticket.
    pub ticket_id: Option<TicketId>,
    /// Counts the ticket's events from 1; 0 where there is no ticket.
    pub sequence: u32,
    /// Kafka key: the order id.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
    /// Kafka headers; also the attributes of the webhook's and the stream's envelope.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Who gets it: `kafka`, `webhook:<name>`. The event stream needs no entry here.
    pub destinations: Vec<String>,
}

/// The id of one event, the same each time it is made.
pub fn event_id(ticket: TicketId, kind: EventKind, sequence: u32) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{ticket}|{}|{sequence}", kind.as_str()).as_bytes())
}

/// Everything about `ticket-issued` that the ticket's row does not have.
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
    let at = ticket.generated_at.unwrap_or(ticket.issued_at);
    let id = event_id(ticket.id, EventKind::TicketIssued, ticket.sequence);
    Ok(OutboxEvent {
        id,
        kind: EventKind::TicketIssued,
        order_id: Some(ticket.order_id),
        ticket_id: Some(ticket.id),
        sequence: ticket.sequence,
        key: Some(ticket.order_id.to_string().into_bytes()),
        value: serde_json::to_vec(&Issued { ticket, publication, at })?,
        headers: cloud_event_headers(id, EventKind::TicketIssued, ticket.id, at, publication.traceparent),
        destinations: publication.destinations.to_vec(),
    })
}

/// The value of `ticket-issued`: the union of what the known consumers read, spelled as they read it.
struct Issued<'a> {
    ticket: &'a Ticket,
    publication: &'a Publication<'a>,
    at: Timestamp,
}

impl Serialize for Issued<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Self { ticket, publication, at } = self;
        macro_rules! put {
            ($($name:literal: $value:expr),* $(,)?) => {
                $(map.serialize_entry(&publication.spelling.spell($name), &$value)?;)*
            };
        }
        put! {
            "ticketId": ticket.id,
            "orderId": ticket.order_id,
            "customerEmail": ticket.customer_email,
            "eventName": ticket.event_name,
            "seatNumber": ticket.seat,
            "price": ticket.price,
            "currency": ticket.currency,
            "ticketPdfUrl": publication.ticket_pdf_url,
            "qrCodeData": ticket.qr_code_data,
            "issuedAt": at,
            "timestamp": at,
            "ticketNumber": ticket.ticket_number,
            "ticketIndex": ticket.ticket_index,
            "ticketCount": ticket.ticket_count,
            "sequence": ticket.sequence,
            "paymentId": ticket.payment_id,
            "customerId": ticket.customer_id,
            "eventId": ticket.event_id,
            "seatId": ticket.seat_id,
            "section": ticket.section,
            "row": ticket.row,
            "holderName": ticket.holder_name,
            "holderEmail": ticket.holder_email,
            "pdfPath": ticket.file_name(),
            "qrCode": ticket.qr_code_data,
            "status": ticket.status,
        }
        map.end()
    }
}

fn cloud_event_headers(
    id: Uuid,
    kind: EventKind,
    ticket: TicketId,
    at: Timestamp,
    traceparent: Option<&str>,
) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<(String, Vec<u8>)> = [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id.to_string()),
        ("ce_source", SOURCE.to_owned()),
        ("ce_type", kind.as_str().to_owned()),
        ("ce_subject", ticket.to_string()),
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
    fn event_ids_tell_ticket_type_and_sequence_apart() {
        let ticket = TicketId(Uuid::from_u128(1));
        let id = event_id(ticket, EventKind::TicketIssued, 1);
        assert_eq!(id, event_id(ticket, EventKind::TicketIssued, 1));
        assert_ne!(id, event_id(ticket, EventKind::TicketIssued, 2));
        assert_ne!(id, event_id(TicketId(Uuid::from_u128(2)), EventKind::TicketIssued, 1));
        assert_eq!(id.get_version_num(), 5);
    }
}
