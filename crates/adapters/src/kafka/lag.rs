//! How far the group member is behind the partitions that it reads, as librdkafka's statistics have it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use fulfillment_pipeline::ports::PartitionLag;
use rdkafka::statistics::Statistics;

/// The lag of a member; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lags(Arc<Mutex<BTreeSet<PartitionLag>>>);

impl Lags {
    /// Takes the newest statistics.
    pub(super) fn take(&self, statistics: &Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| {
            let partitions = topic.partitions.values().filter(|partition| partition.desired);
            partitions.filter_map(|partition| {
                // Unknown until the group has committed an offset of it.
                let messages = u64::try_from(partition.consumer_lag).ok()?;
                Some(PartitionLag { topic: topic.topic.clone(), partition: partition.partition, messages })
            })
        });
        let newest: BTreeSet<_> = partitions.collect();
        let former = std::mem::replace(&mut *self.lock(), newest.clone());
        // Another member reads it now, and has a gauge of its own.
        let is_read = |former: &PartitionLag| {
            newest.iter().any(|lag| lag.topic == former.topic && lag.partition == former.partition)
        };
        for gone in former.iter().filter(|former| !is_read(former)) {
            gauge(gone, 0);
        }
        for lag in &newest {
            gauge(lag, lag.messages);
        }
    }

    /// By topic and partition.
    pub(super) fn list(&self) -> Vec<PartitionLag> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<PartitionLag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts stay far below 2^52")]
fn gauge(of: &PartitionLag, messages: u64) {
    let (topic, partition) = (of.topic.clone(), of.partition.to_string());
    metrics::gauge!("fulfillment_kafka_lag_messages", "topic" => topic, "partition" => partition)
        .set(messages as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(partitions: &[(i32, bool, i64)]) -> Statistics {
        let mut statistics = Statistics::default();
        let topic = statistics.topics.entry("paid".to_owned()).or_default();
        topic.topic = "paid".to_owned();
        for (number, desired, lag) in partitions {
            let partition = topic.partitions.entry(*number).or_default();
            (partition.partition, partition.desired, partition.consumer_lag) = (*number, *desired, *lag);
        }
        statistics
    }

    #[test]
    fn only_partitions_that_are_read_and_known_have_a_lag() {
        let lags = Lags::default();
        lags.take(&statistics(&[(1, true, 7), (0, true, 0), (2, true, -1), (3, false, 9), (-1, false, -1)]));
        let seen: Vec<_> = lags.list().into_iter().map(|lag| (lag.partition, lag.messages)).collect();
        assert_eq!(seen, [(0, 0), (1, 7)]);
        lags.take(&statistics(&[(0, true, 2)]));
        assert_eq!(lags.list().len(), 1, "partition 1 went to another member");
    }
}
