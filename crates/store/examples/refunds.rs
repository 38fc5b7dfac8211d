//! Measures an order with many refunds beside normal traffic: how long they take to settle, and how long a payment takes
//! meanwhile.
//!
//!     cargo run --release -p fulfillment-store --features conformance --example refunds -- URL [TICKETS] [REFUNDS]
//!
//! `URL` is `sqlite://file` or `postgres://...`; it is migrated and filled. The refunds arrive in one batch, then in
//! batches of 50, then one by one, each time of another order.

#![expect(clippy::unwrap_used, reason = "a measurement, not the service")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use fulfillment_domain::Clock;
use fulfillment_store::conformance::fixtures::{ingest, loudly, payment, refund, sold, to_kafka};
use fulfillment_store::{Settings, Store};
use jiff::Timestamp;

struct MachineClock;

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the machine's clock is passed in from here")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "sqlite://refunds.db".into());
    let tickets: u32 = arguments.next().map_or(5_000, |n| n.parse().unwrap());
    let refunds: u32 = arguments.next().map_or(500, |n| n.parse().unwrap());
    let settings = Settings {
        url,
        schema: "bc_fulfillment_refunds".into(),
        max_connections: 8,
        connect_timeout: Duration::from_secs(10),
        refunds: fulfillment_store::RefundRules::default(),
    };
    let store = fulfillment_store::open(&settings, Arc::new(MachineClock)).await.unwrap();
    store.migrate().await.unwrap();
    // Before the payments, which nobody processes.
    for n in 1..=3 {
        sold(&*store, n, &(tickets * 10).to_string(), &[("a", "10", tickets)]).await;
    }
    println!("batch  refunds settled in  payments meanwhile  longest payment");
    for (n, batch) in (1..).zip([refunds, 50, 1]) {
        run(&store, n, refunds, batch).await;
    }
    store.close().await;
}

async fn run(store: &Arc<dyn Store>, n: u32, refunds: u32, batch: u32) {
    let one = r#","amount":10,"items":[{"itemId":"a","quantity":1}]"#;
    let messages: Vec<_> = (0..refunds).map(|i| refund(n * 100_000 + i, n, n, one)).collect();
    let settling = {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let began = Instant::now();
            for messages in messages.chunks(batch as usize) {
                store.ingest(messages, &to_kafka(), &loudly()).await.unwrap();
            }
            began.elapsed()
        })
    };
    let (mut longest, mut paid) = (Duration::ZERO, 0);
    while !settling.is_finished() {
        paid += 1;
        let asked = Instant::now();
        ingest(&**store, &[payment(n * 1_000_000 + paid, n * 1_000_000 + paid, "5")]).await;
        longest = longest.max(asked.elapsed());
    }
    let took = settling.await.unwrap();
    println!("{batch:>5}  {took:>18.2?}  {paid:>18}  {longest:>15.1?}");
}
