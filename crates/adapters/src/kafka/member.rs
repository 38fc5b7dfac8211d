//! librdkafka's callbacks for a group member. An assignment is not taken immediately: the start of each partition is
//! determined first, and until it is taken librdkafka reads nothing of it.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::mpsc;
use tracing::warn;

use super::client::Context;
use super::lag::Lags;
use crate::health::HealthFlag;

/// A change of the assignment.
pub(super) enum Change {
    /// Partitions to be taken by [`take`]; librdkafka waits for that.
    Assigned(TopicPartitionList),
    /// Partitions that belong to another member from now on.
    Revoked(TopicPartitionList),
}

/// The context of a member.
pub(super) struct Member {
    client: Context,
    lags: Lags,
    changes: mpsc::UnboundedSender<Change>,
    /// Nothing takes assignments any more: they are accepted as they arrive, so that librdkafka can end.
    leaving: AtomicBool,
}

impl Member {
    pub(super) fn new(watch: HealthFlag, lags: Lags) -> (Self, mpsc::UnboundedReceiver<Change>) {
        let (changes, listener) = mpsc::unbounded_channel();
        (Self { client: Context { watch }, lags, changes, leaving: AtomicBool::new(false) }, listener)
    }

    /// From now on assignments are accepted as they arrive.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }
}

/// Takes assigned partitions, to be read from the offsets in the list.
pub(super) fn take<C: ConsumerContext>(
    consumer: &impl Consumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        _ => consumer.assign(partitions),
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.lags.take(&statistics);
        self.client.stats(statistics);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let done = if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let heard = !self.leaving.load(Ordering::SeqCst)
                && self.changes.send(Change::Assigned(partitions.clone())).is_ok();
            if heard { Ok(()) } else { take(consumer, partitions) }
        } else {
            // Immediately: nothing of them is read any further.
            let revoked = match consumer.rebalance_protocol() {
                RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
                _ => consumer.unassign(),
            };
            let _ = self.changes.send(Change::Revoked(partitions.clone()));
            revoked
        };
        if let Err(error) = done {
            warn!(%error, "partitions could not be assigned or released");
        }
    }
}
