//! Maps pretix's names of ticket values to those of templates.

/// What a pretix name maps to: parts, the separator between them, and a remark where the values are not quite the same.
pub(super) fn known(content: &str) -> Option<(&'static [&'static str], &'static str, Option<&'static str>)> {
    const NUMBER: Option<&str> = Some("the ticket's number: the code itself is for scanners");
    const STARTS: Option<&str> = Some("the event's whole date and time");
    let (parts, note): (&[&str], _) = match content {
        "secret" | "pseudonymization_id" => (&["{ticket.number}"], NUMBER),
        "order" => (&["{order.id}"], None),
        "positionid" => (&["{ticket.index}"], None),
        "order_positionid" => (&["{order.id}-{ticket.index}"], None),
        "item" | "itemvar" | "variation" => (&["{ticket.category}"], None),
        "price" | "price_with_bundled" | "price_with_addons" => (&["{ticket.price}"], None),
        "attendee_name" => (&["{holder.name}"], None),
        "event_name" => (&["{event.name}"], None),
        "event_begin" => (&["{event.starts}"], None),
        "event_date" | "event_date_range" | "event_begin_date" => (&["{event.starts}"], STARTS),
        "event_end" => (&["{event.ends}"], None),
        "event_end_date" | "event_end_time" => (&["{event.ends}"], Some("the event's whole end")),
        "event_admission" => (&["{event.doors}"], None),
        "event_admission_time" => (&["{event.doors}"], Some("the whole time of admission")),
        "event_location" => return Some((&["{venue.name}", "{venue.address}"], "\n", None)),
        "organizer" => (&["{organizer.name}"], None),
        "email" => (&["{order.customer}"], None),
        "purchase_date" | "purchase_datetime" | "purchase_time" => {
            (&["{ticket.issued}"], Some("the time the ticket was issued"))
        }
        "seat" => {
            return Some((&["{seat.section}", "{label.row} {seat.row}", "{seat.named}"], ", ", None));
        }
        "seat_zone" => (&["{seat.section}"], None),
        "seat_row" => (&["{seat.row}"], None),
        "seat_number" => (&["{seat.number}"], None),
        _ => return None,
    };
    Some((parts, " ", note))
}
