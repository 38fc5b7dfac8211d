//! The holder of a ticket.

/// The holder of the ticket, where Ordering names one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The holder's name.
    pub name: Option<String>,
    /// The holder's own address.
    pub email: Option<String>,
}
