//! Whether an order or a ticket matches a filter: the one place that decides, whatever index it was found by.

use fulfillment_domain::search::words_of;
use fulfillment_domain::{Address, OrderState, ShownStatus};
use jiff::Timestamp;

use super::record::{OrderFacts, TicketFacts};
use super::terms::{has_words, seat_words, telling};
use crate::listed::ListFilter;

/// A filter with its words taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    filter: ListFilter,
    name: Vec<String>,
    holder: Vec<String>,
    seat: Vec<String>,
    error: Option<String>,
}

impl Matcher {
    pub(crate) fn new(filter: ListFilter) -> Self {
        let words = |text: &Option<String>| text.as_deref().map(words_of).unwrap_or_default();
        let (name, holder) = (words(&filter.name), words(&filter.holder));
        let seat = telling(words(&filter.seat));
        let error = filter.error.as_deref().map(str::to_lowercase);
        Self { filter, name, holder, seat, error }
    }

    pub(crate) fn filter(&self) -> &ListFilter {
        &self.filter
    }

    /// The words of the seat that tell it from others.
    pub(crate) fn seat(&self) -> &[String] {
        &self.seat
    }

    /// Whether an order matches, with one of its tickets where tickets are asked about. It was found by its e-mail
    /// address, if that is asked.
    pub(crate) fn order(&self, order: &OrderFacts) -> bool {
        self.without_tickets(order)
            && (!self.asks_about_tickets() || order.tickets.iter().any(|ticket| self.of_ticket(ticket)))
            && self.error.as_ref().is_none_or(|error| {
                has_text(order.reason.as_ref(), error) && is_open(order.state)
                    || order.tickets.iter().any(|ticket| failed_with(ticket, error))
            })
    }

    /// Whether a ticket of an order matches.
    pub(crate) fn ticket(&self, order: &OrderFacts, ticket: &TicketFacts) -> bool {
        self.without_tickets(order)
            && self.of_ticket(ticket)
            && self.filter.email.as_ref().is_none_or(|(address, _)| has_address(ticket, address))
            && self.error.as_ref().is_none_or(|error| {
                failed_with(ticket, error) || has_text(order.reason.as_ref(), error) && is_open(order.state)
            })
    }

    fn without_tickets(&self, order: &OrderFacts) -> bool {
        let f = &self.filter;
        let within = |at: Timestamp, from: Option<Timestamp>, to: Option<Timestamp>| {
            from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to)
        };
        let issued = f.issued_from.is_some() || f.issued_to.is_some();
        (f.states.is_empty() || f.states.contains(&order.state))
            && within(order.received_at, f.received_from, f.received_to)
            && (!issued || order.issued_at.is_some_and(|at| within(at, f.issued_from, f.issued_to)))
    }

    fn asks_about_tickets(&self) -> bool {
        let f = &self.filter;
        !(f.statuses.is_empty() && self.name.is_empty() && self.holder.is_empty() && self.seat.is_empty())
            || [&f.event, &f.organizer, &f.number, &f.kid].iter().any(|text| text.is_some())
            || f.flag.is_some()
            || f.generation.is_some()
    }

    fn of_ticket(&self, ticket: &TicketFacts) -> bool {
        let f = &self.filter;
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        (f.statuses.is_empty() || f.statuses.contains(&ticket.shown()))
            && is(&f.event, Some(&ticket.event_id))
            && is(&f.organizer, ticket.organizer_id.as_deref())
            && is(&f.number, Some(&ticket.number))
            && is(&f.kid, Some(&ticket.kid))
            && f.flag.is_none_or(|flag| ticket.flags.contains(flag))
            && f.generation.is_none_or(|generation| generation == ticket.generation)
            && self.names(ticket)
            && (self.seat.is_empty() || has_words(&self.seat, &strs(&seat_words(ticket)), true))
    }

    fn names(&self, ticket: &TicketFacts) -> bool {
        if self.name.is_empty() && self.holder.is_empty() {
            return true;
        }
        let of = |name: &Option<String>| name.as_deref().map(words_of).unwrap_or_default();
        let (buyer, holder) = (of(&ticket.customer_name), of(&ticket.holder_name));
        let has = |wanted: &[String], found: &[String]| has_words(wanted, &strs(found), false);
        let held_by = if ticket.holder_name.is_some() { &holder } else { &buyer };
        (has(&self.name, &buyer) || has(&self.name, &holder)) && has(&self.holder, held_by)
    }
}

fn strs(words: &[String]) -> impl Iterator<Item = &str> + Clone {
    words.iter().map(String::as_str)
}

/// Whether an order is not issued yet, and its reason is an error.
pub(crate) fn is_open(state: OrderState) -> bool {
    matches!(state, OrderState::Received | OrderState::Enriched | OrderState::Parked)
}

fn failed_with(ticket: &TicketFacts, error: &str) -> bool {
    ticket.shown() == ShownStatus::Failed && has_text(ticket.last_error.as_ref(), error)
}

fn has_text(text: Option<&String>, part: &str) -> bool {
    text.is_some_and(|text| text.to_lowercase().contains(part))
}

