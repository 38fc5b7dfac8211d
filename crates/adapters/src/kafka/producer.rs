//! Kafka producer: publishes events to their topics.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_config as config;
use fulfillment_domain::{Backoff, EventKind, TicketId};
use fulfillment_pipeline::ports::Destination;
use fulfillment_store::{Delivery, DeliveryOutcome};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};
use tracing::error;

use super::client::{Context, MAX_MESSAGE, client_config, health};
use crate::health::HealthFlag;
use crate::in_order::rounds;

/// Waits between tries. An unreachable broker affects all events, so the longest is short.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };
/// Events leased in one batch, a few megabytes.
const BATCH: usize = 1_000;
/// How long librdkafka itself retries: twice that is well within a lease of the usual length.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Kafka as a destination of events.
///
/// One idempotent producer for the life of the process. A record that is retried holds back the partition's later ones
/// inside librdkafka, and an order has one partition, so an order's events arrive in their order; a ticket's next event
/// is sent only after the report on the one before.
pub struct KafkaDestination {
    config: ClientConfig,
    producer: Mutex<FutureProducer<Context>>,
    issued_topic: String,
    reissued_topic: String,
    voided_topic: String,
    event_updated_topic: String,
    checked_in_topic: String,
    check_in_conflict_topic: String,
    dead_letter_topic: String,
    /// The state of the connection.
    connection: HealthFlag,
    /// The results of the last deliveries.
    deliveries: HealthFlag,
}

impl KafkaDestination {
    /// The destination's name in the store.
    pub const NAME: &'static str = "kafka";

    /// Created with the destination, so that a setting that librdkafka refuses is known at the start.
    pub fn new(kafka: &config::Kafka) -> anyhow::Result<Self> {
        let mut config = client_config(kafka)?;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "5")
            // The Java client's partitioner, so that every producer puts a key into the same partition.
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", MAX_MESSAGE.to_string())
            .set("message.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string())
            .set("topic.metadata.propagation.max.ms", "5000")
            .set("queue.buffering.max.kbytes", "65536");
        let connection = health();
        let producer = config.create_with_context(Context { watch: connection.clone() })?;
        Ok(Self {
            config,
            producer: Mutex::new(producer),
            issued_topic: kafka.issued_topic.clone(),
            reissued_topic: kafka.reissued_topic.clone(),
            voided_topic: kafka.voided_topic.clone(),
            // Nothing new has Kafka as its destination without a topic; what waits from before goes to the default one.
            event_updated_topic: kafka
                .event_updated_topic
                .clone()
                .unwrap_or_else(|| EventKind::EventUpdated.to_string()),
            checked_in_topic: kafka.checked_in_topic.clone(),
            check_in_conflict_topic: kafka.check_in_conflict_topic.clone(),
            dead_letter_topic: kafka.dead_letter_topic.clone(),
            connection,
            deliveries: health(),
        })
    }

    /// The producer; a new one when the old one is broken.
    fn producer(&self) -> FutureProducer<Context> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            error!(%code, reason, "the Kafka producer failed; creating a new one");
            match self.config.create_with_context(Context { watch: self.connection.clone() }) {
                Ok(new) => *producer = new,
                Err(error) => error!(%error, "cannot create a new Kafka producer"),
            }
        }
        producer.clone()
    }

    fn send(
        &self,
        producer: &FutureProducer<Context>,
        delivery: &Delivery,
    ) -> Result<DeliveryFuture, KafkaError> {
        let event = &delivery.event;
        let topic = match event.kind {
            EventKind::TicketIssued => &self.issued_topic,
            EventKind::TicketReissued => &self.reissued_topic,
            EventKind::TicketVoided => &self.voided_topic,
            EventKind::EventUpdated => &self.event_updated_topic,
            EventKind::TicketCheckedIn => &self.checked_in_topic,
            EventKind::TicketCheckInConflict => &self.check_in_conflict_topic,
            EventKind::DeadLetter => &self.dead_letter_topic,
        };
        let headers = event
            .headers
            .iter()
            .fold(OwnedHeaders::new_with_capacity(event.headers.len()), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(topic).payload(event.value.as_slice()).headers(headers);
        if let Some(key) = &event.key {
            record = record.key(key.as_slice());
        }
        producer.send_result(record).map_err(|(error, _)| error)
    }

    /// The result of a record. A broker refuses a whole batch of records for one that is too large, so a refused record
    /// is judged by sending it alone.
    async fn settle(
        &self,
        producer: &FutureProducer<Context>,
        delivery: &Delivery,
        sent: Result<DeliveryFuture, KafkaError>,
    ) -> DeliveryOutcome {
        match self.report(delivery, sent).await {
            DeliveryOutcome::Parked { .. } => self.report(delivery, self.send(producer, delivery)).await,
            outcome => outcome,
        }
    }

    async fn report(&self, delivery: &Delivery, sent: Result<DeliveryFuture, KafkaError>) -> DeliveryOutcome {
        let report = match sent {
            Ok(report) => match report.await {
                Ok(report) => report.map_err(|(error, _)| error),
                Err(_) => Err(KafkaError::Canceled),
            },
            Err(error) => Err(error),
        };
        match report {
            Ok(_) => {
                self.deliveries.clear();
                DeliveryOutcome::Sent
            }
            Err(error) if is_for_good(&error) => {
                DeliveryOutcome::Parked { reason: format!("Kafka refuses it: {error}") }
            }
            Err(error) => {
                let reason = format!("Kafka: {error}");
                self.deliveries.set_trouble(reason.clone());
                DeliveryOutcome::Retry { after: BACKOFF.wait(delivery.attempts, rand::random()), reason }
            }
        }
    }
}

/// Whether another try would fail in the same way, unless the broker's limits are changed.
fn is_for_good(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageSizeTooLarge | Code::InvalidMessage | Code::InvalidMessageSize | Code::InvalidRecord
        )
    )
}

#[async_trait]
impl Destination for KafkaDestination {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// A lease and a report each cost about the same whatever their size.
    fn batch(&self, _lease: Duration) -> usize {
        BATCH
    }

    async fn deliver(&self, batch: Vec<Delivery>) -> Vec<(i64, DeliveryOutcome)> {
        let producer = self.producer();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut waiting: HashSet<TicketId> = HashSet::new();
        for round in rounds(batch) {
            let sent: Vec<_> = round
                .into_iter()
                .map(|delivery| {
                    let waits = delivery.event.ticket_id.is_some_and(|ticket| waiting.contains(&ticket));
                    let sent = (!waits).then(|| self.send(&producer, &delivery));
                    (delivery, sent)
                })
                .collect();
            for (delivery, sent) in sent {
                let outcome = match sent {
                    Some(sent) => self.settle(&producer, &delivery, sent).await,
                    None => DeliveryOutcome::Retry {
                        after: BACKOFF.wait(delivery.attempts, rand::random()),
                        reason: "an earlier event of the ticket waits".into(),
                    },
                };
                if let (Some(ticket), DeliveryOutcome::Retry { .. }) = (delivery.event.ticket_id, &outcome) {
                    waiting.insert(ticket);
                }
                outcomes.push((delivery.outbox_id, outcome));
            }
        }
        outcomes
    }

    fn trouble(&self) -> Option<String> {
        self.connection.trouble().or_else(|| self.deliveries.trouble())
    }
}
