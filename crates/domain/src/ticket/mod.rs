//! The ticket: one row of the record, and everything its page and its code are made from.

mod code;
mod customer;
mod document;
mod event;
mod flags;
mod holder;
mod json;
mod lifecycle;
mod line;
mod seat;
mod status;
#[cfg(test)]
mod tests;

pub use self::code::Code;
pub use self::customer::Customer;
pub use self::document::Document;
pub use self::event::Event;
pub use self::flags::{Flag, Flags};
pub use self::holder::Holder;
pub(crate) use self::json::Hex;
pub use self::lifecycle::Lifecycle;
pub use self::line::Line;
pub use self::seat::Seat;
pub use self::status::{ShownStatus, TicketStatus};
use crate::id::{OrderId, TicketId};
use crate::money::{Amount, Currency};

/// A ticket as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// Unique id, derived from order, line and unit.
    pub id: TicketId,
    /// The order it belongs to.
    pub order_id: OrderId,
    /// The number printed on it, ten characters with a check.
    pub number: String,
    /// The payment that it came from.
    pub payment_id: Option<String>,
    /// What the seat cost.
    pub price: Amount,
    /// The currency of the price.
    pub currency: Currency,
    /// Its position in its order.
    pub line: Line,
    /// The buyer.
    pub customer: Customer,
    /// The event it admits to.
    pub event: Event,
    /// The place it is for.
    pub seat: Seat,
    /// Its holder.
    pub holder: Holder,
    /// The content of its QR code.
    pub code: Code,
    /// Its PDF file.
    pub document: Document,
    /// Its status, and what has happened to it.
    pub lifecycle: Lifecycle,
    /// What an operator should know.
    pub flags: Flags,
}

impl Ticket {
    /// The status that people are shown.
    pub fn shown_status(&self) -> ShownStatus {
        let Lifecycle { status, voided_at, erased_at, .. } = &self.lifecycle;
        ShownStatus::of(*status, voided_at.is_some(), erased_at.is_some())
    }

    /// The file's name in the storage: `{id}.pdf`, and `{id}.g{n}.pdf` for a reissue.
    pub fn file_name(&self) -> String {
        match self.code.generation {
            0 => format!("{}.pdf", self.id),
            n => format!("{}.g{n}.pdf", self.id),
        }
    }
}