fn has_address(ticket: &TicketFacts, wanted: &Address) -> bool {
    let texts = [Some(&ticket.customer_email), ticket.holder_email.as_ref()];
    texts.into_iter().flatten().any(|text| Address::all_in(text).contains(wanted))
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::{Flag, OrderId};
    use uuid::Uuid;

    use super::*;
    use crate::PersonKey;

    #[expect(clippy::unnecessary_wraps, reason = "a field of a filter")]
    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    fn order() -> OrderFacts {
        let ticket = |index, holder: Option<&str>, seat: &str| TicketFacts {
            index,
            number: format!("N{index}"),
            event_id: "gala".into(),
            organizer_id: Some("org".into()),
            seat: seat.into(),
            customer_email: "Zoe@Example.org".into(),
            customer_name: Some("Zoë Groß".into()),
            holder_name: holder.map(str::to_owned),
            holder_email: holder.map(|_| "ada@example.org".into()),
            kid: "01234567".into(),
            ..TicketFacts::default()
        };
        let mut failed = ticket(2, Some("Ada Łukasz"), "Section A, Row 5, Seat 13");
        failed.status = fulfillment_domain::TicketStatus::Failed;
        failed.last_error = Some("The Bucket is full".into());
        failed.flags.insert(Flag::MissingGlyphs);
        failed.generation = 1;
        OrderFacts {
            order_id: OrderId(Uuid::nil()),
            state: OrderState::Enriched,
            reason: Some("Storage refuses".into()),
            attempts: 1,
            next_attempt_at: None,
            received_at: "2026-11-22T18:30:00Z".parse().unwrap(),
            updated_at: "2026-11-22T18:30:00Z".parse().unwrap(),
            issued_at: at("2026-11-22T18:31:00Z"),
            erased_at: None,
            tickets: vec![ticket(1, None, "Section A, Row 5, Seat 12"), failed],
        }
    }

    /// The tickets that match, and whether the order does.
    fn found(filter: ListFilter) -> (Vec<u32>, bool) {
        let (matcher, order) = (Matcher::new(filter), order());
        let tickets = order.tickets.iter().filter(|ticket| matcher.ticket(&order, ticket));
        (tickets.map(|ticket| ticket.index).collect(), matcher.order(&order))
    }

    #[test]
    fn each_filter_decides() {
        let none = ListFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let address = |text| {
            let address = Address::only_in(text).unwrap();
            Some((address, PersonKey { hash: [0; 16], alike: [0; 16] }))
        };
        let cases = [
            (none(), &[1, 2][..], true),
            (ListFilter { states: vec![OrderState::Parked, OrderState::Enriched], ..none() }, &[1, 2], true),
            (ListFilter { states: vec![OrderState::Issued], ..none() }, &[], false),
            (ListFilter { statuses: vec![ShownStatus::Failed], ..none() }, &[2], true),
            (ListFilter { statuses: vec![ShownStatus::Voided], ..none() }, &[], false),
            (ListFilter { event: text("gala"), ..none() }, &[1, 2], true),
            (ListFilter { event: text("Gala"), ..none() }, &[], false),
            (ListFilter { organizer: text("org"), ..none() }, &[1, 2], true),
            (ListFilter { organizer: text("other"), ..none() }, &[], false),
            (ListFilter { email: address("zoe@example.org"), ..none() }, &[1, 2], true),
            (ListFilter { email: address("ada@example.org"), ..none() }, &[2], true),
            (ListFilter { name: text("GROSS zo"), ..none() }, &[1, 2], true),
            (ListFilter { name: text("luk"), ..none() }, &[2], true),
            (ListFilter { name: text("zoe lukasz"), ..none() }, &[], false),
            (ListFilter { holder: text("zoë"), ..none() }, &[1], true),
            (ListFilter { holder: text("ada"), name: text("gross"), ..none() }, &[2], true),
            (ListFilter { seat: text("seat 12"), ..none() }, &[1], true),
            (ListFilter { seat: text("a row 5"), ..none() }, &[1, 2], true),
            (ListFilter { seat: text("1"), ..none() }, &[], false),
            (ListFilter { number: text("N2"), ..none() }, &[2], true),
            (ListFilter { flag: Some(Flag::MissingGlyphs), ..none() }, &[2], true),
            (ListFilter { flag: Some(Flag::SeatConflict), ..none() }, &[], false),
            (ListFilter { kid: text("01234567"), ..none() }, &[1, 2], true),
            (ListFilter { kid: text("76543210"), ..none() }, &[], false),
            (ListFilter { generation: Some(0), ..none() }, &[1], true),
            (ListFilter { received_from: at("2026-11-22T18:30:00Z"), ..none() }, &[1, 2], true),
            (ListFilter { received_to: at("2026-11-22T18:30:00Z"), ..none() }, &[], false),
            (ListFilter { issued_from: at("2026-11-22T18:31:01Z"), ..none() }, &[], false),
            (ListFilter { issued_to: at("2026-11-22T18:31:01Z"), ..none() }, &[1, 2], true),
            (ListFilter { error: text("bucket IS"), ..none() }, &[2], true),
            (ListFilter { error: text("storage"), ..none() }, &[1, 2], true),
            // Of one and the same ticket.
            (ListFilter { seat: text("12"), flag: Some(Flag::MissingGlyphs), ..none() }, &[], false),
        ];
        for (filter, tickets, is_order) in cases {
            assert_eq!(found(filter.clone()), (tickets.to_vec(), is_order), "{filter:?}");
        }
    }
}
