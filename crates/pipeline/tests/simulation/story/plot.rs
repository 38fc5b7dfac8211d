//! The plan of a story: orders, payments, refunds and cancellations with their times, what operators do, and who comes
//! to the door.

use std::collections::BTreeMap;
use std::time::Duration;

use fulfillment_domain::{Clock, OrderId, Subject};
use fulfillment_store::conformance::fixtures::said;
use fulfillment_store::{Incoming, Source};
use fulfillment_tests::payment::Payment;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::errand::Errand;
use super::gate::Visit;
use crate::sale::{GAINED, PLACE, SEAT, Sale, decimal};
use crate::world::World;

/// An order, and what happens to it.
pub(super) struct Deal {
    pub(super) sale: Sale,
    /// What was paid, in cents, by the payment's key.
    pub(super) paid: BTreeMap<String, u32>,
    /// Whether there are refunds or cancellations of it.
    pub(super) withdrawn: bool,
}

impl Deal {
    /// The payment that a refund must name where the order has several: a refund that names none is parked.
    fn one_of_several(&self) -> Value {
        let id = self.paid.keys().find(|key| self.paid.len() > 1 && !key.starts_with("order:"));
        id.map_or_else(|| json!({}), |id| json!({ "paymentId": id }))
    }

    /// What a refund names that returns one of the order's payments, and the amount. The only payment of an order need
    /// not be named, and one without an id cannot be.
    fn whole_payment(&self, world: &World) -> Option<(Value, u32)> {
        let id = payment_id(&self.sale, world.draw(1, FOR_GAINED)).to_string();
        let (with_id, is_only) = (self.paid.get(&id).copied(), self.paid.len() == 1);
        match with_id {
            Some(cents) if !is_only || world.chance(500) => Some((json!({ "paymentId": id }), cents)),
            _ => is_only.then(|| (json!({}), self.sale.price())),
        }
    }
}

/// What happens in a story: orders, messages with their times, what operators do, and who comes to the door.
pub(super) struct Plot {
    pub(super) deals: Vec<Deal>,
    pub(super) entries: Vec<(Duration, Incoming)>,
    pub(super) errands: Vec<(OrderId, Errand)>,
    pub(super) visits: Vec<Visit>,
}

/// The number of the payment for the seat that an order gains; those for its first seats are 1 and 2.
const FOR_GAINED: u32 = 3;

impl Plot {
    /// `stepped`: the clock will be set during the story.
    pub(super) fn draw(world: &World, stepped: bool) -> Self {
        let mut plot =
            Self { deals: Vec::new(), entries: Vec::new(), errands: Vec::new(), visits: Vec::new() };
        for n in 1..=u128::from(world.draw(1, 6)) {
            let order = Uuid::from_u128(0x0f00_0000_0000_4000_8000_0000_0000_0000 | n);
            let sale = Sale::draw(world, order);
            let mut deal = Deal { sale, paid: BTreeMap::new(), withdrawn: false };
            plot.pay(world, &mut deal);
            plot.pay_for_gained(world, &mut deal, stepped);
            if world.chance(350) {
                plot.take_back(world, &mut deal);
            }
            plot.send_on_errands(world, &deal);
            let visits = world.draw(0, 7);
            plot.visits.extend((0..visits).map(|n| Visit::draw(world, OrderId(order), n)));
            plot.deals.push(deal);
        }
        plot
    }

    /// Pays for an order's first seats: in one payment, in halves or twice, with an id, without one or both ways.
    fn pay(&mut self, world: &World, deal: &mut Deal) {
        let price = deal.sale.price();
        match world.draw(0, 10) {
            0 => {
                self.payment(world, deal, 1, price / 2, any_time(world));
                self.payment(world, deal, 2, price - price / 2, any_time(world));
            }
            1 => {
                let payment = payment(world, &deal.sale, 1, price);
                deal.paid.insert(format!("order:{}", deal.sale.order), price);
                self.send(world, any_time(world), |at| paid(at, &without_id(world, &payment)));
            }
            n => {
                let payment = self.payment(world, deal, 1, price, any_time(world));
                if n < 5 {
                    self.send(world, any_time(world), |at| paid(at, &without_id(world, &payment)));
                }
                if world.chance(200) {
                    self.payment(world, deal, 2, price, any_time(world));
                }
            }
        }
    }

    /// Pays for the seat that an order gains, or not: mostly after it was added. Ordering may learn of it a little
    /// later, while it is asked again; setting the clock would end those attempts.
    fn pay_for_gained(&mut self, world: &World, deal: &mut Deal, stepped: bool) {
        let Some(since) = deal.sale.gains.filter(|_| world.chance(650)) else { return };
        let apart = Duration::from_millis(world.draw(0, 20_000).into());
        let late = !stepped && world.chance(300);
        let at = if late { since.saturating_sub(apart) } else { since + apart };
        self.payment(world, deal, FOR_GAINED, GAINED, at);
    }

    /// Adds a payment with an id.
    fn payment(&mut self, world: &World, deal: &mut Deal, n: u32, cents: u32, at: Duration) -> Payment {
        let payment = payment(world, &deal.sale, n, cents);
        deal.paid.insert(payment.payment_id.to_string(), cents);
        self.send(world, at, |at| paid(at, &payment.json()));
        payment
    }

