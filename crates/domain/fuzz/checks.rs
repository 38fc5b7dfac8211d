//! Properties that hold for any bytes: the fuzzer looks for input on which one of these panics, and `cargo test`
//! repeats them on the inputs that it kept.

use std::collections::HashSet;

use fulfillment_domain::event_record::MAX_EVENT_ID;
use fulfillment_domain::fields::MAX_TEXT;
use fulfillment_domain::order::{MAX_TEXT_IN_ALL, Reading};
use fulfillment_domain::{
    Amount, Cancellation, Delivered, EventChange, EventDetails, Flag, OrderId, OrderSnapshot, Payment,
    Refund, Refusal, event_time,
};

const ID: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
/// The most tickets of an order: few, so that the limit is reached.
const MOST: usize = 50;

/// The bytes as Ordering's answer, as further fields of one, and as the fields of its only item.
pub(crate) fn order(data: &[u8]) {
    let Ok(id) = ID.parse() else { return };
    let needed = format!(r#"{{"orderId":"{ID}","customerEmail":"a@b","eventId":"e","eventName":"n""#);
    let more = [needed.as_bytes(), b",", data, b"}"].concat();
    let item = [needed.as_bytes(), br#","items":[{"price":1,"#, data, b"}]}"].concat();
    let reading = Reading { max_tickets: MOST, ..Reading::default() };
    for answer in [data, &more, &item] {
        let read = OrderSnapshot::parse(answer, id, &reading);
        assert_eq!(read, OrderSnapshot::parse(answer, id, &reading), "the same each time");
        match read {
            Ok(order) => fits(&order, id),
            Err(refusal) => {
                assert!(!refusal.to_string().is_empty());
                assert!(!matches!(refusal, Refusal::Misfit(faults) if faults.0.is_empty()));
            }
        }
    }
}

fn fits(order: &OrderSnapshot, id: OrderId) {
    assert_eq!(order.order_id, id);
    assert!(order.seats.len() <= MOST && !(order.seats.is_empty() && order.charges.is_empty()));
    let units: HashSet<_> = order.seats.iter().map(|seat| (&seat.line, seat.unit)).collect();
    assert_eq!(units.len(), order.seats.len(), "no two tickets are the same unit of a line");
    let currencies = order.seats.iter().map(|seat| seat.currency);
    let currencies: HashSet<_> =
        currencies.chain(order.charges.iter().map(|charge| charge.currency)).collect();
    assert_eq!(currencies.len() > 1, order.flags.contains(Flag::SeveralCurrencies));
    assert!(order.charges.iter().all(|charge| charge.quantity >= 0));
    let times = [order.event.starts_at, order.event.doors_at, order.event.ends_at];
    assert!(times.into_iter().flatten().all(event_time::is_date), "what is recorded is believed");
    let text: usize = order.seats.iter().map(|seat| seat.label.len() + order.event.name.len()).sum();
    assert!(text <= MAX_TEXT_IN_ALL);
    assert!(order.seats.iter().all(|seat| !seat.label.is_empty() && !seat.price.is_negative()));
    assert!(order.total().is_none_or(|(total, _)| !total.is_negative()));
    assert!(order.notes.len() <= 51 && order.notes.iter().all(|note| !note.is_empty()));
    if !order.flags.to_stored().is_empty() {
        assert!(!order.notes.is_empty(), "a flag says nothing without its note");
    }
}

/// The bytes as each kind of message, bare and as further fields of one.
pub(crate) fn message(data: &[u8]) {
    let needed = format!(r#"{{"orderId":"{ID}","refundId":"r","ticketId":"{ID}","eventId":"e","#);
    let more = [needed.as_bytes(), data, b"}"].concat();
    let not_negative = |amount: Option<Amount>| assert!(amount.is_none_or(|amount| !amount.is_negative()));
    for raw in [data, &more] {
        if let Ok(payment) = Payment::parse(raw) {
            not_negative(payment.amount);
            assert!(!payment.key().is_empty());
            assert!(payment.says_the_same(payment.order_id, payment.amount, payment.currency));
        }
        if let Ok(refund) = Refund::parse(raw) {
            not_negative(refund.amount);
            assert!(!refund.refund_id.is_empty() && !refund.names.item_ids.contains(&String::new()));
        }
        let cancellation = Cancellation::parse(raw);
        assert_eq!(cancellation, Cancellation::parse(raw));
        let delivered = Delivered::parse(raw);
        assert_eq!(delivered, Delivered::parse(raw));
        let change = EventChange::parse(raw);
        assert_eq!(change, EventChange::parse(raw));
        if let Ok(EventChange { event_id, patch, changed_at }) = change {
            assert!(!event_id.is_empty() && event_id.len() <= MAX_EVENT_ID);
            let mut set = EventDetails::default();
            patch.apply(&mut set);
            let texts = [set.name, set.venue_name, set.venue_address, set.time_zone];
            assert!(texts.iter().flatten().all(|text| !text.is_empty() && text.len() <= MAX_TEXT));
            let times = [set.starts_at, set.ends_at, set.doors_at, changed_at];
            assert!(times.into_iter().flatten().all(event_time::is_date));
        }
    }
}
