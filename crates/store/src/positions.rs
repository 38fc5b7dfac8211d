//! Kafka positions: how far each partition has been read.

use async_trait::async_trait;

use crate::Result;

/// A partition of a topic, as one consumer group reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The cluster's id, as it reports it; empty when it has none.
    pub cluster: String,
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub number: i32,
}

/// A record that was read, by which its topic is recognised: a recreated topic has another record at this offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970, where it has one.
    pub timestamp: Option<i64>,
    /// SHA-256 of its key and its value.
    pub hash: [u8; 32],
}

/// How far a partition has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// Incremented whenever the partition is deliberately read from another place: its topic was recreated, or an
    /// operator skipped a part of it.
    pub epoch: i64,
    /// The offset to continue from.
    pub next: i64,
    /// A record before it: not the last one, which may be the first of a recreated topic, but one that has been found
    /// in its place since. None when nothing was read in this epoch.
    pub mark: Option<Mark>,
}

/// Positions, stored together with what was read: if the store is restored, the broker's offsets are too far ahead.
#[async_trait]
pub trait Positions: Send + Sync {
    /// All positions of a group in a cluster.
    async fn positions(&self, cluster: &str, group: &str) -> Result<Vec<Position>>;

    /// Moves positions forward. A position of an earlier epoch than the recorded one changes nothing, nor does one that
    /// is not further in the same epoch: a former owner's late batch moves nothing back. A later epoch always counts.
    ///
    /// The same is done within [`crate::Inbox::ingest_read`].
    async fn advance(&self, positions: &[Position]) -> Result<()>;

    /// Whether the store's data is older than the recording of positions: it has payments from before its schema had
    /// them, and no position.
    async fn predates_positions(&self) -> Result<bool>;

    /// Writes the first positions of a store that [`Positions::predates_positions`]. Returns false, and writes nothing,
    /// when a position exists already.
    async fn adopt_positions(&self, positions: &[Position]) -> Result<bool>;
}
