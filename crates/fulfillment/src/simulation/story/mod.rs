//! One story: who pays, who takes it back, who wants another ticket, and what must be true in the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fulfillment_credential::{VerifyOptions, verify};
use fulfillment_domain::{Cancellation, Clock, OrderId, Refund, Withdrawal};
use fulfillment_store::conformance::fixtures::message;
use fulfillment_store::{Incoming, OrderRecord, Outbox as _, Records as _, Subject, Work as _};
use fulfillment_tests::checker::{self, Seen};
use fulfillment_tests::ledger::Paid;
use fulfillment_tests::payment::Payment;
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Told;
use super::machine::sleep;
use super::neighbours::seats_of;
use super::process::{self, Kit};
use super::world::{Entry, Life, TROUBLE, World, lock};
use crate::pipeline::reissue::{NotReissued, Reissuer, Wanted};

/// The longest that anything may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(48 * 3_600);

/// The newest life of each process, for requests.
type Ends = Arc<Mutex<BTreeMap<u32, Arc<Reissuer>>>>;

/// Tells it to its end.
pub(super) async fn tell(kit: &Kit, (world, mut died): (Arc<World>, mpsc::UnboundedReceiver<u32>)) -> Told {
    let ends = Ends::default();
    let mut lives = 0;
    let mut start = || {
        lives += 1;
        let life = Life::new(Arc::clone(&world), lives);
        let end = process::start(kit, &life);
        lock(&ends).insert(lives, Arc::new(end));
    };
    for _ in 0..world.draw(1, 4) {
        start();
    }
    let plot = Plot::draw(&world);
    for (after, entry) in plot.entries.clone() {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            sleep(after).await;
            lock(&world.log).push(entry);
        });
    }
    for order in plot.reissued.clone() {
        tokio::spawn(reissue(Arc::clone(&world), Arc::clone(&ends), order));
    }
    if world.chance(300) {
        tokio::spawn(set_clock(Arc::clone(&world)));
    }
    loop {
        tokio::select! {
            biased;
            Some(dead) = died.recv() => {
                lock(&ends).remove(&dead);
                sleep(Duration::from_millis(world.draw(1, 5_000).into())).await;
                start();
            }
            () = sleep(Duration::from_secs(30)) => {}
        }
        if world.time.now() > TROUBLE && at_rest(&world, plot.entries.len()) {
            break;
        }
        if world.time.now() > PATIENCE {
            world.violated("it does not come to rest".into());
            break;
        }
    }
    plot.judge(kit, &world);
    let violations = lock(&world.violations).clone();
    let (story, told) = world.story();
    Told { violations, story, lines: told }
}

/// Somebody sets the clock on the wall, an hour forth or back.
async fn set_clock(world: Arc<World>) {
    sleep(TROUBLE.mul_f64(f64::from(world.draw(0, 1_000)) / 1_000.0)).await;
    let hour = SignedDuration::from_hours(if world.chance(500) { 1 } else { -1 });
    world.note(format_args!("the clock is set by {hour:#}"));
    world.time.set_clock(hour);
}

fn at_rest(world: &World, entries: usize) -> bool {
    *lock(&world.committed) == entries
        && world.at_once(world.store.next_due()).unwrap().is_none()
        && world.at_once(world.store.backlog("kafka")).unwrap().0 == 0
}

/// Wants a new generation of an order's first ticket, under one name, from whichever process answers.
async fn reissue(world: Arc<World>, ends: Ends, order: OrderId) {
    for _ in 0..100 {
        sleep(Duration::from_secs(world.draw(1, 20).into())).await;
        let Ok(Some(record)) = world.at_once(world.store.order(order)) else { continue };
        let Some(ticket) = record.tickets.first() else { continue };
        let Some(end) = lock(&ends).values().nth(world.draw(0, 3) as usize).cloned() else { continue };
        let wanted = Wanted { request: Some("lost phone".into()), who: "desk".into(), ..Wanted::default() };
        let answer = tokio::select! {
            biased;
            answer = end.reissue(ticket.id, wanted) => answer,
            () = sleep(Duration::from_secs(30)) => continue,
        };
        match answer {
            Ok(_) | Err(NotReissued::Voided) => return,
            Err(error) => world.note(format_args!("{order} is not reissued: {error}")),
        }
    }
}

/// What is to happen, and when.
struct Plot {
    entries: Vec<(Duration, Entry)>,
    paid: Vec<Paid>,
    /// Orders that refunds or cancellations are about.
    withdrawn: Vec<Uuid>,
    reissued: Vec<OrderId>,
}

