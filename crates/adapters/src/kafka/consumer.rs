//! Kafka consumer of payments, refunds, cancellations, deliveries and changes of events: one group member that reads
//! all of their topics.
//!
//! Where a partition begins when it is assigned is determined from the store and the broker ([`super::positions`]);
//! until then librdkafka reads nothing of it. Every half a minute, and after every error of a topic, the last record of
//! each partition is read again: a topic that was deleted and created again is read from its start.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fulfillment_config as config;
use fulfillment_domain::Clock;
use fulfillment_pipeline::ports::{Lag, PartitionLag, Sink};
use fulfillment_store::Positions;
use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::client::{client_config, health};
use super::inspector::Inspector;
use super::lag::Lags;
use super::member::{self, Change, Member};
use super::positions::Placing;
use super::reader::{End, Reader, Reads};
use crate::health::HealthFlag;

/// The timeout for leaving the group: a member that leaves during a rebalance is slow.
const LEAVE: Duration = Duration::from_secs(5);
/// The wait before a broken consumer is replaced.
const AFTER_FATAL: Duration = Duration::from_secs(1);

/// The group member.
pub struct KafkaConsumer {
    config: ClientConfig,
    reads: Reads,
    /// The state of the connection.
    watch: HealthFlag,
    lags: Lags,
    /// Created with the member, so that a setting that librdkafka refuses is known at the start.
    first: Mutex<Option<Joined>>,
}

/// A consumer, and the changes of its assignment.
struct Joined {
    consumer: StreamConsumer<Member>,
    changes: UnboundedReceiver<Change>,
}

impl KafkaConsumer {
    /// `max_message` is `pipeline.max_message`: larger messages are passed on as unreadable. Must be called within a
    /// tokio runtime.
    pub fn new(kafka: &config::Kafka, max_message: usize, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let mut config = client_config(kafka)?;
        config
            .set("group.id", &kafka.group_id)
            .set("group.protocol", kafka.group_protocol.0)
            // Commits only offsets that were stored for it, and only where they are ahead of the committed ones.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("auto.offset.reset", "earliest")
            // The queue before the batches, and the most that one fetch adds to it. A larger single message is still
            // delivered: a broker always sends the first one whole.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.max.bytes", "8388608")
            .set("fetch.queue.backoff.ms", "50")
            .set("fetch.wait.max.ms", "100");
        // With the newer protocol the broker sets these.
        if kafka.group_protocol.0 == "classic" {
            config
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", kafka.session_timeout.as_millis().to_string());
        }
        let this = Self {
            config,
            reads: Reads { kafka: kafka.clone(), max_message, clock, reading: health() },
            watch: health(),
            lags: Lags::default(),
            first: Mutex::new(None),
        };
        let first = this.join()?;
        *this.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        Ok(this)
    }

    fn join(&self) -> KafkaResult<Joined> {
        let (member, changes) = Member::new(self.watch.clone(), self.lags.clone());
        Ok(Joined { consumer: self.config.create_with_context(member)?, changes })
    }

    /// What is wrong with the broker, as far as is known.
    pub fn trouble(&self) -> Option<String> {
        self.watch.trouble().or_else(|| self.reads.reading.trouble())
    }

    /// Reads until `stop`. Batches in flight are finished first, unless the sink answers false. Then the offsets are
    /// committed and the group is left. `positions` has what was read before.
    pub async fn run(
        &self,
        sink: Arc<dyn Sink>,
        positions: Arc<dyn Positions>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let kafka = &self.reads.kafka;
        let always =
            [&kafka.payment_topic, &kafka.refunded_topic, &kafka.cancelled_topic, &kafka.delivered_topic];
        let topics: Vec<_> =
            always.into_iter().chain(&kafka.event_changed_topic).map(String::as_str).collect();
        loop {
            let made = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Joined { consumer, changes } = match made {
                Some(joined) => joined,
                None => self.join()?,
            };
            let inspector = Inspector::new(&self.reads.kafka, self.watch.clone())?;
            let placing = Placing::new(&self.reads.kafka, inspector, Arc::clone(&positions), &topics);
            consumer.subscribe(&topics)?;
            let mut reader = Reader::new(&self.reads, &consumer, &sink, placing, changes);
            let end = reader.read(&stop).await;
            let (untaken, placing) = reader.end();
            leave(consumer, untaken, placing).await;
            match end {
                End::Stopped => return Ok(()),
                End::Broken(reason) => {
                    error!(reason, "the Kafka consumer failed; creating a new one");
                    self.reads.reading.set_trouble(reason);
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(AFTER_FATAL) => {}
                    }
                }
            }
        }
    }
}

impl Lag for KafkaConsumer {
    fn lag(&self) -> Vec<PartitionLag> {
        self.lags.list()
    }
}

/// Commits and leaves the group, within its timeout. In a thread of its own: dropping a consumer blocks, and the
/// process waits for tokio's blocking threads when it ends.
async fn leave(consumer: StreamConsumer<Member>, untaken: Vec<TopicPartitionList>, placing: Placing) {
    let (done, left) = tokio::sync::oneshot::channel();
    let leaving = std::thread::Builder::new().name("kafka-leave".into()).spawn(move || {
        for partitions in &untaken {
            if let Err(error) = member::take(&consumer, partitions) {
                debug!(%error, "an assignment could not be taken before leaving the group");
            }
        }
        if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync)
            && error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset)
        {
            warn!(%error, "the last offsets could not be committed; their messages will be read again, as duplicates");
        }
        consumer.unsubscribe();
        drop(consumer);
        drop(placing);
        let _ = done.send(());
    });
    if leaving.is_err() || tokio::time::timeout(LEAVE, left).await.is_err() {
        warn!(
            "leaving the Kafka group takes too long; the broker will remove this member after its session timeout"
        );
    }
}
