//! Measures how fast a store processes batches: payments in, orders claimed, tickets frozen and completed, events lent.
//!
//!     cargo run --release -p fulfillment-store --features conformance --example batches -- URL [ORDERS]
//!
//! `URL` is `sqlite://file` or `postgres://...`; it is migrated and filled. Each order has two tickets.

#![expect(clippy::unwrap_used, reason = "a measurement, not the service")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use fulfillment_domain::Clock;
use fulfillment_store::conformance::fixtures::{LONG, completion, freeze, frozen, ingest, payment, ticket};
use fulfillment_store::{DeliveryOutcome, Freeze, Settings, Store};
use jiff::Timestamp;

struct MachineClock;

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the machine's clock is passed in from here")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

const TICKETS: u32 = 2;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "sqlite://batches.db".into());
    let orders: u32 = arguments.next().map_or(4_000, |n| n.parse().unwrap());
    let settings = Settings {
        url,
        schema: "bc_fulfillment_batches".into(),
        max_connections: 8,
        connect_timeout: Duration::from_secs(10),
        refunds: fulfillment_store::RefundRules::default(),
    };
    let store = fulfillment_store::open(&settings, Arc::new(MachineClock)).await.unwrap();
    store.migrate().await.unwrap();
    // Separate orders for each batch size and each run on the same store.
    let seen = u32::try_from(store.summary().await.unwrap().orders.values().sum::<u64>()).unwrap();
    println!("batch  payments/s  claims/s  frozen/s  completed/s  lent+sent/s");
    for (round, batch) in (0..).zip([64, 200, 500]) {
        run(&*store, batch, seen + round * orders, orders).await;
    }
    store.close().await;
}

async fn run(store: &dyn Store, batch: u32, first: u32, orders: u32) {
    let payments: Vec<_> = (first..first + orders).map(|n| payment(n, n, "49.90")).collect();
    let started = Instant::now();
    for payments in payments.chunks(batch as usize) {
        ingest(store, payments).await;
    }
    let taken_in = rate(orders, started);
    let started = Instant::now();
    let mut claims = Vec::new();
    loop {
        let more = store.claim("w", batch as usize, LONG).await.unwrap();
        if more.is_empty() {
            break;
        }
        claims.extend(more);
    }
    let claimed = rate(orders, started);
    let freezes: Vec<Freeze> = claims.iter().map(freeze_of).collect();
    let started = Instant::now();
    let mut outcomes = Vec::new();
    for freezes in freezes.chunks(batch as usize) {
        outcomes.extend(store.freeze(freezes).await.unwrap());
    }
    let froze = rate(orders * TICKETS, started);
    let done: Vec<_> =
        claims.iter().zip(outcomes).map(|(c, o)| completion(c, &frozen(o), &["kafka"])).collect();
    let started = Instant::now();
    for done in done.chunks(batch as usize) {
        store.complete(done).await.unwrap();
    }
    let completed = rate(orders * TICKETS, started);
    let started = Instant::now();
    loop {
        let lent = store.claim_deliveries("kafka", batch as usize, LONG).await.unwrap();
        if lent.is_empty() {
            break;
        }
        let sent: Vec<_> = lent.iter().map(|d| (d.outbox_id, DeliveryOutcome::Sent)).collect();
        store.record_deliveries("kafka", &sent).await.unwrap();
    }
    let sent = rate(orders * TICKETS, started);
    println!("{batch:>5}  {taken_in:>10.0}  {claimed:>8.0}  {froze:>8.0}  {completed:>11.0}  {sent:>11.0}");
}

/// Numbers of tickets that are unique beyond the fixtures' five digits.
fn freeze_of(claim: &fulfillment_store::Claim) -> Freeze {
    let mut freeze = freeze(claim, TICKETS);
    for given in &mut freeze.tickets {
        given.number = given.id.0.simple().to_string();
    }
    debug_assert_eq!(freeze.tickets[0].id, ticket(claim.order_id, 1).id);
    freeze
}

fn rate(count: u32, since: Instant) -> f64 {
    f64::from(count) / since.elapsed().as_secs_f64()
}
