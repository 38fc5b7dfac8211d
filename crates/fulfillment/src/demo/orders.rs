//! Sample paid orders: Payment's messages, and Ordering's answers to them.

use std::collections::HashMap;

use fulfillment_domain::OrderId;
use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::names::{PEOPLE, SHOWS, Show};

/// The sample orders of one run.
pub(crate) struct SampleOrders {
    /// Messages of `payment-succeeded`, duplicates, an unknown order and an unreadable one among them.
    pub(crate) messages: Vec<String>,
    /// Ordering's answers.
    pub(crate) answers: HashMap<OrderId, String>,
    /// Orders that Ordering knows, in their order.
    pub(crate) known: Vec<OrderId>,
    /// The number of tickets to expect.
    pub(crate) tickets: u64,
}

/// Generates `count` orders; the same seed gives the same ones. One of them is unknown to Ordering.
pub(crate) fn sample(count: usize, seed: u64, now: Timestamp) -> SampleOrders {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut orders =
        SampleOrders { messages: Vec::new(), answers: HashMap::new(), known: Vec::new(), tickets: 0 };
    // Seats are assigned in turn, so that no seat is sold twice.
    let mut sold = vec![rng.random_range(0..1_000_000u32); SHOWS.len()];
    for i in 0..count {
        let id = OrderId(drawn_id(&mut rng));
        // The first order is for the show whose doors are open.
        let which = if i == 0 { 0 } else { rng.random_range(0..SHOWS.len()) };
        let (answer, paid, seats) = answer(&mut rng, id, which, &mut sold[which], now);
        let message = payment(&mut rng, id, paid, SHOWS[which].currency, now);
        orders.messages.push(message.clone());
        if rng.random_bool(0.04) {
            // Payment may send a message twice.
            orders.messages.push(message);
        }
        // The last one was paid at a till that Ordering does not know.
        if i + 1 < count {
            orders.answers.insert(id, answer);
            orders.known.push(id);
            orders.tickets += seats;
        }
    }
    let place = orders.messages.len() / 2;
    // Unique to this run: the same bytes again would not be a new dead letter.
    let unreadable =
        format!(r#"{{"paymentId":"{}","note":"not even an order in here"}}"#, drawn_id(&mut rng));
    orders.messages.insert(place, unreadable);
    orders
}

fn drawn_id(rng: &mut StdRng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}

/// Ordering's answer, the sum paid and the number of tickets.
fn answer(
    rng: &mut StdRng,
    id: OrderId,
    which: usize,
    sold: &mut u32,
    now: Timestamp,
) -> (String, Decimal, u64) {
    let show = &SHOWS[which];
    let buyer = PEOPLE.choose(rng).unwrap_or(&PEOPLE[0]);
    let seats = *[1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 8].choose(rng).unwrap_or(&1);
    let (price, category) = *show.prices.choose(rng).unwrap_or(&show.prices[0]);
    let mut items = Vec::new();
    for seat in 0..seats {
        let holder = if seat == 0 { buyer } else { PEOPLE.choose(rng).unwrap_or(buyer) };
        items.push(item(rng, show, (price, category), holder, sold));
    }
    let starts = starts_at(which, now);
    let order = json!({
        "orderId": id,
        "customerEmail": format!("buyer-{:08x}@example.org", rng.random::<u32>()),
        "customerName": full_name(buyer),
        "locale": show.locale,
        "eventId": Uuid::new_v5(&Uuid::NAMESPACE_URL, show.name.as_bytes()),
        "eventName": show.name,
        "eventStartsAt": starts,
        "eventEndsAt": starts.saturating_add(SignedDuration::from_hours(3)).unwrap_or(starts),
        "doorsAt": starts.saturating_sub(SignedDuration::from_mins(90)).unwrap_or(starts),
        "timeZone": show.zone,
        "venueName": show.venue,
        "venueAddress": show.address,
        "organizerName": show.organizer,
        "currency": show.currency,
        "items": items,
    });
    let each: Decimal = price.parse().unwrap_or_default();
    (with_exact_prices(&order.to_string(), price), each * Decimal::from(seats), seats)
}

fn item(
    rng: &mut StdRng,
    show: &Show,
    (_, category): (&str, &str),
    holder: &(&str, &str),
    sold: &mut u32,
) -> Value {
    let mut item = Map::new();
    item.insert("itemId".into(), json!(drawn_id(rng)));
    item.insert("holderName".into(), json!(full_name(holder)));
    item.insert("category".into(), json!(category));
    item.insert("price".into(), json!(PRICE));
    if !show.standing {
        *sold += 1;
        let (section, row, seat) = (*sold / 1_200, *sold / 30 % 40, *sold % 30);
        item.insert("section".into(), json!(format!("{}", 100 + section)));
        item.insert("row".into(), json!(format!("{}", row + 1)));
        item.insert("seatNumber".into(), json!(format!("{}", seat + 1)));
    }
    Value::Object(item)
}

/// A placeholder for the price until the text is written: a JSON number with the price's own digits.
const PRICE: &str = "@price@";

fn with_exact_prices(text: &str, price: &str) -> String {
    text.replace(&format!("\"{PRICE}\""), price)
}

fn full_name((given, family): &(&str, &str)) -> String {
    let east_asian = family.chars().next().is_some_and(
        |c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'),
    );
    if east_asian { format!("{family} {given}") } else { format!("{given} {family}") }
}

/// The first show begins in half an hour, whenever the demo runs. The others are some weeks ahead, at half past seven in
/// the evening local time.
fn starts_at(which: usize, now: Timestamp) -> Timestamp {
    if which == 0 {
        let minute = SignedDuration::from_mins(1);
        let soon = now.saturating_add(minute * 30).unwrap_or(now);
        return soon.round(TimestampRound::new().smallest(Unit::Minute).increment(5)).unwrap_or(soon);
    }
    let days = 14 + 9 * i64::try_from(which).unwrap_or(0);
    let later = now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
    let zone = jiff::tz::TimeZone::get(SHOWS[which].zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let evening = later.to_zoned_datetime(zone.clone()).date().at(19, 30, 0, 0);
    zone.to_timestamp(evening).unwrap_or(later)
}

/// The message as the reference producer writes it: .NET's camelCase, seven fractional digits.
fn payment(rng: &mut StdRng, order: OrderId, amount: Decimal, currency: &str, now: Timestamp) -> String {
    let id = drawn_id(rng);
    let customer = drawn_id(rng);
    let method = ["credit_card", "debit_card", "wallet", "bank_transfer"].choose(rng).unwrap_or(&"wallet");
    let at = now.strftime("%Y-%m-%dT%H:%M:%S");
    let ticks = rng.random_range(0..10_000_000u32);
    format!(
        r#"{{"paymentId":"{id}","orderId":"{order}","customerId":"{customer}","amount":{amount},"currency":"{currency}","paymentMethod":"{method}","transactionId":"txn_{ticks:07}","processedAt":"{at}.{ticks:07}Z","status":"succeeded"}}"#
    )
}

#[cfg(test)]
mod tests {
    use fulfillment_domain::order::Reading;
    use fulfillment_domain::{OrderSnapshot, Payment};

    use super::*;

    #[test]
    fn a_seed_draws_orders_that_fit_the_contracts() {
        let now = "2026-11-22T18:30:00Z".parse().unwrap();
        let orders = sample(60, 7, now);
        assert_eq!(orders.messages, sample(60, 7, now).messages);
        assert_ne!(orders.messages, sample(60, 8, now).messages);
        let mut tickets = 0;
        let mut unreadable = 0;
        for message in &orders.messages {
            let Ok(payment) = Payment::parse(message.as_bytes()) else {
                unreadable += 1;
                continue;
            };
            if let Some(answer) = orders.answers.get(&payment.order_id) {
                let order =
                    OrderSnapshot::parse(answer.as_bytes(), payment.order_id, &Reading::default()).unwrap();
                assert_eq!(order.total(), payment.amount.zip(payment.currency), "paid is what was ordered");
            }
        }
        for (id, answer) in &orders.answers {
            tickets +=
                OrderSnapshot::parse(answer.as_bytes(), *id, &Reading::default()).unwrap().seats.len() as u64;
        }
        assert_eq!((unreadable, orders.known.len(), tickets), (1, 59, orders.tickets));
        let starts = |which| starts_at(which, now).to_string();
        assert_eq!((&*starts(0), &*starts(1)), ("2026-11-22T19:00:00Z", "2026-12-15T19:30:00Z"));
    }
}
