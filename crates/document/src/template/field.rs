//! Fields: the values of a ticket that a placeholder can name.

/// A field: its name in templates, whether its value is the same for all tickets of an event, and sample texts.
pub(crate) struct FieldSpec {
    pub(crate) field: Field,
    pub(crate) name: &'static str,
    /// The same for every ticket of an event.
    pub(crate) shared: bool,
    /// A usual value.
    pub(crate) usual: &'static str,
    /// The longest reasonable value: a template should still show all of it.
    pub(crate) long: &'static str,
}

/// Defines [`Field`] and [`FIELDS`] from one table; each line has a field, its name, whether it is shared, and two
/// texts.
macro_rules! fields {
    ($($field:ident $name:literal $whose:ident $usual:literal $long:expr;)*) => {
        /// A value of the ticket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field { $($field),* }

        /// Every field, in the order of [`Field`].
        pub(crate) static FIELDS: [FieldSpec; [$($name),*].len()] = [$(FieldSpec {
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

/// The longest date and time.
const MOMENT: &str = "Donnerstag, 24. September 2026 um 19:30 Uhr MESZ";
/// An id made of the widest digits.
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
    pub(crate) fn known(self) -> &'static FieldSpec {
        &FIELDS[self as usize]
    }

    /// The field of this name in templates.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|known| known.name == name).map(|known| known.field)
    }
}

/// The values of one ticket, made safe to draw; one that is not given is empty.
#[derive(Clone, Debug)]
pub(crate) struct Values([String; FIELDS.len()]);

impl Values {
    /// The values that `text` gives for each field.
    pub(crate) fn from_fn(mut text: impl FnMut(&FieldSpec) -> String) -> Self {
        Self(std::array::from_fn(|index| text(&FIELDS[index])))
    }

    pub(crate) fn get(&self, field: Field) -> &str {
        &self.0[field as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        assert_eq!(Field::named("order.customer"), Some(Field::OrderCustomer));
        assert_eq!(Field::OrderCustomer.known().name, "order.customer");
        assert_eq!(Field::named("event"), None);
    }
}
