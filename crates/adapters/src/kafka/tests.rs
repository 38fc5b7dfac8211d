//! Against a real broker: `set -a; eval "$(scripts/rig/up --only kafka)"; cargo test -p fulfillment kafka`

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_config::Config;
use fulfillment_domain::Delivered;
use fulfillment_domain::clock::FixedClock;
use fulfillment_pipeline::ports::{Destination as _, Sink};
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{DeliveryOutcome, Incoming, Installation as _, Position, Positions as _, Source};
use jiff::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tokio_util::sync::CancellationToken;

use super::client::client_config;
use super::{KafkaConsumer, KafkaDestination};
use crate::in_order::testing::delivery;
use crate::outbound::testing::config;

/// Keeps the messages it gets; refuses them while it is closed.
struct Kept {
    payments: Mutex<Vec<Incoming>>,
    closed: AtomicBool,
    /// The position reached: it outlives what else is kept here.
    positions: Arc<SqliteStore>,
}

#[async_trait]
impl Sink for Kept {
    async fn accept(&self, batch: Vec<Incoming>, reached: Vec<Position>) -> bool {
        let open = !self.closed.load(SeqCst);
        if open {
            self.payments.lock().unwrap().extend(batch);
            self.positions.advance(&reached).await.unwrap();
        }
        open
    }

    async fn delivered(&self, _batch: Vec<Delivered>, _reached: Vec<Position>) -> bool {
        true
    }
}

impl Kept {
    fn new(positions: &Arc<SqliteStore>) -> Arc<Self> {
        Arc::new(Self {
            payments: Mutex::default(),
            closed: AtomicBool::new(false),
            positions: Arc::clone(positions),
        })
    }

    async fn wait_for(&self, count: usize) {
        for _ in 0..600 {
            if self.payments.lock().unwrap().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} of {count} came", self.payments.lock().unwrap().len());
    }
}

#[expect(clippy::disallowed_methods, reason = "the rig speaks through the environment")]
fn rig(topic: &str, protocol: &str) -> Config {
    let brokers = std::env::var("RIG_KAFKA").expect("this test needs real servers: run scripts/test");
    let mut config = config(&[
        ("FULFILLMENT_KAFKA_BROKERS", &brokers),
        ("FULFILLMENT_KAFKA_GROUP_ID", topic),
        ("FULFILLMENT_KAFKA_GROUP_PROTOCOL", protocol),
        ("FULFILLMENT_KAFKA_PAYMENT_TOPIC", topic),
        ("FULFILLMENT_KAFKA_DELIVERED_TOPIC", &format!("{topic}-delivered")),
        ("FULFILLMENT_KAFKA_REFUNDED_TOPIC", &format!("{topic}-refunded")),
        ("FULFILLMENT_KAFKA_CANCELLED_TOPIC", &format!("{topic}-cancelled")),
        ("FULFILLMENT_KAFKA_EVENT_CHANGED_TOPIC", &format!("{topic}-event-changed")),
    ]);
    // What the tests send must be consumed again, which no setting allows.
    topic.clone_into(&mut config.kafka.issued_topic);
    config
}

async fn memory() -> SqliteStore {
    let store = SqliteStore::in_memory(Arc::new(FixedClock(Timestamp::UNIX_EPOCH))).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn make_topic(config: &Config, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = client_config(&config.kafka).unwrap().create().unwrap();
    let topic = NewTopic::new(topic, 3, TopicReplication::Fixed(1)).set("max.message.bytes", "12000000");
    admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
}

/// Reads until `count` messages arrived, then stops and returns them.
async fn read(config: &Config, kept: Arc<Kept>, count: usize) -> Vec<Incoming> {
    let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    let consumer = Arc::new(KafkaConsumer::new(&config.kafka, 1_000_000, clock).unwrap());
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (consumer, kept, stop) = (Arc::clone(&consumer), Arc::clone(&kept), stop.clone());
        async move { consumer.run(kept.clone(), Arc::clone(&kept.positions) as _, stop).await }
    });
    kept.wait_for(count).await;
    stop.cancel();
    let stopping = std::time::Instant::now();
    running.await.unwrap().unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(6), "left within its time");
    assert_eq!(consumer.trouble(), None);
    std::mem::take(&mut kept.payments.lock().unwrap())
}

