//! Payments, refunds, cancellations and deliveries in.
//!
//! One member of the group reads all of their topics. While batches are being stored the next one is read; the offsets
//! of a batch are handed to librdkafka once it and all before it are stored, never before. They are committed at once,
//! and again by librdkafka until it succeeds: a commit fails while the group changes, and no later message may come to
//! make up for it.
//!
//! The group hears from a member by its heartbeats (librdkafka's own thread) and by its polls, which must
//! not stop for `max.poll.interval.ms`. A store that is away holds a batch up for however long it takes.
//! So, once a batch has waited a while and the next one is full, the partitions are paused and polling goes
//! on: nothing more comes, the member stays, and memory holds three batches and librdkafka's queue.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_domain::{Clock, OrderId};
use fulfillment_store::step;
use futures::StreamExt as _;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message as _};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::batch::{Batch, Offsets};
use super::client::{Context, Watch, client_config};
use crate::config;
use crate::ports::{DeliveredSink, Sink};

/// Batches on their way into the store at once: while one is being committed the next one is written. They have no order
/// in common, so that each order's messages are stored in their order.
const AT_ONCE: usize = 2;
/// How long a batch may wait for the store before the partitions are paused.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long leaving the group may take: a member that goes while its group is changing is slow.
const LEAVE: Duration = Duration::from_secs(5);
/// The wait before another consumer is made in place of a broken one.
const AFTER_FATAL: Duration = Duration::from_secs(1);

/// The member of the group.
pub(crate) struct KafkaConsumer {
    config: ClientConfig,
    kafka: config::Kafka,
    max_message: usize,
    clock: Arc<dyn Clock>,
    /// What the connection is like.
    watch: Watch,
    /// Whether messages may be read over it.
    reading: Watch,
    /// Made at once, so that a setting that librdkafka refuses is known at the start.
    first: Mutex<Option<StreamConsumer<Context>>>,
}

/// A batch on its way into the store.
struct Storing {
    orders: HashSet<OrderId>,
    /// Its offsets, when it got there.
    offsets: JoinHandle<Option<Offsets>>,
}

enum End {
    Stopped,
    Broken(String),
}

impl KafkaConsumer {
    /// `max_message` is `pipeline.max_message`: what is larger is handed on as unreadable. Must be called
    /// within a tokio runtime.
    pub(crate) fn new(
        kafka: &config::Kafka,
        max_message: usize,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut config = client_config(kafka)?;
        config
            .set("group.id", &kafka.group_id)
            .set("group.protocol", kafka.group_protocol.0)
            // Of what is handed over for it, and only where that is ahead of what is committed.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("auto.offset.reset", "earliest")
            // The queue in front of the batches, and what one fetch may add to it. A single message above
            // that still comes through: a broker always sends the first one whole.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.max.bytes", "8388608")
            .set("fetch.queue.backoff.ms", "50")
            .set("fetch.wait.max.ms", "100");
        // With the newer protocol these are the broker's to say.
        if kafka.group_protocol.0 == "classic" {
            config
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", kafka.session_timeout.as_millis().to_string());
        }
        let watch = Watch::default();
        let first: StreamConsumer<Context> = config.create_with_context(Context { watch: watch.clone() })?;
        Ok(Self {
            config,
            kafka: kafka.clone(),
            max_message,
            clock,
            watch,
            reading: Watch::default(),
            first: Mutex::new(Some(first)),
        })
    }

    /// What is wrong with the broker, as far as is known.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.watch.trouble().or_else(|| self.reading.trouble())
    }

    /// Reads until `stop`. The batch in hand ends first: a sink answers false when it cannot. Then the
    /// offsets are committed and the group is left.
    pub(crate) async fn run(
        &self,
        payments: Arc<dyn Sink>,
        delivered: Arc<dyn DeliveredSink>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let config::Kafka { payment_topic, refunded_topic, cancelled_topic, delivered_topic, .. } =
            &self.kafka;
        let topics = [payment_topic, refunded_topic, cancelled_topic, delivered_topic].map(String::as_str);
        loop {
            let made = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let consumer = match made {
                Some(consumer) => consumer,
                None => self.config.create_with_context(Context { watch: self.watch.clone() })?,
            };
            consumer.subscribe(&topics)?;
            let mut reader = Reader {
                this: self,
                consumer: &consumer,
                payments: &payments,
                delivered: &delivered,
                said_missing: false,
            };
            let end = reader.read(&stop).await;
            leave(consumer).await;
            match end {
                End::Stopped => return Ok(()),
                End::Broken(reason) => {
                    error!(reason, "the Kafka consumer broke; making another");
                    self.reading.is_wrong(reason);
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(AFTER_FATAL) => {}
                    }
                }
            }
        }
    }
}

/// One consumer's life.
struct Reader<'a> {
    this: &'a KafkaConsumer,
    consumer: &'a StreamConsumer<Context>,
    payments: &'a Arc<dyn Sink>,
    delivered: &'a Arc<dyn DeliveredSink>,
    /// Whether it was said that a topic is not there.
    said_missing: bool,
}

