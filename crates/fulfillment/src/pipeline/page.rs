//! A frozen ticket, as its page shows it. A pure function of the row: a redraw gives the same page.

use fulfillment_document::{Page, RenderError, Renderer, Shipped, TicketPage};
use fulfillment_domain::{Money, Ticket};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How a ticket's record names the template it is drawn by: what settings call it, and the hash of its content.
pub(crate) fn template_name(template: Shipped) -> String {
    format!("{}/{}", template.name(), template.bundle().hash())
}

/// Draws a ticket's page by the template that was frozen with it. One that a newer program does not have any more
/// gives way to today's of the same name: the code stays, and the file's new hash is recorded.
pub(super) fn draw(renderer: &dyn Renderer, ticket: &Ticket) -> Result<Page, RenderError> {
    let page = page_of(ticket);
    match renderer.render(&page) {
        Err(RenderError::Template(_)) => {
            let named = ticket.template.split('/').next().and_then(Shipped::named);
            let template = named.map(|shipped| shipped.bundle().hash());
            renderer.render(&TicketPage { template, ..page })
        }
        drawn => drawn,
    }
}

/// What the page of `ticket` says. Times are told in the zone that was frozen with it.
fn page_of(ticket: &Ticket) -> TicketPage {
    let zone = ticket.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let tell = |time: Option<Timestamp>| time.map(|t| told(t, &zone));
    TicketPage {
        ticket_id: ticket.id.0,
        ticket_number: ticket.ticket_number.clone(),
        order_id: ticket.order_id.0,
        event_name: ticket.event_name.clone(),
        organizer_name: ticket.organizer_name.clone(),
        venue_name: ticket.venue_name.clone(),
        venue_address: ticket.venue_address.clone(),
        starts: tell(ticket.event_starts_at),
        doors: tell(ticket.doors_at),
        ends: tell(ticket.event_ends_at),
        holder_name: ticket.holder_name.clone().or_else(|| ticket.customer_name.clone()),
        customer: ticket.customer_email.clone(),
        section: ticket.section.clone(),
        row: ticket.row.clone(),
        seat: match (&ticket.section, &ticket.row, &ticket.seat_number) {
            (None, None, _) | (_, _, None) => ticket.seat.clone(),
            (_, _, Some(number)) => number.clone(),
        },
        category: ticket.category.clone(),
        price: Money { amount: ticket.price, currency: ticket.currency }.to_string(),
        ticket_index: ticket.ticket_index,
        ticket_count: ticket.ticket_count,
        issued_at: ticket.issued_at,
        issued: ticket.issued_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        code: ticket.qr_code_data.clone(),
        locale: ticket.locale.clone(),
        template: ticket.template.split('/').nth(1).and_then(|hash| hash.parse().ok()),
    }
}

/// "Sun 22 Nov 2026, 19:30 CET".
fn told(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_where_the_event_is() {
        let time: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(told(time, &zone), "Sun 22 Nov 2026, 19:30 CET");
    }
}
