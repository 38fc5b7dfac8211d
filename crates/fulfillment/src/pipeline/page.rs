//! A frozen ticket, as its page shows it. A pure function of the row: a redraw gives the same page.

use fulfillment_document::TicketPage;
use fulfillment_domain::{Money, Ticket};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::words::Words;

/// What the page of `ticket` says; the template is for [`crate::templates`] to find. Money and times are told in the
/// buyer's locale and the event's time zone, as they were frozen with it.
pub(crate) fn page_of(ticket: &Ticket) -> TicketPage {
    let zone = ticket.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let words = Words::of(ticket.locale.as_deref());
    let local = |time: Timestamp| time.to_zoned_datetime(zone.clone());
    let starts = ticket.event_starts_at.map(local);
    let beside = |time: Option<Timestamp>| time.map(|time| words.beside(&local(time), starts.as_ref()));
    TicketPage {
        ticket_id: ticket.id.0,
        ticket_number: ticket.ticket_number.clone(),
        order_id: ticket.order_id.0,
        event_name: ticket.event_name.clone(),
        organizer_name: ticket.organizer_name.clone(),
        venue_name: ticket.venue_name.clone(),
        venue_address: ticket.venue_address.clone(),
        starts: starts.as_ref().map(|time| words.moment(time)),
        doors: beside(ticket.doors_at),
        ends: beside(ticket.event_ends_at),
        holder_name: ticket.holder_name.clone().or_else(|| ticket.customer_name.clone()),
        customer: ticket.customer_email.clone(),
        section: ticket.section.clone(),
        row: ticket.row.clone(),
        seat: match (&ticket.section, &ticket.row, &ticket.seat_number) {
            (None, None, _) | (_, _, None) => ticket.seat.clone(),
            (_, _, Some(number)) => number.clone(),
        },
        category: ticket.category.clone(),
        price: words.price(Money { amount: ticket.price, currency: ticket.currency }),
        ticket_index: ticket.ticket_index,
        ticket_count: ticket.ticket_count,
        issued_at: ticket.issued_at,
        issued: words.moment(&local(ticket.issued_at)),
        code: ticket.qr_code_data.clone(),
        locale: ticket.locale.clone(),
        template: None,
    }
}
