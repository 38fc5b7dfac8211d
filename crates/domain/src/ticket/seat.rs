//! The place that a ticket is for.

use crate::order;

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

impl Seat {
    /// The seat as Ordering describes it, and its category's number in codes.
    pub fn of(seat: &order::Seat, category_number: u16) -> Self {
        Self {
            label: seat.label.clone(),
            id: seat.seat_id.clone(),
            section: seat.section.clone(),
            row: seat.row.clone(),
            number: seat.number.clone(),
            category: seat.category.clone(),
            category_number,
        }
    }
}
