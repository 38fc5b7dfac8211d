//! The buyer of a ticket.

/// The buyer of the ticket, as Ordering and Identity name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The id at Ordering.
    pub id: Option<String>,
    /// Where Notification sends it: an e-mail address, or a user id when Identity could not resolve it.
    pub email: String,
    /// The buyer's name, where Ordering gives it.
    pub name: Option<String>,
    /// The buyer's locale, BCP 47.
    pub locale: Option<String>,
}
