//! Parsers never panic on hostile input: they return a value or an error.

use fulfillment_domain::order::Reading;
use fulfillment_domain::{
    Amount, Delivered, EventChange, OrderId, OrderSnapshot, Payment, Refund, locale, ticket_number, zones,
};
use proptest::prelude::*;
use uuid::Uuid;

const NAMES: &[&str] = &[
    "orderId",
    "OrderId",
    "order_id",
    "paymentId",
    "amount",
    "price",
    "currency",
    "status",
    "processedAt",
    "customerEmail",
    "eventId",
    "eventName",
    "seatNumber",
    "items",
    "quantity",
    "itemId",
    "seatId",
    "section",
    "row",
    "ticketId",
    "deliveredAt",
    "specversion",
    "data",
    "data_base64",
    "payload",
    "message",
    "messageType",
    "Headers",
    "before",
    "after",
    "op",
    "$type",
    "eventStartsAt",
    "eventEndsAt",
    "doorsAt",
    "timeZone",
    "locale",
    "admission",
    "type",
    "lines",
    "ticketCount",
    "seatLabel",
    "refundId",
    "itemIds",
    "ticketIds",
    "name",
    "startsAt",
    "venueName",
    "changedAt",
    "time",
];

const VALUES: &[&str] = &[
    "null",
    "true",
    "-1",
    "1e999",
    "0.1",
    "1e-400",
    "99999999999999999999999999999999999",
    "\"\"",
    "\"x\"",
    "\"\\u0000\"",
    "\"7d444840-9dc0-11d1-b245-5ffdce74fad2\"",
    "\"EUR\"",
    "\"succeeded\"",
    "\"\\ud800\"",
    "\"fee\"",
    "\"Row 5, Seat 1\"",
    "2.0",
    "1795372200000",
    "\"Pending\"",
    "[]",
    "[{}]",
    "[[1]]",
    "{}",
    "\"2026-02-30T25:61:00\"",
    "\"Section A, Row 5, Seat 12\"",
    "\"Event Details Pending\"",
    "10001",
    "9223372036854775808",
    "\"e30=\"",
    "\"1.0\"",
    "\"0001-01-01T00:00:00\"",
    "\"9999-12-31T23:59:59.9999999\"",
    "\"2026-10-25T02:30:00\"",
    "\"2026-03-29T02:30:00\"",
    "\"2026-12-22\"",
    "\"2026-12-22T19:30:00+14:00\"",
    "\"/Date(1797964200000)/\"",
    "1797964200",
    "\"Europe/Berlin\"",
    "\"UTC-11\"",
    "\"W. Europe Standard Time\"",
    "\"de_DE.UTF-8@euro\"",
];

fn reading() -> Reading {
    Reading { max_tickets: 100, ..Reading::default() }
}

fn object() -> impl Strategy<Value = String> {
    let leaf = prop::collection::vec((prop::sample::select(NAMES), prop::sample::select(VALUES)), 0..12)
        .prop_map(|fields| {
            let fields: Vec<_> = fields.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
            format!("{{{}}}", fields.join(","))
        });
    leaf.prop_recursive(3, 12, 4, |inner| {
        (prop::sample::select(NAMES), prop::collection::vec(inner, 0..4)).prop_map(|(name, items)| {
            format!("{{\"orderId\":\"{}\",\"{name}\":[{}]}}", Uuid::nil(), items.join(","))
        })
    })
}

proptest! {
    #[test]
    fn json_of_the_right_names(text in object()) {
        let _ = Payment::parse(text.as_bytes());
        let _ = (Delivered::parse(text.as_bytes()), EventChange::parse(text.as_bytes()));
        if let Ok(refund) = Refund::parse(text.as_bytes()) {
            prop_assert!(refund.names.items.iter().all(|item| item.quantity > 0));
            prop_assert!(refund.amount.is_none_or(|amount| amount >= Amount::ZERO));
        }
        if let Ok(order) = OrderSnapshot::parse(text.as_bytes(), OrderId(Uuid::nil()), &reading()) {
            prop_assert!(order.seats.len() + order.charges.len() > 0 && order.seats.len() <= 100);
            let mut units: Vec<_> = order.seats.iter().map(|s| (&s.line, s.unit)).collect();
            units.sort();
            units.dedup();
            prop_assert_eq!(units.len(), order.seats.len(), "no two tickets are the same unit of a line");
            let event = &order.event;
            prop_assert!(zones::named(&event.time_zone).is_some());
            let times = [event.starts_at, event.doors_at, event.ends_at];
            let (first, end) = ("1999-12-31T00:00:00Z".parse().unwrap(), "2200-01-02T00:00:00Z".parse().unwrap());
            prop_assert!(times.into_iter().flatten().all(|at| at > first && at < end), "{times:?}");
            prop_assert!(order.locale.is_none_or(|tag| locale::tag(&tag) == Some(tag)));
        }
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let _ = (Payment::parse(&bytes), Delivered::parse(&bytes), Refund::parse(&bytes));
        let _ = EventChange::parse(&bytes);
        let _ = OrderSnapshot::parse(&bytes, OrderId(Uuid::nil()), &reading());
    }

    #[test]
    fn amounts_keep_their_value(digits in 0u64.., scale in 0u32..19) {
        let text = format!("{digits}e-{scale}");
        let amount: Amount = text.parse().unwrap();
        let again: Amount = amount.to_string().parse().unwrap();
        prop_assert_eq!(amount, again);
        prop_assert_eq!(amount.to_string(), again.to_string(), "digits and all");
    }

    #[test]
    fn ticket_numbers_come_back(bits: u64) {
        let number = ticket_number::encode(bits);
        prop_assert_eq!(ticket_number::normalise(&ticket_number::grouped(&number)), Some(number));
    }

    #[test]
    fn any_text_is_a_number_or_none(text: String) {
        let _ = (text.parse::<Amount>(), ticket_number::normalise(&text));
    }
}
