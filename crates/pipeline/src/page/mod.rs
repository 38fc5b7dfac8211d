//! The content of a ticket's page, computed from its frozen row. A pure function: a redraw gives the same page.

pub mod localisation;

use fulfillment_document::TicketPage;
use fulfillment_domain::order::{is_no_seat, label_of};
use fulfillment_domain::ticket::Seat;
use fulfillment_domain::{Flag, Money, Ticket, event_time, locale, zones};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use localisation::Words;

/// The content of the page of `ticket`; [`crate::templates`] chooses the template. Money and times are formatted in the
/// buyer's locale and the event's time zone, which were frozen with the ticket.
pub fn page_of(ticket: &Ticket) -> TicketPage {
    let times = Times::of(ticket);
    let locale = ticket.customer.locale.as_deref().and_then(locale::tag);
    let words = Words::of(locale.as_deref());
    TicketPage {
        ticket_id: ticket.id.0,
        ticket_number: ticket.number.clone(),
        order_id: ticket.order_id.0,
        event_name: ticket.event.name.clone(),
        organizer_name: ticket.event.organizer_name.clone(),
        venue_name: ticket.event.venue_name.clone(),
        venue_address: ticket.event.venue_address.clone(),
        starts: times.starts(&words),
        doors: times.beside_start(times.doors, &words),
        ends: times.beside_start(times.ends, &words),
        holder_name: ticket.holder.name.clone().or_else(|| ticket.customer.name.clone()),
        customer: ticket.customer.email.clone(),
        section: ticket.seat.section.clone(),
        row: ticket.seat.row.clone(),
        seat: seat_of(ticket).to_owned(),
        seat_unknown: ticket.seat.id.is_some() || ticket.flags.contains(Flag::SeatLeftOut),
        category: ticket.seat.category.clone(),
        price: price(Money { amount: ticket.price, currency: ticket.currency }, &words),
        ticket_index: ticket.line.index,
        ticket_count: ticket.line.count,
        issued_at: ticket.lifecycle.issued_at,
        issued: words.moment(&times.local(ticket.lifecycle.issued_at)),
        code: ticket.code.data.clone(),
        locale,
        template: None,
    }
}

/// A price as printed on the page; none where the ticket is free.
pub fn price(price: Money, words: &Words) -> Option<String> {
    (!price.amount.0.is_zero()).then(|| words.price(price))
}

/// A time of the event.
#[derive(Clone, Copy)]
pub struct Time {
    /// When.
    pub at: Timestamp,
    /// Only the day is known.
    pub day_alone: bool,
}

/// When the event takes place, and the time zone that it is printed in.
pub struct Times {
    /// The beginning.
    pub starts: Option<Time>,
    /// When doors open.
    pub doors: Option<Time>,
    /// The end.
    pub ends: Option<Time>,
    /// Where the event is.
    pub zone: TimeZone,
}

impl Times {
    fn of(ticket: &Ticket) -> Self {
        let starts = event_time::believed_start(ticket.event.starts_at);
        let any = |flags: &[Flag]| flags.iter().any(|flag| ticket.flags.contains(*flag));
        let of_end = any(&[Flag::StartWithoutHour, Flag::EndWithoutHour]);
        let ends = event_time::believed_end(ticket.event.ends_at, starts, of_end);
        let of_doors = of_end || any(&[Flag::DoorsWithoutHour]);
        let doors = event_time::believed_doors(ticket.event.doors_at, starts, ends, of_doors);
        let time = |at: Option<Timestamp>, day_alone: Flag| {
            at.map(|at| Time { at, day_alone: ticket.flags.contains(day_alone) })
        };
        Self {
            starts: time(starts, Flag::StartWithoutHour),
            doors: time(doors, Flag::DoorsWithoutHour),
            ends: time(ends, Flag::EndWithoutHour),
            zone: ticket.event.time_zone.as_deref().and_then(zones::named).unwrap_or(TimeZone::UTC),
        }
    }

    /// That time in the event's time zone.
    pub fn local(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.zone.clone())
    }

    /// The start as printed on the page.
    pub fn starts(&self, words: &Words) -> Option<String> {
        let start = self.starts?;
        let at = self.local(start.at);
        Some(if start.day_alone { words.day(&at) } else { words.moment(&at) })
    }

    /// Doors or end as printed on the page, without the day where it is that of the start; nothing where only a day is
    /// known that is the same.
    pub fn beside_start(&self, time: Option<Time>, words: &Words) -> Option<String> {
        let Time { at, day_alone } = time?;
        let at = self.local(at);
        let start = self.starts.map(|start| (self.local(start.at), start.day_alone));
        if day_alone {
            let known = start.is_some_and(|(start, _)| start.date() == at.date());
            return (!known).then(|| words.day(&at));
        }
        let hour = start.filter(|(_, day_alone)| !day_alone).map(|(start, _)| start);
        Some(words.beside(&at, hour.as_ref()))
    }
}

