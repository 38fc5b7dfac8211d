//! Request bodies that are parsed field by field.

use jiff::Timestamp;
use utoipa::ToSchema;

/// How and when a ticket reached its holder.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Delivered {
    /// Such as `email` or `sms`.
    channel: Option<String>,
    /// By the sender's clock; by default, when the request arrived.
    delivered_at: Option<Timestamp>,
    /// The generation that was delivered, from `ticket-issued` or `ticket-reissued`.
    generation: Option<u32>,
}

/// Why a ticket is voided.
#[derive(ToSchema)]
pub(crate) struct Reason {
    /// For people.
    reason: Option<String>,
}

/// Where a ticket's event is sent once more.
#[derive(ToSchema)]
pub(crate) struct Resend {
    /// `kafka`, `webhook:NAME` or `stream`.
    to: Option<String>,
}

/// What changes about a ticket. What is absent stays.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Change {
    /// Another holder; without `holderEmail`, the former holder's address is removed.
    holder_name: Option<String>,
    /// The holder's address.
    holder_email: Option<String>,
    /// Another seat: any of these five fields replaces the whole seat.
    seat_id: Option<String>,
    /// Section.
    section: Option<String>,
    /// Row.
    row: Option<String>,
    /// Seat within the row.
    seat_number: Option<String>,
    /// The seat as printed.
    seat_label: Option<String>,
    /// Why, for people.
    reason: Option<String>,
    /// The generation that the caller takes for the current one.
    expected_generation: Option<u32>,
}
