//! What lists of orders and tickets are searched by, and what is shown of each.

use fulfillment_domain::{Address, Flag, Flags, OrderId, OrderState, ShownStatus, TicketId, words};
use jiff::Timestamp;
use serde::Serialize;

use crate::PersonKey;

/// The most rows of one answer.
pub const MAX_LISTED: usize = 500;

/// What is wanted: orders and tickets that match all of this. What is said of tickets must be true of one and the same.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// States of the order, any of these.
    pub states: Vec<OrderState>,
    /// What is shown as the ticket's status, any of these.
    pub statuses: Vec<ShownStatus>,
    /// The event's id.
    pub event: Option<String>,
    /// The organizer's id.
    pub organizer: Option<String>,
    /// An e-mail address: of an order, one that occurs anywhere in it; of a ticket, its buyer's or its holder's.
    pub email: Option<(Address, PersonKey)>,
    /// Words of the buyer's or the holder's name, or their beginnings.
    pub name: Option<String>,
    /// Words of the holder's name, or their beginnings. A ticket without a holder is its buyer's.
    pub holder: Option<String>,
    /// Words of the seat, whole.
    pub seat: Option<String>,
    /// The number printed on the ticket, in stored form.
    pub number: Option<String>,
    /// A flag of the ticket.
    pub flag: Option<Flag>,
    /// The key that signed the ticket's code.
    pub kid: Option<String>,
    /// The ticket's generation.
    pub generation: Option<u32>,
    /// The order's first payment arrived then or later.
    pub received_from: Option<Timestamp>,
    /// It arrived before then.
    pub received_to: Option<Timestamp>,
    /// The order's first ticket was issued then or later.
    pub issued_from: Option<Timestamp>,
    /// It was issued before then.
    pub issued_to: Option<Timestamp>,
    /// A part of the last error of an order that is not issued, or of a failed ticket.
    pub error: Option<String>,
}

words! {
    /// The order of a list by time.
    pub enum Sort: "sort of a list" {
        /// Newest first.
        Newest = "newest",
        /// Oldest first.
        Oldest = "oldest",
    }
}

words! {
    /// What a list is in the order of.
    pub enum SortedBy: "order of a list" {
        /// By the time of the first payment, newest first.
        Newest = "newest",
        /// By the time of the first payment, oldest first.
        Oldest = "oldest",
        /// By the time of issue, newest first.
        IssuedNewest = "issuedNewest",
        /// By the time of issue, oldest first.
        IssuedOldest = "issuedOldest",
        /// By the words that match, like a telephone book.
        Words = "words",
        /// By ids: in no order that means anything, and always the same.
        Id = "id",
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    /// The rows. There may be fewer than were asked for, even none, although there are more.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last one.
    pub next: Option<String>,
    /// What the list is in the order of.
    pub sorted_by: SortedBy,
    /// Orders from before an update are still being read: some may be missing.
    pub indexing: bool,
}

/// An order in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    /// Its id.
    pub order_id: OrderId,
    /// Its state.
    pub state: OrderState,
    /// Why it is in this state; the last error while it is retried.
    pub reason: Option<String>,
    /// Tries since it was last restarted.
    pub attempts: u32,
    /// When it is tried next, if at all.
    pub next_attempt_at: Option<Timestamp>,
    /// When its first payment arrived.
    pub received_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When its first ticket was issued.
    pub issued_at: Option<Timestamp>,
    /// The buyer's name.
    pub customer_name: Option<String>,
    /// The buyer's address.
    pub customer_email: Option<String>,
    /// The names of its events.
    pub event_names: Vec<String>,
    /// How many tickets it has.
    pub tickets: u32,
    /// How many of them are void.
    pub voided_tickets: u32,
    /// Since when its personal data is erased.
    pub erased_at: Option<Timestamp>,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRow {
    /// Its id.
    pub id: TicketId,
    /// The number printed on it.
    pub ticket_number: String,
    /// Its order.
    pub order_id: OrderId,
    /// From 1, within the order.
    pub ticket_index: u32,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub event_name: String,
    /// The seat as printed.
    pub seat: String,
    /// The buyer's name.
    pub customer_name: Option<String>,
    /// The holder's name.
    pub holder_name: Option<String>,
    /// The status, or that it is void or erased.
    pub status: ShownStatus,
    /// Since when it is void.
    pub voided_at: Option<Timestamp>,
    /// Since when its personal data is erased.
    pub erased_at: Option<Timestamp>,
    /// Counts reissues.
    pub generation: u32,
    /// The key that signed its code.
    pub kid: String,
    /// What an operator should know about it.
    pub flags: Flags,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Why its file could not be made.
    pub last_error: Option<String>,
}
