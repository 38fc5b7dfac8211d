//! Ordering's answer about an order, and the states of an order.

mod answer;
mod counts;
mod event;
mod kind;
mod labels;
mod lines;
mod place;
mod reader;
mod reading;
#[cfg(test)]
mod tests;
mod times;
mod type_words;

pub use self::event::Event;
pub use self::kind::Charge;
pub use self::labels::{NO_SEAT, is_no_seat, label_of};
pub use self::lines::Seat;
pub use self::place::Place;
pub use self::reader::{Faults, Refusal};
pub use self::reading::{LocalTimes, Reading};
use crate::id::OrderId;
use crate::money::{Amount, Currency};
use crate::ticket::Flags;

/// The most tickets one order can have. A setting may lower it.
pub const MAX_TICKETS: usize = 10_000;

/// The most text that all tickets of an order may have in total, in bytes.
pub const MAX_TEXT_IN_ALL: usize = 8 * 1024 * 1024;

/// Why an order is issued without tickets: none of its lines admits anybody.
pub const NOTHING_ADMITS: &str = "nothing_admits";

/// Ordering's placeholder for an event whose name it does not know yet.
pub const PENDING_NAME: &str = "Event Details Pending";

crate::words! {
    /// The state of an order. Each state is stored with its reason.
    pub enum OrderState: "order state" {
        /// Paid; Ordering has not given an acceptable answer yet.
        Received = "received",
        /// Frozen: its tickets exist, and their files are being made.
        Enriched = "enriched",
        /// Every ticket has its file.
        Issued = "issued",
        /// No longer processed: it is visible to operators, and retried slowly or by hand.
        Parked = "parked",
        /// Cancelled or refunded in full.
        Voided = "voided",
    }
}

/// An accepted answer: the order as it was when its tickets were frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderSnapshot {
    /// The order asked for.
    pub order_id: OrderId,
    /// An e-mail address, or a signed-in customer's user id (no `@` in it).
    pub customer_email: String,
    /// The buyer's name.
    pub customer_name: Option<String>,
    /// The buyer's locale.
    pub locale: Option<String>,
    /// What is being attended.
    pub event: Event,
    /// One for each ticket, in the order of the answer. Empty when no line admits anybody.
    pub seats: Vec<Seat>,
    /// The lines that admit nobody, and issue no ticket.
    pub charges: Vec<Charge>,
    /// What was assumed, or ignored and why: plain sentences without personal data.
    pub notes: Vec<String>,
    /// The consequences of the notes for the tickets.
    pub flags: Flags,
}

impl OrderSnapshot {
    /// Whether Ordering does not know the event's name yet.
    pub fn name_is_pending(&self) -> bool {
        self.event.name.eq_ignore_ascii_case(PENDING_NAME)
    }

    /// Whether the customer is given as a user id that Identity may turn into an address.
    pub fn customer_is_user_id(&self) -> bool {
        !self.customer_email.contains('@')
    }

    /// The sum of all lines, including those that admit nobody, when they share one currency.
    pub fn total(&self) -> Option<(Amount, Currency)> {
        let seats = self.seats.iter().map(|seat| (1, seat.price, seat.currency));
        let charges = self.charges.iter().map(|charge| (charge.quantity, charge.price, charge.currency));
        let mut lines = seats.chain(charges);
        let (quantity, price, currency) = lines.next()?;
        let first = price.0.checked_mul(quantity.into())?;
        let sum = lines.try_fold(first, |sum, (quantity, price, of)| {
            (of == currency).then_some(())?;
            sum.checked_add(price.0.checked_mul(quantity.into())?)
        })?;
        Some((Amount(sum), currency))
    }
}
