//! A ticket as JSON: the platform's fields first, in camelCase, then the rest, all in one flat object.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::Ticket;

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Writes fields in this order.
macro_rules! fields {
    ($serializer:ident, $name:literal, $($key:literal: $value:expr),* $(,)?) => {{
        let mut fields = $serializer.serialize_struct($name, [$($key),*].len())?;
        $(fields.serialize_field($key, &$value)?;)*
        fields.end()
    }};
}

/// The names and their order are read by other services and kept in `ticket_revisions`: new fields are added at the
/// end.
impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fields! {
            serializer, "Ticket",
            "id": self.id,
            "orderId": self.order_id,
            "customerEmail": self.customer.email,
            "eventName": self.event.name,
            "seat": self.seat.label,
            "price": self.price,
            "currency": self.currency,
            "status": self.lifecycle.status,
            "qrCodeData": self.code.data,
            "ticketPdfPath": self.document.path,
            "generatedAt": self.document.generated_at,
            "createdAt": self.lifecycle.created_at,
            "updatedAt": self.lifecycle.updated_at,
            "ticketNumber": self.number,
            "paymentId": self.payment_id,
            "customerId": self.customer.id,
            "customerName": self.customer.name,
            "eventId": self.event.id,
            "eventNumber": self.event.number,
            "itemId": self.line.item_id,
            "seatId": self.seat.id,
            "line": self.line.key,
            "unit": self.line.unit,
            "ticketIndex": self.line.index,
            "ticketCount": self.line.count,
            "section": self.seat.section,
            "row": self.seat.row,
            "seatNumber": self.seat.number,
            "category": self.seat.category,
            "categoryNumber": self.seat.category_number,
            "holderName": self.holder.name,
            "holderEmail": self.holder.email,
            "organizerId": self.event.organizer_id,
            "organizerName": self.event.organizer_name,
            "eventStartsAt": self.event.starts_at,
            "eventEndsAt": self.event.ends_at,
            "doorsAt": self.event.doors_at,
            "timeZone": self.event.time_zone,
            "venueName": self.event.venue_name,
            "venueAddress": self.event.venue_address,
            "locale": self.customer.locale,
            "template": self.document.template,
            "renderer": self.document.renderer,
            "cti": Hex(&self.code.cti),
            "era": self.code.era,
            "generation": self.code.generation,
            "kid": self.code.kid,
            "issuedAt": self.lifecycle.issued_at,
            "sha256": self.document.sha256.as_ref().map(|hash| Hex(hash)),
            "size": self.document.size,
            "sequence": self.lifecycle.sequence,
            "attempts": self.lifecycle.attempts,
            "lastError": self.lifecycle.last_error,
            "voidedAt": self.lifecycle.voided_at,
            "voidReason": self.lifecycle.void_reason,
            "deliveredAt": self.lifecycle.delivered_at,
            "deliveryChannel": self.lifecycle.delivery_channel,
            "firstDownloadedAt": self.lifecycle.first_downloaded_at,
            "erasedAt": self.lifecycle.erased_at,
            "flags": self.flags,
        }
    }
}
