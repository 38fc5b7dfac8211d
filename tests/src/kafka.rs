//! A Kafka client for tests: a producer, a reader from the start, topic administration and a group's offsets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::payment::Payment;
use crate::rig;

const PATIENCE: Duration = Duration::from_secs(30);

/// The rig's broker, with one producer for the test.
pub struct Kafka {
    brokers: String,
    producer: FutureProducer,
}

/// A message as read from its topic.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// The key as sent; every key of this platform is text.
    pub key: Option<String>,
    /// The headers as sent, in order; a header without a value counts as empty.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value as sent; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Message {
    /// The value, read as JSON.
    ///
    /// # Errors
    /// It has no value, or the value is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(self.value.as_deref().context("the message has no value")?)
            .context("the message's value")
    }

    /// The text of the first header with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

impl Kafka {
    /// Connects to the rig's broker.
    ///
    /// # Errors
    /// The rig is not running.
    pub fn connect() -> Result<Self> {
        Self::at(rig::kafka()?)
    }

    /// Connects to a broker.
    ///
    /// # Errors
    /// The client refuses its settings.
    pub fn at(brokers: String) -> Result<Self> {
        let producer = config(&brokers)
            .set("linger.ms", "2")
            // If the client refused an oversized message, it would never reach the service that has to handle it.
            .set("message.max.bytes", "16000000")
            .create()?;
        Ok(Self { brokers, producer })
    }