impl Reader<'_> {
    async fn read(&mut self, stop: &CancellationToken) -> End {
        let consumer = self.consumer;
        let mut messages = consumer.stream();
        let mut next = Batch::default();
        let mut storing: VecDeque<Storing> = VecDeque::new();
        let mut paused = false;
        // When the batch that is being filled goes off, and when the one on its way has taken too long.
        let (mut due, mut late) = (Instant::now(), Instant::now());
        loop {
            let full = next.is_full(self.this.kafka.batch);
            let free =
                storing.len() < AT_ONCE && storing.iter().all(|batch| batch.orders.is_disjoint(&next.orders));
            if free && (full || (!next.is_empty() && Instant::now() >= due)) {
                storing.push_back(self.store(std::mem::take(&mut next)));
                late = Instant::now() + PATIENCE;
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                stored = first(&mut storing) => {
                    storing.pop_front();
                    match stored {
                        Ok(Some(offsets)) => self.commit(&offsets),
                        Ok(None) => return End::Stopped,
                        Err(_) => return End::Broken("the task that stores payments ended early".into()),
                    }
                    if paused {
                        paused = false;
                        info!("the store is back; reading from Kafka again");
                        self.flow(true);
                    }
                }
                () = sleep_until(due), if free && !next.is_empty() => {}
                () = sleep_until(late), if !free && full && !paused => {
                    paused = true;
                    warn!("storing payments takes long; not reading from Kafka meanwhile");
                    self.flow(false);
                }
                message = messages.next(), if !full || paused => match message {
                    Some(Ok(message)) => {
                        self.this.reading.is_right();
                        if next.is_empty() {
                            due = Instant::now() + self.this.kafka.batch_wait;
                        }
                        self.take(&mut next, &message);
                        step!("after-poll");
                        // A partition that was assigned since the pause.
                        if paused {
                            self.flow(false);
                        }
                    }
                    Some(Err(error)) => if let Some(end) = self.trouble(&error) { return end },
                    None => return End::Broken("the stream of messages ended".into()),
                }
            }
        }
        // What is read and not on its way is read again by whoever comes next.
        for storing in storing {
            let Ok(Some(offsets)) = storing.offsets.await else { break };
            self.hand_over(&offsets);
        }
        End::Stopped
    }

    fn take(&mut self, next: &mut Batch, message: &BorrowedMessage<'_>) {
        let (topic, kafka) = (message.topic(), &self.this.kafka);
        let (max, now) = (self.this.max_message, self.this.clock.now());
        if topic == kafka.payment_topic {
            next.add_payment(message, max, now);
        } else if topic == kafka.refunded_topic {
            next.add_refund(message, max, now);
        } else if topic == kafka.cancelled_topic {
            next.add_cancellation(message, max, now);
        } else {
            next.add_delivered(message);
        }
    }

    /// In a task of its own: the store's answer must not wait for the next message, nor the other way round.
    fn store(&self, mut batch: Batch) -> Storing {
        let orders = std::mem::take(&mut batch.orders);
        let (payments, delivered) = (Arc::clone(self.payments), Arc::clone(self.delivered));
        let offsets = tokio::spawn(async move {
            let stored = (batch.payments.is_empty() || payments.accept(batch.payments).await)
                && (batch.withdrawals.is_empty() || payments.withdraw(batch.withdrawals).await)
                && (batch.delivered.is_empty() || delivered.delivered(batch.delivered).await);
            stored.then_some(batch.offsets)
        });
        Storing { orders, offsets }
    }

    /// Without waiting for the answer; the last commit, at the end, waits.
    fn commit(&self, offsets: &Offsets) {
        self.hand_over(offsets);
        if let Err(error) = self.consumer.commit_consumer_state(CommitMode::Async) {
            debug!(%error, "offsets could not be committed yet");
        }
        step!("after-offset-commit");
    }

    /// Tells librdkafka where to go on. Partitions that are somebody else's by now are theirs to commit: it refuses them.
    fn hand_over(&self, offsets: &Offsets) {
        for ((topic, partition), next) in offsets {
            let mut one = TopicPartitionList::with_capacity(1);
            let given = one
                .add_partition_offset(topic, *partition, Offset::Offset(*next))
                .and_then(|()| self.consumer.store_offsets(&one));
            if let Err(error) = given {
                debug!(%error, topic, partition, "a batch's partition is somebody else's by now");
            }
        }
    }

    /// Lets messages come, or stops them, in all partitions at once.
    fn flow(&self, on: bool) {
        let changed = self.consumer.assignment().and_then(|partitions| {
            if on { self.consumer.resume(&partitions) } else { self.consumer.pause(&partitions) }
        });
        if let Err(error) = changed {
            warn!(%error, "cannot pause or resume partitions");
        }
    }

    fn trouble(&mut self, error: &KafkaError) -> Option<End> {
        if let KafkaError::MessageConsumptionFatal(code) = error {
            return Some(End::Broken(format!("Kafka: {code}")));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                if !std::mem::replace(&mut self.said_missing, true) {
                    warn!(%error, "a topic does not exist yet; waiting for it");
                }
            }
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed,
            ) => self.this.reading.is_wrong(format!("Kafka lets this user not read: {error}")),
            _ => warn!(%error, "reading from Kafka failed; trying again"),
        }
        None
    }
}

/// What becomes of the first batch on its way; never, when there is none.
async fn first(storing: &mut VecDeque<Storing>) -> Result<Option<Offsets>, tokio::task::JoinError> {
    match storing.front_mut() {
        Some(storing) => (&mut storing.offsets).await,
        None => std::future::pending().await,
    }
}

/// Commits and leaves, within its time. In a thread of its own: dropping a consumer blocks, and tokio's
/// blocking threads are waited for when the process ends.
async fn leave(consumer: StreamConsumer<Context>) {
    let (done, left) = tokio::sync::oneshot::channel();
    let leaving = std::thread::Builder::new().name("kafka-leave".into()).spawn(move || {
        if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync)
            && error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset)
        {
            warn!(%error, "the last offsets could not be committed; their messages come again, as duplicates");
        }
        consumer.unsubscribe();
        drop(consumer);
        let _ = done.send(());
    });
    if leaving.is_err() || tokio::time::timeout(LEAVE, left).await.is_err() {
        warn!("leaving the Kafka group takes too long; the broker will notice by itself");
    }
}
