//! Who a ticket is for.

/// Who is to use the ticket, where Ordering says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The holder's name.
    pub name: Option<String>,
    /// The holder's own address.
    pub email: Option<String>,
}
