//! The record of a ticket, as it is served.

use jiff::Timestamp;
use utoipa::ToSchema;
use uuid::Uuid;

use super::door::CheckIn;
use super::words::{ShownStatus, TicketFlag, TicketStatus};

/// A ticket as recorded. Later versions may add fields.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Ticket {
    /// Unique id.
    id: Uuid,
    /// The order it belongs to.
    order_id: Uuid,
    /// Where the ticket is sent: an e-mail address, or a user id when Identity did not answer with an address.
    customer_email: String,
    /// The event's name.
    event_name: String,
    /// The seat as printed, `Section A, Row 5, Seat 12`, or `N/A`.
    seat: String,
    /// What the seat cost, with its exact digits.
    #[schema(format = "decimal")]
    price: f64,
    /// ISO 4217.
    currency: String,
    /// State of the ticket's file and delivery. A void is recorded in `voidedAt`, not here.
    status: TicketStatus,
    /// The signed content of the QR code: `TK1:…`.
    qr_code_data: String,
    /// The file's name in the storage, once stored.
    ticket_pdf_path: Option<String>,
    /// When the file was stored.
    generated_at: Option<Timestamp>,
    /// When the record was made.
    created_at: Timestamp,
    /// When the record was last changed.
    updated_at: Timestamp,
    /// The number printed on the ticket: ten characters, one of them a check character.
    ticket_number: String,
    /// The payment that the ticket was issued for.
    payment_id: Option<String>,
    /// Who paid.
    customer_id: Option<String>,
    /// The buyer's name.
    customer_name: Option<String>,
    /// The event's id at Ordering.
    event_id: String,
    /// The event's number in codes.
    event_number: u32,
    /// The item's id at Ordering.
    item_id: Option<String>,
    /// The seat's id at Ordering.
    seat_id: Option<String>,
    /// Identifies the line within the order: `item:<id>`, `seat:<id>` or `pos:<n>`.
    line: String,
    /// Index within a line of several tickets, from 0.
    unit: u32,
    /// Index within the order, from 1.
    ticket_index: u32,
    /// How many tickets the order has.
    ticket_count: u32,
    /// Section of the venue.
    section: Option<String>,
    /// Row.
    row: Option<String>,
    /// Seat within the row.
    seat_number: Option<String>,
    /// Ticket category, such as `Standing` or `VIP`.
    category: Option<String>,
    /// The category's number in codes.
    category_number: u16,
    /// The holder's name.
    holder_name: Option<String>,
    /// The holder's own address.
    holder_email: Option<String>,
    /// The organizer's id.
    organizer_id: Option<String>,
    /// The organizer's name.
    organizer_name: Option<String>,
    /// When the event starts; noon when only the day is known (see `flags`).
    event_starts_at: Option<Timestamp>,
    /// When the event ends; noon when only the day is known.
    event_ends_at: Option<Timestamp>,
    /// When the doors open; noon when only the day is known.
    doors_at: Option<Timestamp>,
    /// The event's time zone: an IANA name, or a fixed offset such as `+02:00`.
    time_zone: Option<String>,
    /// The venue's name.
    venue_name: Option<String>,
    /// The venue's address.
    venue_address: Option<String>,
    /// The buyer's locale, BCP 47.
    locale: Option<String>,
    /// Name and version of the template.
    template: String,
    /// Version of the renderer that drew the file.
    renderer: String,
    /// The code's id, 20 hexadecimal digits.
    cti: String,
    /// Number of reinstatements after a void.
    era: u32,
    /// Number of reissues.
    generation: u32,
    /// Id of the key that signed the code.
    kid: String,
    /// The time printed on the ticket.
    issued_at: Timestamp,
    /// SHA-256 of the file, hexadecimal.
    sha256: Option<String>,
    /// Size of the file in bytes.
    size: Option<u64>,
    /// How many events of the ticket have been written.
    sequence: u32,
    /// How many attempts to create the file have failed.
    attempts: u32,
    /// Why the last attempt failed.
    last_error: Option<String>,
    /// When the ticket was voided. A voided ticket is no longer valid.
    voided_at: Option<Timestamp>,
    /// Why it was voided.
    void_reason: Option<String>,
    /// When the ticket reached its holder.
    delivered_at: Option<Timestamp>,
    /// How the ticket reached its holder, such as `email`.
    delivery_channel: Option<String>,
    /// When the holder first downloaded the PDF.
    first_downloaded_at: Option<Timestamp>,
    /// When personal data was erased.
    erased_at: Option<Timestamp>,
    /// Things about the ticket that an operator should know.
    flags: Vec<TicketFlag>,
    /// The status in one word for people: `erased` or `voided`, otherwise as `status`.
    shown_status: ShownStatus,
    /// The signed link to the PDF, without a token. None while it opens nothing: before the issue, of a void or erased
    /// ticket, once links to the event have expired.
    ticket_pdf_url: Option<String>,
}

/// A ticket as recorded, with its check-ins.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TicketRecord {
    #[serde(flatten)]
    ticket: Ticket,
    /// What the doors have scanned of it, oldest first. Refused scans are among them.
    check_ins: Vec<CheckIn>,
}

/// The state of a ticket, without personal data, codes, links and texts.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TicketState {
    /// Unique id.
    id: Uuid,
    /// The order it belongs to.
    order_id: Uuid,
    /// State of the ticket's file and delivery. A void is recorded in `voidedAt`, not here.
    status: TicketStatus,
    /// The status in one word for people: `erased` or `voided`, otherwise as `status`.
    shown_status: ShownStatus,
    /// Index within the order, from 1.
    ticket_index: u32,
    /// How many tickets the order has.
    ticket_count: u32,
    /// Number of reissues.
    generation: u32,
    /// When the file was stored.
    generated_at: Option<Timestamp>,
    /// When the record was made.
    created_at: Timestamp,
    /// When the record was last changed.
    updated_at: Timestamp,
    /// When the ticket was voided. A voided ticket is no longer valid.
    voided_at: Option<Timestamp>,
    /// When the ticket reached its holder.
    delivered_at: Option<Timestamp>,
    /// When the holder first downloaded the PDF.
    first_downloaded_at: Option<Timestamp>,
    /// When personal data was erased.
    erased_at: Option<Timestamp>,
    /// Things about the ticket that an operator should know.
    flags: Vec<TicketFlag>,
}