/// The seat printed beside section and row, or its label where it has neither. Empty where there is none, and where the
/// label only repeats section and row.
fn seat_of(ticket: &Ticket) -> &str {
    let Seat { section, row, number, label, .. } = &ticket.seat;
    let nothing_more = match (section, row, number) {
        (None, None, _) => false,
        (_, _, Some(number)) => return if is_no_seat(number) { "" } else { number },
        (section, row, None) => {
            label.eq_ignore_ascii_case(&label_of(section.as_deref(), row.as_deref(), None))
        }
    };
    if nothing_more || is_no_seat(label) { "" } else { label }
}

#[cfg(test)]
mod tests {
    use fulfillment_store::conformance::fixtures::{order, ticket};

    use super::*;

    fn at(time: &str, day_alone: bool) -> Time {
        Time { at: time.parse().unwrap(), day_alone }
    }

    /// Start, doors and end as an English page prints them.
    fn told(starts: Option<Time>, doors: Option<Time>, ends: Option<Time>) -> [Option<String>; 3] {
        let times = Times { starts, doors, ends, zone: zones::named("Europe/Berlin").unwrap() };
        let words = Words::of(Some("en-GB"));
        let [doors, ends] = [times.doors, times.ends].map(|time| times.beside_start(time, &words));
        [times.starts(&words), doors, ends]
            .map(|text| text.map(|text| text.replace(['\u{a0}', '\u{202f}'], " ")))
    }

    #[test]
    fn a_day_alone_is_said_without_an_hour() {
        let some = |text: &str| Some(text.to_owned());
        let (friday, sunday) =
            (Some(at("2026-07-03T10:00:00Z", true)), Some(at("2026-07-05T10:00:00Z", true)));
        let doors = Some(at("2026-07-03T16:00:00Z", false));
        assert_eq!(
            told(friday, doors, sunday),
            [
                some("Friday, 3 July 2026"),
                some("Friday, 3 July 2026 at 18:00 CEST"),
                some("Sunday, 5 July 2026")
            ]
        );
        // What is printed already is not repeated.
        let hour = Some(at("2026-07-03T17:00:00Z", false));
        assert_eq!(told(hour, friday, friday), [some("Friday, 3 July 2026 at 19:00 CEST"), None, None]);
        assert_eq!(told(None, friday, None), [None, some("Friday, 3 July 2026"), None]);
    }

    #[test]
    fn a_price_of_zero_is_left_to_the_page() {
        let of = |amount: &str| {
            let money = Money { amount: amount.parse().unwrap(), currency: "EUR".parse().unwrap() };
            price(money, &Words::of(None))
        };
        assert_eq!((of("0"), of("0.00"), of("0.01")), (None, None, Some("0.01 EUR".into())));
    }

    #[test]
    fn a_seat_that_was_left_out_is_no_free_seating() {
        let mut ticket = ticket(order(1), 1);
        (ticket.seat.section, ticket.seat.row, ticket.seat.number) = (None, None, None);
        (ticket.seat.label, ticket.seat.id) = ("N/A".into(), None);
        assert!(!page_of(&ticket).seat_unknown);
        ticket.seat.id = Some("s-17".into());
        assert!(page_of(&ticket).seat_unknown, "there is one, whatever it is called");
        ticket.seat.id = None;
        ticket.flags.insert(Flag::SeatLeftOut);
        let page = page_of(&ticket);
        assert_eq!((page.seat.as_str(), page.seat_unknown), ("", true));
    }

    fn printed(section: &str, row: &str, number: &str, label: &str) -> String {
        let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
        let mut ticket = ticket(order(1), 1);
        (ticket.seat.section, ticket.seat.row, ticket.seat.number) = (some(section), some(row), some(number));
        ticket.seat.label = label.to_owned();
        page_of(&ticket).seat
    }

    #[test]
    fn no_seat_is_free_seating_and_a_row_alone_is_a_row() {
        for (section, row, number, label, seat) in [
            ("A", "5", "12", "Section A, Row 5, Seat 12", "12"),
            ("", "", "VIP - A1", "VIP - A1", "VIP - A1"),
            ("", "", "Row 5, Seat 12, Seat 13", "Row 5, Seat 12, Seat 13", "Row 5, Seat 12, Seat 13"),
            ("", "F", "", "Row F", ""),
            ("", "F", "", "row F", ""),
            ("Stalls", "", "", "Section Stalls", ""),
            ("Stalls", "", "", "Standing left", "Standing left"),
            ("", "", "", "N/A", ""),
            ("", "", "N/A", "N/A", ""),
            ("A", "", "", "N/A", ""),
        ] {
            assert_eq!(printed(section, row, number, label), seat, "{label}");
        }
    }
}
