//! What a placeholder can stand for: the ticket's own values.

use crate::TicketPage;
use crate::sanitize::{sanitize, sanitize_lines};

use super::labels::{Label, Language};

/// A field, what templates call it, whether all tickets of an event have the same, and texts to try a template with.
pub(crate) struct Known {
    pub(crate) field: Field,
    pub(crate) name: &'static str,
    /// The same for every ticket of an event.
    pub(crate) shared: bool,
    /// What it often is.
    pub(crate) usual: &'static str,
    /// As long as it reasonably gets: a template should still show all of it.
    pub(crate) long: &'static str,
}

/// Writes [`Field`] and [`FIELDS`] from one table, each line of it a field, its name, whose it is, and two texts.
macro_rules! fields {
    ($($field:ident $name:literal $whose:ident $usual:literal $long:expr;)*) => {
        /// A value of the ticket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field { $($field),* }

        /// Every field, in the order of [`Field`].
        pub(crate) static FIELDS: [Known; [$($name),*].len()] = [$(Known {
            field: Field::$field,
            name: $name,
            shared: fields!(@ $whose),
            usual: $usual,
            long: $long,
        }),*];
    };
    (@ event) => { true };
    (@ ticket) => { false };
}

/// As long as a moment gets.
const MOMENT: &str = "Donnerstag, 24. September 2026 um 19:30 Uhr MESZ";
/// An id of the widest digits.
const ID: &str = "d8d8d8d8-d8d8-48d8-88d8-d8d8d8d8d8d8";

fields! {
    EventName "event.name" event
        "Sofia Lindqvist & The Northern Lights Orchestra"
        "Die Walküre – Erster Tag des Bühnenfestspiels Der Ring des Nibelungen, konzertante Aufführung";
    EventStarts "event.starts" event "Saturday, 12 December 2026, 20:00" MOMENT;
    EventDoors "event.doors" event "19:00" "Donnerstag, 24. September 2026, 18:30";
    EventEnds "event.ends" event "22:30" "Donnerstag, 24. September 2026, 23:45";
    OrganizerName "organizer.name" event "Elbe Concerts" "Kulturveranstaltungsgesellschaft Oberrhein mbH";
    VenueName "venue.name" event
        "Großer Saal, Hafenphilharmonie"
        "Kongress- und Kulturzentrum Friedrichshafen, Großer Saal";
    VenueAddress "venue.address" event
        "Am Sandtorkai 12, 20457 Hamburg, Germany"
        "Konrad-Adenauer-Straße 128, Eingang Nordwest, 70182 Stuttgart, Deutschland";
    HolderName "holder.name" ticket
        "Zoë Müller-Łukasiewicz"
        "María de los Ángeles Fernández-Villaverde y Bustamante";
    SeatSection "seat.section" ticket "Parkett links" "Rangloge Mitte rechts, 2. Reihe";
    SeatRow "seat.row" ticket "12" "Reihe 112";
    SeatNumber "seat.number" ticket "7" "General admission, standing";
    SeatNamed "seat.named" ticket "Seat 7" "General admission, standing";
    TicketCategory "ticket.category" ticket "Category A" "Preiskategorie 2, ermäßigt";
    TicketPrice "ticket.price" ticket "89.50 EUR" "1.234.567,00 IDR";
    TicketNumber "ticket.number" ticket "7K3M9QXT2F" "WM8WQ-WMX8M";
    TicketIndex "ticket.index" ticket "2" "10000";
    TicketCount "ticket.count" ticket "4" "10000";
    TicketId "ticket.id" ticket "8f14e45f-ceea-867a-9a36-dedd4bea2543" ID;
    TicketIssued "ticket.issued" ticket "23 November 2026, 19:40 CET" MOMENT;
    OrderId "order.id" ticket "3f2b6a1e-9c4d-4e8f-a7b5-1d2c3e4f5a6b" ID;
    OrderCustomer "order.customer" ticket
        "zoe.mueller@example.com"
        "maria.fernandez-villaverde@veranstaltungen.example.com";
}

impl Field {
    pub(crate) fn known(self) -> &'static Known {
        &FIELDS[self as usize]
    }

    /// The field that templates call so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|known| known.name == name).map(|known| known.field)
    }
}

/// The values of one ticket, made safe to draw; one that is not given is empty.
#[derive(Clone, Debug)]
pub(crate) struct Values([String; FIELDS.len()]);

impl Values {
    /// The page's values. What it leaves to a label is said in this language.
    pub(crate) fn of(page: &TicketPage, language: &'static Language) -> Self {
        Self(std::array::from_fn(|index| {
            let optional = |text: &Option<String>| text.as_deref().map(sanitize).unwrap_or_default();
            match FIELDS[index].field {
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
        }))
    }

    /// The values that `text` gives for each field.
    pub(crate) fn from_fn(mut text: impl FnMut(&Known) -> String) -> Self {
        Self(std::array::from_fn(|index| text(&FIELDS[index])))
    }

    pub(crate) fn get(&self, field: Field) -> &str {
        &self.0[field as usize]
    }
}

/// The seat; in a place that is known to have none, nor a section or a row, that it is free.
fn seat(page: &TicketPage, language: &'static Language) -> String {
    let seat = sanitize(&page.seat);
    let is_free = seat.is_empty() && !page.seat_unknown && !is_placed(page);
    if is_free { Label::FREE_SEATING.text(language) } else { seat }
}

/// "Seat 7" of a seat that is a number, or a word with one; words by themselves: "Standing left", "Free seating".
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

/// A number in groups a person can read out: as it is where it has separators, else in groups of five or four.
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

    #[test]
    fn fields_are_found_by_name() {
        assert_eq!(Field::named("order.customer"), Some(Field::OrderCustomer));
        assert_eq!(Field::OrderCustomer.known().name, "order.customer");
        assert_eq!(Field::named("event"), None);
    }
}