    /// Refunds or cancels an order: as a whole, or in part, up to four times.
    fn take_back(&mut self, world: &World, deal: &mut Deal) {
        deal.withdrawn = true;
        let (order, mut left) = (deal.sale.order, deal.sale.places);
        for n in 1..=world.draw(1, 5) {
            let (what, cents) = match world.draw(0, 4) {
                0 => {
                    self.cancel(world, order, n);
                    continue;
                }
                1 if deal.sale.seats > 0 => (json!({ "itemIds": [deal.sale.seat_id()] }), SEAT),
                2 | 3 if left > 0 => {
                    let quantity = world.draw(1, left + 1);
                    left -= quantity;
                    let item = json!({ "itemId": deal.sale.places_id(), "quantity": quantity });
                    (json!({ "items": [item] }), quantity * PLACE)
                }
                _ => match deal.whole_payment(world) {
                    Some(whole) => whole,
                    None => continue,
                },
            };
            let mut refund = json!({ "refundId": format!("{order}-{n}"), "orderId": order, "reason": format!("refund {n}") });
            add(&mut refund, deal.one_of_several());
            add(&mut refund, what);
            if world.chance(500) {
                add(&mut refund, json!({ "amount": decimal(cents), "currency": "EUR" }));
            }
            let refund = refund.to_string();
            self.send(world, any_time(world), |at| message(at, Subject::Refund, &refund));
        }
    }

    /// Cancels an order: by a message with its own time, or by records with theirs, so that each that is later than a
    /// reinstatement counts.
    fn cancel(&mut self, world: &World, order: Uuid, n: u32) {
        let dated = world.chance(500);
        for again in 0..=u32::from(world.chance(300)) {
            let mut json = json!({ "orderId": order });
            add(
                &mut json,
                if dated {
                    let cancelled_at = when(world, Duration::from_secs(n.into()));
                    json!({ "reason": format!("rain {n}"), "cancelledAt": cancelled_at.to_string() })
                } else {
                    json!({ "reason": format!("rain {n}.{again}") })
                },
            );
            let at = any_time(world);
            self.entries.push((at, message(when(world, at), Subject::Cancellation, &json.to_string())));
        }
    }

    fn send_on_errands(&mut self, world: &World, deal: &Deal) {
        let order = OrderId(deal.sale.order);
        let mut send = |per_mille, errand| {
            if world.chance(per_mille) {
                self.errands.push((order, errand));
            }
        };
        send(300, Errand::Reissue);
        send(200, Errand::Void { nth: world.draw(0, 10) as usize });
        send(if deal.withdrawn { 500 } else { 100 }, Errand::Reinstate { all: world.chance(500) });
        send(if deal.sale.gains.is_some() { 500 } else { 50 }, Errand::Refresh);
        send(150, Errand::Retry);
        send(150, Errand::Heal);
        send(150, Errand::Erase);
        if world.chance(200) {
            let letter =
                format!(r#"{{"orderId":"{order}","amount":"much","email":"{}"}}"#, deal.sale.person());
            self.send(world, any_time(world), |at| paid(at, &letter));
        }
    }

    /// Puts a message on the topic, some of them twice.
    fn send(&mut self, world: &World, at: Duration, entry: impl Fn(Timestamp) -> Incoming) {
        self.entries.push((at, entry(when(world, at))));
        if world.chance(200) {
            let at = at + any_time(world);
            self.entries.push((at, entry(when(world, at))));
        }
    }
}

/// Merges one object's fields into another.
fn add(json: &mut Value, more: Value) {
    let (Value::Object(json), Value::Object(more)) = (json, more) else { unreachable!("both are objects") };
    json.extend(more);
}

fn any_time(world: &World) -> Duration {
    Duration::from_millis(world.draw(0, 90_000).into())
}

/// A moment of the story by the broker's clock.
fn when(world: &World, at: Duration) -> Timestamp {
    Clock::now(world.time.as_ref()) + at
}

fn payment_id(sale: &Sale, n: u32) -> Uuid {
    Uuid::from_u128((sale.order.as_u128() & 0xffff) << 64 | u128::from(n))
}

fn payment(world: &World, sale: &Sale, n: u32, cents: u32) -> Payment {
    Payment {
        payment_id: payment_id(sale, n),
        order_id: sale.order,
        customer_id: sale.order,
        amount: decimal(cents),
        currency: "EUR".into(),
        processed_at: Clock::now(world.time.as_ref()),
    }
}

/// The same message from a producer that has no ids, whose clock may be minutes off, and that may not know the payment
/// provider's id.
fn without_id(world: &World, payment: &Payment) -> String {
    let minutes = Duration::from_secs(world.draw(0, 500).into());
    let other = Payment { processed_at: payment.processed_at + minutes, ..payment.clone() };
    let json = other.json().replacen("\"paymentId\"", "\"formerId\"", 1);
    if world.chance(500) { json.replacen("\"transactionId\"", "\"formerTransaction\"", 1) } else { json }
}

fn paid(at: Timestamp, json: &str) -> Incoming {
    message(at, Subject::Payment, json)
}

fn message(at: Timestamp, subject: Subject, json: &str) -> Incoming {
    let mut message = said(1, subject, json.as_bytes());
    message.received_at = at;
    if let Source::Kafka { timestamp, .. } = &mut message.source {
        *timestamp = Some(at.as_millisecond());
    }
    message
}
