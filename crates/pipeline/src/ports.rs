//! Traits for what the pipeline needs from outside (ports). `fulfillment-adapters` implements them.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_domain::{Delivered, Failure, OrderId, TicketId};
use fulfillment_store::{Delivery, DeliveryOutcome, Incoming, IngestOutcome, Position, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The Ordering service, which knows what was bought.
#[async_trait]
pub trait Ordering: Send + Sync {
    /// The answer's body, unparsed. A 404 is a transient failure here; the pipeline applies the grace period.
    async fn order(&self, id: OrderId, traceparent: Option<&str>) -> Result<Bytes, OrderingError>;

    /// Whether it can be asked now, judged by the last requests.
    fn availability(&self) -> Availability {
        Availability::Free
    }
}

/// Whether a service can be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It works, as far as is known.
    Free,
    /// It did not work, and one request may find out whether it works again.
    Probe,
    /// It does not work, and is not asked for this long.
    Paused(Duration),
}

/// Why Ordering did not answer with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderingError {
    /// 404: it does not know the order, or does not know it yet.
    Unknown,
    /// Anything else.
    Failed(Failure),
}

/// The Identity service, which turns a user id into an e-mail address.
#[async_trait]
pub trait Identity: Send + Sync {
    /// The address; `None` when Identity does not know the user.
    async fn email(&self, user_id: &str) -> Result<Option<String>, Failure>;
}

/// A file to be stored.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its name: `{ticketId}.pdf`.
    pub name: String,
    /// Its content.
    pub content: Bytes,
}

/// Why the storage did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// It failed or cannot be reached; trying again may help.
    #[error("the file storage: {0}")]
    Trouble(String),
    /// Its marker was not written by this service: an operator has to look.
    #[error("the file storage: {0}")]
    BadMarker(String),
    /// It has a file of this name with other content, which is not overwritten by [`Files::put`].
    #[error("the file storage: {what} exists with other content")]
    OtherContent {
        /// Which file.
        what: String,
        /// The version that is there, as the storage identifies it; for [`Files::replace`].
        version: Option<String>,
    },
}

/// Where ticket files are kept.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores files so that they survive a power cut once this returns, and answers in their order. Each appears under
    /// its name whole or not at all. A file that is there with the same content counts as stored; one with other
    /// content is kept, and is [`FilesError::OtherContent`].
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<(), FilesError>>;

    /// Stores a file under a free name. A file that is there with the same content counts as stored; one with other
    /// content is kept, and is [`FilesError::OtherContent`].
    async fn create(&self, file: NewFile) -> Result<(), FilesError>;

    /// Replaces a file that [`Files::put`] found with other content, if it is still that version.
    async fn replace(&self, file: NewFile, version: Option<String>) -> Result<(), FilesError>;

    /// The content; `None` when there is no such file, an error when the storage cannot be asked.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, FilesError>;

    /// Removes files for good; those that do not exist count as removed.
    async fn remove(&self, names: &[String]) -> Result<(), FilesError>;

    /// The marker that names this storage, if it has one.
    async fn marker(&self) -> Result<Option<Uuid>, FilesError>;

    /// Writes the marker into a storage that has none; an existing one is kept.
    async fn mark(&self, marker: Uuid) -> Result<(), FilesError>;

    /// Removes temporary files of an earlier run: this process's own, and any older than `age`. Answers how many.
    async fn sweep(&self, age: Duration) -> Result<u64, FilesError>;

    /// The location for people: `file:///app/data/tickets`, `s3://bucket/prefix`.
    fn describe(&self) -> String;

    /// Why the last write failed, if it did.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// A destination of events: Kafka, a webhook.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Its name in the store: `kafka`, `webhook:<name>`.
    fn name(&self) -> &str;

    /// The largest batch it takes: what it can deliver within this lease.
    fn batch(&self, _lease: Duration) -> usize {
        500
    }

    /// Delivers a batch and answers for each event by its outbox id. An event of a ticket is sent only after the
    /// earlier ones of the same ticket.
    async fn deliver(&self, batch: Vec<Delivery>) -> Vec<(i64, DeliveryOutcome)>;

    /// Whether it can be reached, judged by the last deliveries: what is wrong, or nothing.
    fn trouble(&self) -> Option<String>;
}

/// Takes messages from HTTP and commands into the inbox, and answers with the outcome of each, in one transaction.
#[async_trait]
pub trait Accept: Send + Sync {
    /// Returns after the commit, with one outcome per message, in their order.
    async fn accept(&self, batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError>;
}

/// Takes messages into the inbox from a source that remembers how far it was read: Kafka.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns true once the batch is committed, however long the store takes: then, and only then, its offsets may be
    /// committed. Returns false when the service stops before that. `reached`, how far the source has been read, is
    /// recorded in the same transaction. A batch may be empty.
    async fn accept(&self, batch: Vec<Incoming>, reached: Vec<Position>) -> bool;

    /// The same for Notification's messages that tickets were delivered to their holders.
    async fn delivered(&self, batch: Vec<Delivered>, reached: Vec<Position>) -> bool;
}

/// Takes requests to draw a missing file again.
pub trait Heal: Send + Sync {
    /// Queues the request and returns immediately.
    fn heal(&self, id: TicketId);
}

/// How far a consumer is behind a partition that it reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Messages that are there and not recorded yet.
    pub messages: u64,
}

/// How far this process is behind the partitions that it reads.
pub trait Lag: Send + Sync {
    /// By topic and partition; empty while nothing is read.
    fn lag(&self) -> Vec<PartitionLag>;
}