impl Plot {
    fn draw(world: &World) -> Self {
        let mut plot =
            Self { entries: Vec::new(), paid: Vec::new(), withdrawn: Vec::new(), reissued: Vec::new() };
        for n in 1..=u128::from(world.draw(1, 6)) {
            let order = Uuid::from_u128(0x0f00_0000_0000_4000_8000_0000_0000_0000 | n);
            for count in 0..=u128::from(world.chance(200)) {
                plot.pay(world, order, Uuid::from_u128((n << 64) | (count + 1)));
            }
            if world.chance(250) {
                plot.take_back(world, order);
            }
            if world.chance(300) {
                plot.reissued.push(OrderId(order));
            }
        }
        plot
    }

    fn at(world: &World) -> Duration {
        Duration::from_millis(world.draw(0, 90_000).into())
    }

    fn pay(&mut self, world: &World, order: Uuid, id: Uuid) {
        let payment = Payment {
            payment_id: id,
            order_id: order,
            customer_id: order,
            amount: "59.50".into(),
            currency: "EUR".into(),
            processed_at: Clock::now(world.time.as_ref()),
        };
        let seats = seats_of(order);
        // Which offset it gets is the topic's business; the consumer's order is judged as it commits.
        self.paid.push(Paid { order, payment: id, seats, at: (0, 0) });
        for _ in 0..=usize::from(world.chance(200)) {
            let at = Self::at(world);
            self.entries.push((at, Entry::Payment(message(1, payment.json().as_bytes()))));
        }
    }

    fn take_back(&mut self, world: &World, order: Uuid) {
        self.withdrawn.push(order);
        let payment = Uuid::from_u128((order.as_u128() & 0xffff) << 64 | 1);
        let (subject, json) = match world.draw(0, 3) {
            0 => (Subject::Cancellation, json!({ "orderId": order, "reason": "rain" })),
            1 => (Subject::Refund, json!({ "refundId": order, "paymentId": payment, "orderId": order })),
            _ => {
                let items = [format!("{order}-1")];
                (
                    Subject::Refund,
                    json!({ "refundId": order, "paymentId": payment, "orderId": order, "itemIds": items }),
                )
            }
        };
        let raw = json.to_string().into_bytes();
        let content = if subject == Subject::Refund {
            Refund::parse(&raw).map(Withdrawal::Refund)
        } else {
            Cancellation::parse(&raw).map(Withdrawal::Cancellation)
        };
        let Incoming { source, key, headers, traceparent, received_at, .. } = message(1, b"{}");
        let entry = Incoming { source, key, raw, headers, traceparent, received_at, subject, content };
        for _ in 0..=usize::from(world.chance(200)) {
            self.entries.push((Self::at(world), Entry::Withdrawal(entry.clone())));
        }
    }

    /// The checker's promises, and those that only this world can see.
    fn judge(&self, kit: &Kit, world: &World) {
        let mut seen = checker::World { paid: self.paid.clone(), ..checker::World::default() };
        let keyring = kit.keys.current();
        let now = Clock::now(world.time.as_ref()).as_second();
        for paid in &self.paid {
            let Some(record) = world.at_once(world.store.order(OrderId(paid.order))).unwrap() else {
                continue;
            };
            self.one_answer(world, &record);
            for ticket in &record.tickets {
                let options = VerifyOptions { event: None, feed: None };
                if !verify(&ticket.qr_code_data, keyring.public(), now, &options).is_valid() {
                    seen.unverified.push(ticket.qr_code_data.clone());
                }
            }
            seen.orders.insert(paid.order, serde_json::to_value(&record).unwrap());
        }
        for (name, content) in lock(&world.files).iter() {
            let sha256 = hex::encode(Sha256::digest(content));
            seen.files.insert(name.clone(), Seen { sha256, code: None });
        }
        seen.events = lock(&world.told).clone();
        for violation in seen.violations() {
            world.violated(violation);
        }
    }

    /// All tickets of an order come of one answer; an order that nothing is taken back of is issued, and no request is
    /// done twice.
    fn one_answer(&self, world: &World, record: &OrderRecord) {
        let id = record.order_id;
        if record.tickets.windows(2).any(|pair| pair[0].customer_name != pair[1].customer_name) {
            world.violated(format!("{id}: its tickets are of several answers"));
        }
        let state = record.state.as_str();
        if !self.withdrawn.contains(&id.0) && state != "issued" {
            world.violated(format!("{id}: it is {state}: {:?}", record.reason));
        }
        if record.tickets.iter().any(|ticket| ticket.sequence > 3) {
            world.violated(format!("{id}: more happened to its tickets than was asked for"));
        }
    }
}