async fn there_and_back(protocol: &str) {
    let topic = format!("adapters-{protocol}-{}", std::process::id());
    let config = rig(&topic, protocol);
    let destination = KafkaDestination::new(&config.kafka).unwrap();

    // A topic that does not exist yet is waited for, on both sides.
    let early = destination.deliver(vec![delivery(1, 1, "0")]).await;
    assert!(matches!(early[0].1, DeliveryOutcome::Retry { .. }), "{early:?}");
    assert!(destination.trouble().is_some());
    let positions = Arc::new(memory().await);
    let kept = Kept::new(&positions);
    let reading = tokio::spawn({
        let (config, kept) = (config.clone(), Arc::clone(&kept));
        async move { read(&config, kept, 1_001).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    make_topic(&config, &topic).await;
    for _ in 0..40 {
        if matches!(destination.deliver(vec![delivery(0, 1, "0")]).await[0].1, DeliveryOutcome::Sent) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(destination.trouble(), None);

    // 250 tickets with four events each, in order; one event above the reader's limit, one above every limit.
    let batch =
        (0..1_000).map(|i| delivery(i + 1, (i % 250).unsigned_abs().into(), &i.to_string())).collect();
    let outcomes = destination.deliver(batch).await;
    assert!(outcomes.len() == 1_000 && outcomes.iter().all(|(_, o)| *o == DeliveryOutcome::Sent));
    let mut got = reading.await.unwrap();
    assert_eq!(got.len(), 1_001);
    // In the topic's order: independent batches are stored concurrently.
    got.sort_by_key(|message| match &message.source {
        Source::Kafka { partition, offset, .. } => (*partition, *offset),
        source => panic!("{source:?}"),
    });
    let mut last = std::collections::HashMap::new();
    for message in &got {
        let value: i64 = String::from_utf8(message.raw.clone()).unwrap().parse().unwrap();
        let before = last.insert(message.key.clone(), value);
        assert!(before.is_none_or(|b| b < value), "a ticket's events are in order");
        assert_eq!(message.headers, [("ce_type".to_owned(), b"ticket-issued".to_vec())]);
    }

    // What was stored was committed: a second consumer begins where the first one ended.
    let large = format!("\"{}\"", "x".repeat(9_999_000));
    let sizes = destination.deliver(vec![delivery(1, 1, &large), delivery(2, 2, &large.repeat(2))]).await;
    assert_eq!(sizes[0].1, DeliveryOutcome::Sent, "10 MB");
    assert!(matches!(sizes[1].1, DeliveryOutcome::Parked { .. }), "20 MB");
    let got = read(&config, Kept::new(&positions), 1).await;
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].raw.len(), large.len());
    assert!(got[0].content.as_ref().unwrap_err().reason.contains("larger than"));
    assert!(matches!(&got[0].source, Source::Kafka { topic: t, .. } if *t == topic));

    // What the sink refused was not committed: it is delivered again.
    assert_eq!(destination.deliver(vec![delivery(3, 3, "again")]).await[0].1, DeliveryOutcome::Sent);
    let closed = Kept::new(&positions);
    closed.closed.store(true, SeqCst);
    let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    let consumer = KafkaConsumer::new(&config.kafka, 1_000, clock).unwrap();
    let refused = consumer.run(closed.clone(), Arc::clone(&positions) as _, CancellationToken::new());
    tokio::time::timeout(Duration::from_secs(30), refused).await.expect("a refusal ends it").unwrap();
    let got = read(&config, Kept::new(&positions), 1).await;
    assert_eq!(got[0].raw, b"again");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_by_the_classic_protocol() {
    there_and_back("classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_by_the_newer_protocol() {
    there_and_back("consumer").await;
}
