//! The place that a ticket is for.

/// The seat, or the area without seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// As printed, "Section A, Row 5, Seat 12" or "N/A".
    pub label: String,
    /// The id at Ordering.
    pub id: Option<String>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row.
    pub row: Option<String>,
    /// Seat within the row.
    pub number: Option<String>,
    /// Ticket category, "Standing", "VIP".
    pub category: Option<String>,
    /// The category's number in codes.
    pub category_number: u16,
}
