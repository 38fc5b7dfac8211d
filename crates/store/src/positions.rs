//! Where reading from Kafka got to.

use async_trait::async_trait;

use crate::Result;

/// A partition of a topic, as one consumer group reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The cluster's id, by its own account; empty when it has none.
    pub cluster: String,
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub number: i32,
}

/// A record that was read, by which its topic is recognised: one that was made anew has another in its place.
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
    /// Which.
    pub partition: Partition,
    /// Counts up whenever the partition is read from another place on purpose: its topic was made anew, or somebody
    /// skipped a part of it.
    pub epoch: i64,
    /// The offset to go on from.
    pub next: i64,
    /// A record before it: not the last one, which may be the first of another topic, but one that was found in its
    /// place since. None when nothing was read in this epoch.
    pub mark: Option<Mark>,
}

/// Positions, kept beside what was read: the broker's offsets outlive a store that is restored.
#[async_trait]
pub trait Positions: Send + Sync {
    /// All positions of a group in a cluster.
    async fn positions(&self, cluster: &str, group: &str) -> Result<Vec<Position>>;

    /// Moves positions forward. One of an earlier epoch than the one on record changes nothing, nor does one that is
    /// not further in the same epoch: a former owner's late batch moves nothing back. A later epoch always counts.
    ///
    /// The same is done within [`crate::Inbox::ingest_read`].
    async fn advance(&self, positions: &[Position]) -> Result<()>;

    /// Whether the store is from before positions were kept: it has payments from before its schema had them, and no
    /// position at all.
    async fn predates_positions(&self) -> Result<bool>;

    /// Writes the first positions of a store that [`Positions::predates_positions`]. Answers false, and writes nothing,
    /// when there is any by now.
    async fn adopt_positions(&self, positions: &[Position]) -> Result<bool>;
}
