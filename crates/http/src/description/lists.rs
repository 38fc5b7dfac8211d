//! Lists of orders and tickets as they are asked and answered.

use jiff::Timestamp;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder};
use utoipa::openapi::{Array, Ref};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::words::{OrderState, ShownStatus, SortedBy, TicketFlag};

macro_rules! fields {
    ($($(#[doc = $about:literal])+ $field:ident;)+) => {
        /// What is searched by, in the address of a request.
        #[derive(IntoParams)]
        #[into_params(parameter_in = Query, rename_all = "camelCase")]
        pub(crate) struct ListFields {
            $($(#[doc = $about])+ $field: Option<String>,)+
            /// Rows of the answer: 1 to 500; otherwise 50.
            limit: Option<u32>,
        }

        /// What is searched by. What is not named is not asked about.
        #[derive(ToSchema)]
        #[schema(rename_all = "camelCase")]
        pub(crate) struct Search {
            $($(#[doc = $about])+ $field: Option<String>,)+
            /// Rows of the answer: 1 to 500; otherwise 50.
            limit: Option<u32>,
            /// An e-mail address: of an order, one that occurs anywhere in it; of a ticket, its buyer's or its holder's.
            email: Option<String>,
            /// Words of the buyer's or the holder's name or their beginnings, in any order.
            name: Option<String>,
            /// Words of the holder's name or their beginnings. A ticket without a holder is its buyer's.
            holder: Option<String>,
            /// Whole words of the seat: `A 5 12`. With an event it is found faster.
            seat: Option<String>,
            /// A part of the last error. In open work only: `state` names received, enriched or parked, or `status` is Failed.
            error: Option<String>,
        }
    };
}

fields! {
    /// States of the order, separated by commas: received, enriched, issued, parked, voided.
    state;
    /// Statuses of a ticket, separated by commas: Pending, Generated, Delivered, Failed, voided, erased.
    status;
    /// The event's id.
    event;
    /// The organizer's id.
    organizer;
    /// The number printed on a ticket.
    ticket_number;
    /// A flag of a ticket, such as `seat_conflict`.
    flag;
    /// The key that signed a ticket's code, 8 hexadecimal digits.
    kid;
    /// The generation of a ticket.
    generation;
    /// The order's first payment arrived then or later (RFC 3339).
    received_from;
    /// The order's first payment arrived before then.
    received_to;
    /// The order's first ticket was issued then or later.
    issued_from;
    /// The order's first ticket was issued before then.
    issued_to;
    /// `newest` or `oldest` first, where the list is by time: `sortedBy` says so.
    sort;
    /// The `next` of a former answer to the same search: the rows after it.
    cursor;
}

/// A page of orders.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OrderList {
    /// The rows; for `read:status` their state.
    #[schema(schema_with = order_rows)]
    items: Vec<OrderRow>,
    /// Send it as `cursor` for the rest; null after the last page. A page may have fewer rows than `limit`, even none, and a
    /// `next`.
    next: Option<String>,
    sorted_by: SortedBy,
    /// Orders from before an update are still being read: some may be missing.
    indexing: bool,
}

/// A page of tickets.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TicketList {
    /// The rows; for `read:status` their state.
    #[schema(schema_with = ticket_rows)]
    items: Vec<TicketRow>,
    /// Send it as `cursor` for the rest; null after the last page. A page may have fewer rows than `limit`, even none, and a
    /// `next`.
    next: Option<String>,
    sorted_by: SortedBy,
    /// Orders from before an update are still being read: some may be missing.
    indexing: bool,
}

fn rows(whole: &str, state: &str) -> Array {
    let any = AnyOfBuilder::new().item(Ref::from_schema_name(whole)).item(Ref::from_schema_name(state));
    ArrayBuilder::new().items(any).build()
}

fn order_rows() -> Array {
    rows("OrderRow", "OrderStateRow")
}

fn ticket_rows() -> Array {
    rows("TicketRow", "TicketStateRow")
}

/// An order in a list.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OrderRow {
    order_id: Uuid,
    state: OrderState,
    /// Why it is in this state; the last error while it is retried.
    reason: Option<String>,
    /// Attempts since it was last queued for retry.
    attempts: u32,
    /// When it is tried next, if it will be.
    next_attempt_at: Option<Timestamp>,
    /// When its first payment arrived.
    received_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// When its first ticket was issued.
    issued_at: Option<Timestamp>,
    /// The buyer's name.
    customer_name: Option<String>,
    /// The buyer's address.
    customer_email: Option<String>,
    /// The names of its events.
    event_names: Vec<String>,
    /// How many tickets it has.
    tickets: u32,
    /// How many of them are void.
    voided_tickets: u32,
    /// When its personal data was erased.
    erased_at: Option<Timestamp>,
}

/// The state of an order in a list, without personal data and texts.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OrderStateRow {
    order_id: Uuid,
    state: OrderState,
    attempts: u32,
    next_attempt_at: Option<Timestamp>,
    received_at: Timestamp,
    updated_at: Timestamp,
    issued_at: Option<Timestamp>,
    tickets: u32,
    voided_tickets: u32,
    erased_at: Option<Timestamp>,
}

/// A ticket in a list.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TicketRow {
    id: Uuid,
    /// The number printed on it.
    ticket_number: String,
    order_id: Uuid,
    /// From 1, within the order.
    ticket_index: u32,
    event_id: String,
    event_name: String,
    /// The seat as printed.
    seat: String,
    /// The buyer's name.
    customer_name: Option<String>,
    /// The holder's name.
    holder_name: Option<String>,
    status: ShownStatus,
    voided_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    /// Counts reissues.
    generation: u32,
    /// The key that signed its code.
    kid: String,
    flags: Vec<TicketFlag>,
    /// When it was issued.
    issued_at: Timestamp,
    /// Why its file could not be made.
    last_error: Option<String>,
}

/// The state of a ticket in a list, without personal data and texts.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct TicketStateRow {
    id: Uuid,
    order_id: Uuid,
    ticket_index: u32,
    event_id: String,
    status: ShownStatus,
    voided_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    generation: u32,
    kid: String,
    flags: Vec<TicketFlag>,
    issued_at: Timestamp,
}
