//! The read loop of one consumer: from messages to batches, from batches to the store, from the store to the group's
//! offsets.
//!
//! While batches are being stored the next one is read; the offsets of a batch are passed to librdkafka once it and all
//! before it are stored and its positions are on record, never before. They are committed immediately, and again by
//! librdkafka until it succeeds: a commit fails during a rebalance, and there may be no later message whose commit
//! would make up for it.
//!
//! The group sees that a member is alive by its heartbeats (librdkafka's own thread) and by its polls, which must not
//! stop for `max.poll.interval.ms`. A batch waits for an unreachable store as long as it takes. So, once a batch has
//! waited a while and the next one is full, the partitions are paused and polling continues: no messages arrive, the
//! member stays in the group, and memory holds three batches and librdkafka's queue.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fulfillment_config as config;
use fulfillment_domain::{Clock, Subject};
use fulfillment_pipeline::ports::Sink;
use fulfillment_store::{Partition, step};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use rdkafka::Message as _;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::batch::{About, Batch};
use super::hand::{Hands, Reached};
use super::member::{self, Change, Member};
use super::positions::{Anew, Begin, Looked, Placing};
use crate::health::HealthFlag;

/// The maximum number of batches being stored: while one is being committed the next one is written. They share no
/// order and no event, so that the messages of each are stored in their order.
const AT_ONCE: usize = 2;
/// How often the last records are checked.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How soon they are checked after an error of a topic, and again as long as the check fails.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// The timeout for a seek in librdkafka.
const SEEK: Duration = Duration::from_secs(5);
/// How long a batch may wait for the store before the partitions are paused.
const PATIENCE: Duration = Duration::from_secs(5);

/// A batch that is being stored.
struct Storing {
    about: HashSet<About>,
    /// The partitions it has messages of.
    partitions: BTreeSet<Partition>,
    /// The positions recorded with it, and those stored with it and not recorded yet.
    recorded: Vec<Reached>,
    later: Vec<Reached>,
    /// Whether it was stored.
    stored: JoinHandle<bool>,
}

/// What all consumers of a process share.
pub(super) struct Reads {
    pub(super) kafka: config::Kafka,
    /// Larger messages are passed on as unreadable.
    pub(super) max_message: usize,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether messages may be read.
    pub(super) reading: HealthFlag,
}

/// Why the loop of a consumer ends.
pub(super) enum End {
    /// It was stopped.
    Stopped,
    /// It is broken, and another consumer may continue.
    Broken(String),
}