    /// The value for `FULFILLMENT_KAFKA_BROKERS`.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Creates a topic with a unique name, `prefix-…`, and returns the name.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn topic(&self, prefix: &str, partitions: i32) -> Result<String> {
        let name = rig::unique(prefix);
        self.create_topic(&name, partitions, &[]).await?;
        Ok(name)
    }

    /// Creates a topic with this name and settings such as `("max.message.bytes", "5000000")`.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<()> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        for result in self.admin()?.create_topics([&topic], &options()).await? {
            result.map_err(|(name, code)| anyhow!("creating topic {name}: {code}"))?;
        }
        Ok(())
    }

    /// Deletes a topic; one of the same name may be created a moment later.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        for result in self.admin()?.delete_topics(&[name], &options()).await? {
            result.map_err(|(name, code)| anyhow!("deleting topic {name}: {code}"))?;
        }
        Ok(())
    }

    /// Adds partitions to a topic, up to this total.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn add_partitions(&self, topic: &str, in_all: usize) -> Result<()> {
        let more = NewPartitions::new(topic, in_all);
        for result in self.admin()?.create_partitions([&more], &options()).await? {
            result.map_err(|(name, code)| anyhow!("adding partitions to {name}: {code}"))?;
        }
        Ok(())
    }

    /// Commits offsets for a group that has no members, as `kafka-consumer-groups --reset-offsets` does.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn commit(&self, group: &str, topic: &str, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        let (topic, offsets) = (topic.to_owned(), offsets.clone());
        self.blocking(group, move |consumer| {
            let mut list = TopicPartitionList::new();
            for (id, at) in &offsets {
                list.add_partition_offset(&topic, *id, Offset::Offset(*at))?;
            }
            Ok(consumer.commit(&list, CommitMode::Sync)?)
        })
        .await
    }

    /// Deletes a partition's messages before `offset`, as retention does: offsets committed there have expired.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn drop_before(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        let done = self.admin()?.delete_records(&list, &options()).await?;
        for element in done.elements() {
            element.error().with_context(|| format!("dropping records of {topic}"))?;
        }
        Ok(())
    }

    /// Sends a payment as its producer does: the order's id is the key. Returns partition and offset.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn pay(&self, topic: &str, payment: &Payment) -> Result<(i32, i64)> {
        self.send(topic, Some(&payment.order_id.to_string()), &[], Some(payment.json().as_bytes())).await
    }

    /// Sends any message and waits until the broker acknowledges it. Returns partition and offset.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn send(
        &self,
        topic: &str,
        key: Option<&str>,
        headers: &[(&str, &str)],
        value: Option<&[u8]>,
    ) -> Result<(i32, i64)> {
        let mut all = OwnedHeaders::new_with_capacity(headers.len());
        for (key, value) in headers {
            all = all.insert(Header { key, value: Some(*value) });
        }
        let mut record: FutureRecord<'_, str, [u8]> = FutureRecord::to(topic).headers(all);
        record.key = key;
        record.payload = value;
        match self.producer.send(record, PATIENCE).await {
            Ok(delivery) => Ok((delivery.partition, delivery.offset)),
            Err((error, _)) => Err(error).with_context(|| format!("sending to {topic}")),
        }
    }

    /// Reads all partitions of a topic from the start until `enough` returns true, in the order of arrival here.
    ///
    /// # Errors
    /// `limit` passed first; the error contains the number of messages.
    pub async fn read(
        &self,
        topic: &str,
        limit: Duration,
        mut enough: impl FnMut(&[Message]) -> bool,
    ) -> Result<Vec<Message>> {
        let consumer = self.reader(topic).await?;
        let end = Instant::now() + limit;
        let mut messages = Vec::new();
        while !enough(&messages) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(next) = tokio::time::timeout(left, consumer.recv()).await else {
                bail!("{topic}: {} messages within {limit:?} are not what was waited for", messages.len());
            };
            messages.push(owned(&next?));
        }
        Ok(messages)
    }

    /// All messages that are in a topic now; an unknown topic is empty.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn all(&self, topic: &str) -> Result<Vec<Message>> {
        let end = self.ends(topic).await?;
        let filled: BTreeMap<i32, i64> =
            end.into_iter().filter(|(_, (low, high))| high > low).map(|(id, (_, high))| (id, high)).collect();
        self.read(topic, PATIENCE, |messages| {
            filled.iter().all(|(id, high)| {
                messages.iter().any(|message| message.partition == *id && message.offset + 1 >= *high)
            })
        })
        .await
    }

    /// The first offset and the one after the last, of each partition.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn ends(&self, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>> {
        let topic = topic.to_owned();
        self.blocking(&rig::unique("look"), move |consumer| {
            let mut ends = BTreeMap::new();
            for id in partitions(consumer, &topic)? {
                ends.insert(id, consumer.fetch_watermarks(&topic, id, PATIENCE)?);
            }
            Ok(ends)
        })
        .await
    }

    /// The offsets that a group has committed, by partition; those without a commit are absent.
    ///
    /// # Errors
    /// The broker's error.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let topic = topic.to_owned();
        self.blocking(group, move |consumer| {
            let mut list = TopicPartitionList::new();
            for id in partitions(consumer, &topic)? {
                list.add_partition(&topic, id);
            }
            let answer = consumer.committed_offsets(list, PATIENCE)?;
            Ok(answer
                .elements()
                .iter()
                .filter_map(|element| {
                    Some((element.partition(), element.offset().to_raw().filter(|at| *at >= 0)?))
                })
                .collect())
        })
        .await
    }

    async fn reader(&self, topic: &str) -> Result<StreamConsumer> {
        let topic = topic.to_owned();
        let brokers = self.brokers.clone();
        tokio::task::spawn_blocking(move || {
            let consumer = stream(&brokers, &rig::unique("reader"))?;
            let mut list = TopicPartitionList::new();
            for id in partitions(&consumer, &topic)? {
                list.add_partition_offset(&topic, id, Offset::Beginning)?;
            }
            consumer.assign(&list)?;
            Ok(consumer)
        })
        .await?
    }

    /// Runs the client's blocking requests on a separate thread.
    async fn blocking<T: Send + 'static>(
        &self,
        group: &str,
        ask: impl FnOnce(&StreamConsumer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (brokers, group) = (self.brokers.clone(), group.to_owned());
        tokio::task::spawn_blocking(move || ask(&stream(&brokers, &group)?)).await?
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(config(&self.brokers).create()?)
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("broker.address.family", "v4");
    config
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// A consumer that commits nothing and does not join the `group` whose offsets it reads.
fn stream(brokers: &str, group: &str) -> Result<StreamConsumer> {
    Ok(config(brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("allow.auto.create.topics", "false")
        .set("fetch.wait.max.ms", "20")
        .create()?)
}

fn partitions(consumer: &StreamConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let topic = metadata.topics().first().context("the broker answered no topic")?;
    Ok(topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
            .collect()
    });
    Message {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(|key| String::from_utf8_lossy(key).into_owned()),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
    }
}
