//! What the pipeline needs from outside, as it sees it. `fulfillment-adapters` has what stands behind.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fulfillment_domain::{Delivered, Failure, OrderId, TicketId};
use fulfillment_store::{Delivery, DeliveryOutcome, Incoming, IngestOutcome, Position, StoreError};
use uuid::Uuid;

/// Ordering, which knows what was bought.
#[async_trait]
pub trait Ordering: Send + Sync {
    /// The answer's body, unread. A 404 is a transient failure here; the pipeline knows the grace period.
    async fn order(&self, id: OrderId, traceparent: Option<&str>) -> Result<Bytes, OrderingError>;
}

/// Why Ordering did not answer with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderingError {
    /// 404: it does not know the order, or not yet.
    Unknown,
    /// Anything else.
    Failed(Failure),
}

/// Identity, which turns a user id into an e-mail address.
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
    /// It cannot, or cannot be reached; worth another try.
    #[error("the file storage: {0}")]
    Trouble(String),
    /// Its marker cannot be one of ours: somebody has to look.
    #[error("the file storage: {0}")]
    BadMarker(String),
    /// It has a file of this name with other content, which is not overwritten by [`Files::put`].
    #[error("the file storage: {what} exists with other content")]
    OtherContent {
        /// Which file.
        what: String,
        /// What is there, as the storage tells versions apart; for [`Files::replace`].
        version: Option<String>,
    },
}

/// Where ticket files are kept.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores files so that they survive a power cut once this returns, answering in their order. Each
    /// appears under its name wholly or not at all. A file that is there with the same content is fine. One with
    /// other content is replaced by a folder, and is [`FilesError::OtherContent`] to an object store.
    async fn put(&self, files: Vec<NewFile>) -> Vec<Result<(), FilesError>>;

    /// Stores a file under a name that is free. One that is there with the same content is fine; another content stays
    /// and is [`FilesError::OtherContent`].
    async fn create(&self, file: NewFile) -> Result<(), FilesError>;

    /// Puts a file in the place of one that [`Files::put`] found with other content, if it is still that version.
    async fn replace(&self, file: NewFile, version: Option<String>) -> Result<(), FilesError>;

    /// The content; `None` when there is no such file, an error when that cannot be known.
    async fn get(&self, name: &str) -> Result<Option<Bytes>, FilesError>;

    /// Removes files for good; those that are not there are as good as removed.
    async fn remove(&self, names: &[String]) -> Result<(), FilesError>;

    /// The marker that names this storage, if it has one.
    async fn marker(&self) -> Result<Option<Uuid>, FilesError>;

    /// Writes the marker into a storage that has none; one that is there stays.
    async fn mark(&self, marker: Uuid) -> Result<(), FilesError>;

    /// Removes temporary files of an earlier life: one's own, and anything older than `age`. Answers how many.
    async fn sweep(&self, age: Duration) -> Result<u64, FilesError>;

    /// For people: `file:///app/data/tickets`, `s3://bucket/prefix`.
    fn describe(&self) -> String;
}

/// Where events go: Kafka, a webhook.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Its name in the store: `kafka`, `webhook:<name>`.
    fn name(&self) -> &str;

    /// The most events it wants at once: what it can deliver well within this lease.
    fn batch(&self, _lease: Duration) -> usize {
        500
    }

    /// Delivers a batch; an event of a ticket goes out only after the earlier ones of the same ticket. Answers
    /// for each by its outbox id.
    async fn deliver(&self, batch: Vec<Delivery>) -> Vec<(i64, DeliveryOutcome)>;

    /// Whether it can be reached, as far as the last deliveries tell: what is wrong, or nothing.
    fn trouble(&self) -> Option<String>;
}

/// Takes messages and answers what became of each, in one transaction: for HTTP and commands.
#[async_trait]
pub trait Accept: Send + Sync {
    /// Returns after the commit, with one outcome a message, in their order.
    async fn accept(&self, batch: Vec<Incoming>) -> Result<Vec<IngestOutcome>, StoreError>;
}

/// Takes what a source brings that remembers how far it was read: Kafka.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns true once the batch is committed, however long the store takes: then, and only then, its
    /// offsets may be committed. False when the service stops before that. `reached` is recorded with it: how far the
    /// source has been read by then. A batch may be empty.
    async fn accept(&self, batch: Vec<Incoming>, reached: Vec<Position>) -> bool;

    /// The same of Notification's messages that tickets reached their holders.
    async fn delivered(&self, batch: Vec<Delivered>, reached: Vec<Position>) -> bool;
}

/// Draws a file again that went missing.
pub trait Heal: Send + Sync {
    /// Asks for it, and returns at once.
    fn heal(&self, id: TicketId);
}
