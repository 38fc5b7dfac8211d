//! The values of a ticket's page, made safe to draw.

use crate::text::{sanitize, sanitize_lines};

use super::field::{Field, Values};
use super::labels::{Label, Language};
use super::ticket_page::TicketPage;

impl Values {
    /// The page's values, with labels in this language where the page leaves a value to a label.
    pub(crate) fn of(page: &TicketPage, language: &'static Language) -> Self {
        Self::from_fn(|known| {
            let optional = |text: &Option<String>| text.as_deref().map(sanitize).unwrap_or_default();
            match known.field {
                Field::EventName => sanitize(&page.event_name),
                Field::EventStarts => optional(&page.starts),
                Field::EventDoors => optional(&page.doors),
                Field::EventEnds => optional(&page.ends),
                Field::OrganizerName => optional(&page.organizer_name),
                Field::VenueName => optional(&page.venue_name),
                Field::VenueAddress => page.venue_address.as_deref().map(sanitize_lines).unwrap_or_default(),
                Field::HolderName => optional(&page.holder_name),
                Field::SeatSection => optional(&page.section),
                Field::SeatRow => optional(&page.row),
                Field::SeatNumber => seat(page, language),
                Field::SeatNamed => named_seat(page, language),
                Field::TicketCategory => optional(&page.category),
                Field::TicketPrice => {
                    page.price.as_deref().map_or_else(|| Label::FREE.text(language), sanitize)
                }
                Field::TicketNumber => grouped(&sanitize(&page.ticket_number)),
                Field::TicketIndex => page.ticket_index.to_string(),
                Field::TicketCount => page.ticket_count.to_string(),
                Field::TicketId => page.ticket_id.to_string(),
                Field::TicketIssued => sanitize(&page.issued),
                Field::OrderId => page.order_id.to_string(),
                Field::OrderCustomer => sanitize(&page.customer),
            }
        })
    }
}

/// The seat; "Free seating" where it is known that there is no seat, section or row.
fn seat(page: &TicketPage, language: &'static Language) -> String {
    let seat = sanitize(&page.seat);
    let is_free = seat.is_empty() && !page.seat_unknown && !is_placed(page);
    if is_free { Label::FREE_SEATING.text(language) } else { seat }
}

/// "Seat 7" for a seat that is a number, or a word with one; other words unchanged: "Standing left", "Free seating".
fn named_seat(page: &TicketPage, language: &'static Language) -> String {
    let seat = seat(page, language);
    let is_number = seat.contains(|c: char| c.is_numeric());
    if is_number && (is_placed(page) || !seat.contains(' ')) {
        return format!("{} {seat}", Label::SEAT.text(language));
    }
    seat
}

/// Whether a section or a row is given.
fn is_placed(page: &TicketPage) -> bool {
    [&page.section, &page.row].into_iter().flatten().any(|text| !sanitize(text).is_empty())
}

/// A ticket number in groups that people can read out: unchanged where it has separators, else in groups of five or
/// four.
fn grouped(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    if letters.len() < 6 || !letters.iter().all(char::is_ascii_alphanumeric) {
        return number.to_owned();
    }
    let size = if letters.len().is_multiple_of(5) { 5 } else { 4 };
    letters.chunks(size).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped("7K3M9QXT2F"), "7K3M9 QXT2F");
        assert_eq!(grouped("7K3M9QXT"), "7K3M 9QXT");
        assert_eq!(grouped("7K3-M9Q-XT2"), "7K3-M9Q-XT2");
        assert_eq!(grouped("12345"), "12345");
    }
}
