//! Inspects topics with a consumer that is not a group member: watermarks, committed offsets, and a record that was
//! read before. It reads partitions that it assigns to itself and never commits.
//!
//! It has the group's name: librdkafka assigns nothing to a consumer without one, and the group's committed offsets can
//! be requested under that name alone. Without a subscription the broker never counts it as a member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use fulfillment_config as config;
use fulfillment_store::Mark;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataPartition;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use sha2::{Digest as _, Sha256};

use super::client::{Context, client_config};
use super::start::Again;
use crate::health::HealthFlag;

/// The timeout for one request to the broker.
const PATIENCE: Duration = Duration::from_secs(10);

/// The consumer. Its calls block.
pub(super) struct Inspector(BaseConsumer<Context>);

impl Inspector {
    pub(super) fn new(kafka: &config::Kafka, watch: HealthFlag) -> anyhow::Result<Self> {
        let mut config = client_config(kafka)?;
        config
            .set("group.id", &kafka.group_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            // It needs one record of a partition, and what is fetched beside it is discarded.
            .set("fetch.message.max.bytes", "16384")
            .set("queued.max.messages.kbytes", "1024")
            .set("fetch.wait.max.ms", "100")
            // It is not polled between two inspections.
            .set("statistics.interval.ms", "0");
        Ok(Self(config.create_with_context(Context { watch })?))
    }

    /// The cluster's id; empty when it has none. `topic` is any that may be requested.
    pub(super) fn cluster(&self, topic: &str) -> anyhow::Result<String> {
        self.0.fetch_metadata(Some(topic), PATIENCE).context("asking for the cluster")?;
        Ok(self.0.client().fetch_cluster_id(PATIENCE).unwrap_or_default())
    }

    /// The partitions of a topic; none if it does not exist.
    pub(super) fn partitions(&self, topic: &str) -> anyhow::Result<Vec<i32>> {
        let metadata = self.0.fetch_metadata(Some(topic), PATIENCE).with_context(|| topic.to_owned())?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok(found
            .map(|found| found.partitions().iter().map(MetadataPartition::id).collect())
            .unwrap_or_default())
    }

    /// The group's committed offsets of partitions of a topic; those without an offset are absent.
    pub(super) fn committed(&self, topic: &str, partitions: &[i32]) -> anyhow::Result<BTreeMap<i32, i64>> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(topic, *partition);
        }
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let answer = self.0.committed_offsets(list, PATIENCE).context("asking for the group's offsets")?;
        let mut committed = BTreeMap::new();
        for element in answer.elements() {
            element
                .error()
                .with_context(|| format!("the group's offset of {topic}/{}", element.partition()))?;
            if let Offset::Offset(at) = element.offset() {
                committed.insert(element.partition(), at);
            }
        }
        Ok(committed)
    }

    /// The first offset of a partition and the one after its last record.
    pub(super) fn watermarks(&self, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
        let found = self.0.fetch_watermarks(topic, partition, PATIENCE);
        found.with_context(|| format!("asking for the ends of {topic}/{partition}"))
    }

    /// Reads the records at these offsets, by partition of one topic.
    pub(super) fn read_again(
        &self,
        topic: &str,
        offsets: &BTreeMap<i32, i64>,
    ) -> anyhow::Result<BTreeMap<i32, Again>> {
        if offsets.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, at) in offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*at))?;
        }
        self.0.assign(&list)?;
        let read = self.first_records(topic, offsets);
        self.0.unassign()?;
        read
    }

    fn first_records(
        &self,
        topic: &str,
        offsets: &BTreeMap<i32, i64>,
    ) -> anyhow::Result<BTreeMap<i32, Again>> {
        let end = Instant::now() + PATIENCE;
        let mut read = BTreeMap::new();
        while read.len() < offsets.len() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the last records of {topic} could not be read again in time");
            }
            match self.0.poll(left) {
                Some(Ok(message)) if message.topic() == topic => {
                    let Some(wanted) = offsets.get(&message.partition()) else { continue };
                    let there = message.offset() == *wanted;
                    let again = if there { Again::Record(recognise(&message)) } else { Again::Gone };
                    // The first record of a partition is the one at its offset, or there is none.
                    read.entry(message.partition()).or_insert(again);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) if offsets.contains_key(&partition) => {
                    read.entry(partition).or_insert(Again::Gone);
                }
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) | None => {}
                // Each failed try to reach a broker has left an error, and nothing polls between two inspections: they
                // say nothing about the current state.
                Some(Err(KafkaError::MessageConsumption(code))) if is_of_a_connection(code) => {}
                Some(Err(error)) => return Err(anyhow!(error).context(format!("reading {topic} again"))),
            }
        }
        Ok(read)
    }
}

/// Whether an error is about a connection, which librdkafka restores by itself.
fn is_of_a_connection(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    matches!(code, AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve)
}

/// The fingerprint of a record.
pub(super) fn recognise(message: &impl Message) -> Mark {
    Mark {
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        hash: fingerprint(message.key(), message.payload()),
    }
}

/// Of key and value. An absent part differs from an empty one.
pub(super) fn fingerprint(key: Option<&[u8]>, value: Option<&[u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [key, value] {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().into()
}

/// Runs in its own thread: the process waits for tokio's blocking threads when it ends.
pub(super) async fn ask<T: Send + 'static>(
    inspector: &Arc<Inspector>,
    question: impl FnOnce(&Inspector) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let inspector = Arc::clone(inspector);
    std::thread::Builder::new()
        .name("kafka-look".into())
        .spawn(move || drop(answer.send(question(&inspector))))
        .context("cannot start a thread")?;
    answered.await.context("the look at Kafka ended early")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_key_from_value_and_nothing_from_empty() {
        let parts: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"a"), Some(b"ab")];
        let mut all = std::collections::HashSet::new();
        for key in parts {
            for value in parts {
                assert!(all.insert(fingerprint(key, value)), "{key:?} {value:?}");
            }
        }
        assert_eq!(fingerprint(Some(b"k"), Some(b"v")), fingerprint(Some(b"k"), Some(b"v")));
    }
}
