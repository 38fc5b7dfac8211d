//! The position of a ticket in its order.

/// The line and unit of the order that the ticket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Ordering's item.
    pub item_id: Option<String>,
    /// The key of the line within its order: `item:<id>`, `seat:<id>` or `pos:<n>`.
    pub key: String,
    /// From 0, within a line of several.
    pub unit: u32,
    /// From 1, within the order.
    pub index: u32,
    /// How many tickets the order has.
    pub count: u32,
}