/// The state of one consumer's loop.
pub(super) struct Reader<'a> {
    reads: &'a Reads,
    consumer: &'a StreamConsumer<Member>,
    sink: &'a Arc<dyn Sink>,
    placing: Placing,
    hands: Hands,
    changes: UnboundedReceiver<Change>,
    /// Assignments that librdkafka waits to have taken, and their start positions once known.
    assigned: Option<TopicPartitionList>,
    beginning: Option<BoxFuture<'static, Vec<Begin>>>,
    /// The running check of assigned partitions, and when the next one is due.
    looking: Option<BoxFuture<'static, Looked>>,
    look_at: Instant,
    /// Whether the last check failed.
    blind: bool,
    /// Whether a missing topic was logged.
    said_missing: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        reads: &'a Reads,
        consumer: &'a StreamConsumer<Member>,
        sink: &'a Arc<dyn Sink>,
        placing: Placing,
        changes: UnboundedReceiver<Change>,
    ) -> Self {
        Self {
            reads,
            consumer,
            sink,
            placing,
            hands: Hands::default(),
            changes,
            assigned: None,
            beginning: None,
            looking: None,
            look_at: Instant::now() + LOOK_EVERY,
            blind: false,
            said_missing: false,
        }
    }

    /// Reads until `stop`, or until the consumer is broken.
    pub(super) async fn read(&mut self, stop: &CancellationToken) -> End {
        let consumer = self.consumer;
        let mut messages = consumer.stream();
        let mut next = Batch::default();
        let mut storing: VecDeque<Storing> = VecDeque::new();
        let mut paused = false;
        // When the batch that is being filled is sent off, and when the one being stored has taken too long.
        let (mut due, mut late) = (Instant::now(), Instant::now());
        loop {
            let full = next.is_full(self.reads.kafka.batch);
            let free =
                storing.len() < AT_ONCE && storing.iter().all(|batch| batch.about.is_disjoint(&next.about));
            let owed = storing.is_empty() && next.is_empty() && self.hands.owes();
            if owed || (free && (full || (!next.is_empty() && Instant::now() >= due))) {
                let batch = self.store(std::mem::take(&mut next), &storing);
                storing.push_back(batch);
                late = Instant::now() + PATIENCE;
                continue;
            }
            let look = self.looking.is_none() && self.beginning.is_none() && !self.hands.is_empty();
            let look_at = self.look_at;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                stored = first(&mut storing) => {
                    let batch = storing.pop_front();
                    match stored {
                        Ok(true) => if let Some(batch) = batch { self.stored(batch) },
                        Ok(false) => return End::Stopped,
                        Err(_) => return End::Broken("the task that stores messages ended early".into()),
                    }
                    if paused {
                        paused = false;
                        info!("the store is available again; reading from Kafka continues");
                        self.flow(true);
                    }
                }
                Some(change) = self.changes.recv() => self.change(change),
                begun = outcome(&mut self.beginning) => {
                    if let Err(error) = self.begin(begun) {
                        return End::Broken(format!("partitions cannot be taken: {error}"));
                    }
                    if paused {
                        self.flow(false);
                    }
                }
                looked = outcome(&mut self.looking) => {
                    if let Err(error) = self.looked(looked) {
                        return End::Broken(format!("cannot read a topic from its start: {error}"));
                    }
                }
                () = sleep_until(look_at), if look => {
                    self.looking = Some(Box::pin(self.placing.clone().check(self.hands.held())));
                }
                () = sleep_until(due), if free && !next.is_empty() => {}
                () = sleep_until(late), if !free && full && !paused => {
                    paused = true;
                    warn!("storing messages takes long; reading from Kafka is paused");
                    self.flow(false);
                }
                message = messages.next(), if !full || paused => match message {
                    Some(Ok(message)) => {
                        self.reads.reading.clear();
                        if next.is_empty() {
                            due = Instant::now() + self.reads.kafka.batch_wait;
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
        // Messages that are read and not being stored are read again by the next consumer.
        while let Some(batch) = storing.front_mut() {
            if !matches!((&mut batch.stored).await, Ok(true)) {
                return End::Stopped;
            }
            if let Some(batch) = storing.pop_front() {
                self.stored(batch);
            }
        }
        if self.hands.owes() {
            let mut batch = self.store(Batch::default(), &storing);
            if matches!((&mut batch.stored).await, Ok(true)) {
                self.stored(batch);
            }
        }
        End::Stopped
    }

    /// Handles a change of the assignment.
    fn change(&mut self, change: Change) {
        match change {
            Change::Assigned(partitions) => {
                let names = names(&partitions);
                let reading = self.reads.reading.clone();
                let trouble = move |reason| reading.set_trouble(reason);
                self.assigned = Some(partitions);
                self.beginning = Some(Box::pin(self.placing.clone().begin(names, trouble)));
            }
            Change::Revoked(partitions) => {
                for (topic, partition) in names(&partitions) {
                    self.hands.end(&topic, partition);
                }
            }
        }
    }

    /// Takes the assigned partitions, each from its start position.
    fn begin(&mut self, begun: Vec<Begin>) -> KafkaResult<()> {
        self.beginning = None;
        let Some(mut partitions) = self.assigned.take() else { return Ok(()) };
        for begin in begun {
            let Partition { topic, number, .. } = &begin.partition;
            partitions.set_partition_offset(topic, *number, Offset::Offset(begin.at))?;
            self.hands.begin(begin);
        }
        self.reads.reading.clear();
        member::take(self.consumer, &partitions)
    }

    /// Seeks to the start of partitions whose topics were created again.
    fn looked(&mut self, Looked { anew, same, trouble }: Looked) -> KafkaResult<()> {
        self.looking = None;
        self.look_at = Instant::now() + if trouble.is_some() { LOOK_SOON } else { LOOK_EVERY };
        let blind = std::mem::replace(&mut self.blind, trouble.is_some());
        if let Some(reason) = trouble {
            if blind {
                debug!(reason, "the last records still cannot be re-read");
            } else {
                warn!(
                    reason,
                    "cannot re-read the last records to check whether a topic was created again; retrying"
                );
            }
        }
        for held in &same {
            self.hands.confirm(held);
        }
        let mut back = TopicPartitionList::new();
        for Anew { partition, life, epoch, at } in anew {
            let Partition { topic, number, .. } = &partition;
            if self.hands.renew(topic, *number, life, epoch, at) {
                back.add_partition_offset(topic, *number, Offset::Offset(at))?;
            }
        }
        if back.count() > 0 {
            for element in self.consumer.seek_partitions(back, SEEK)?.elements() {
                element.error()?;
            }
        }
        Ok(())
    }

    fn take(&mut self, next: &mut Batch, message: &BorrowedMessage<'_>) {
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        let Some(reading) = self.hands.read(topic, partition, offset) else {
            debug!(topic, partition, offset, "ignored a message of a partition that was reassigned");
            return;
        };
        if reading.went_back {
            warn!(
                topic,
                partition, offset, "the broker's offsets went back: the topic was created again or truncated"
            );
        }
        let (kafka, max, now) = (&self.reads.kafka, self.reads.max_message, self.reads.clock.now());
        let subject = if topic == kafka.payment_topic {
            Subject::Payment
        } else if topic == kafka.refunded_topic {
            Subject::Refund
        } else if topic == kafka.cancelled_topic {
            Subject::Cancellation
        } else if kafka.event_changed_topic.as_deref() == Some(topic) {
            Subject::EventChange
        } else {
            return next.add_delivered(message, reading);
        };
        next.add_message(message, subject, reading, max, now);
    }

    /// Runs in its own task, so that the store's answer does not wait for the next message, nor the other way round.
    /// The positions are recorded with the last part: everything else is stored by then.
    fn store(&mut self, mut batch: Batch, before: &VecDeque<Storing>) -> Storing {
        let about = std::mem::take(&mut batch.about);
        let mut reached = Vec::new();
        for (topic, ends) in std::mem::take(&mut batch.ends) {
            for (number, end) in ends {
                // A partition that is not assigned any more belongs to another member, which reads the same messages
                // again.
                if let Some(partition) = self.hands.partition(&topic, number).cloned() {
                    let (life, epoch) = (end.reading.life, end.reading.epoch);
                    reached.push(Reached { partition, life, epoch, next: end.next, mark: end.last() });
                }
            }
        }
        let partitions = reached.iter().map(|it| it.partition.clone()).collect();
        let on_its_way = |partition: &Partition| before.iter().any(|it| it.partitions.contains(partition));
        let (recorded, later) = self.hands.go_off(reached, on_its_way);
        let positions: Vec<_> = recorded.iter().map(Reached::position).collect();
        let sink = Arc::clone(self.sink);
        let stored = tokio::spawn(async move {
            let Batch { messages, delivered, .. } = batch;
            if delivered.is_empty() {
                return sink.accept(messages, positions).await;
            }
            (messages.is_empty() || sink.accept(messages, Vec::new()).await)
                && sink.delivered(delivered, positions).await
        });
        Storing { about, partitions, recorded, later, stored }
    }

    /// A batch and all before it are stored. Its offsets are committed without waiting for the answer; only the last
    /// commit, at the end, waits.
    fn stored(&mut self, batch: Storing) {
        self.hands.owe(batch.later);
        let mut given = TopicPartitionList::with_capacity(batch.recorded.len());
        for reached in &batch.recorded {
            // From an earlier assignment: its offset may not fit the current topic.
            if !self.hands.is_current(reached) {
                continue;
            }
            let Partition { topic, number, .. } = &reached.partition;
            let mut one = TopicPartitionList::with_capacity(1);
            let stored = one
                .add_partition_offset(topic, *number, Offset::Offset(reached.next))
                .and_then(|()| self.consumer.store_offsets(&one))
                .and_then(|()| given.add_partition_offset(topic, *number, Offset::Offset(reached.next)));
            // Partitions that belong to another member are committed by that one: librdkafka refuses them.
            if let Err(error) = stored {
                debug!(%error, topic, partition = number, "a partition of a batch was reassigned");
            }
        }
        // Committed explicitly: by itself librdkafka commits no offset below the previous one, as after a topic was
        // created again.
        if given.count() > 0
            && let Err(error) = self.consumer.commit(&given, CommitMode::Async)
        {
            debug!(%error, "offsets could not be committed yet");
        }
        step!("after-offset-commit");
    }

    /// Ends the loop. Returns assignments that were not taken, for which librdkafka waits before it ends, and what
    /// takes a while to drop.
    /// takes a while to be dropped.
    pub(super) fn end(mut self) -> (Vec<TopicPartitionList>, Placing) {
        self.consumer.context().leave();
        let mut untaken: Vec<_> = self.assigned.take().into_iter().collect();
        while let Ok(change) = self.changes.try_recv() {
            if let Change::Assigned(partitions) = change {
                untaken.push(partitions);
            }
        }
        (untaken, self.placing)
    }

    /// Pauses or resumes all partitions.
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
        // Whatever the error is, the topic may have been created again.
        self.look_at = self.look_at.min(Instant::now() + LOOK_SOON);
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
            ) => self.reads.reading.set_trouble(format!("Kafka lets this user not read: {error}")),
            _ => warn!(%error, "reading from Kafka failed; retrying"),
        }
        None
    }
}

/// The result of the first batch being stored; never ready when there is none.
async fn first(storing: &mut VecDeque<Storing>) -> Result<bool, tokio::task::JoinError> {
    match storing.front_mut() {
        Some(storing) => (&mut storing.stored).await,
        None => std::future::pending().await,
    }
}

/// The result of the running task; never ready when there is none.
async fn outcome<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

fn names(partitions: &TopicPartitionList) -> Vec<(String, i32)> {
    partitions.elements().iter().map(|it| (it.topic().to_owned(), it.partition())).collect()
}
