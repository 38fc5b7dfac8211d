//! What stands apart until somebody looks at it: messages that could not be taken, and parked orders.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Subject, words};
use jiff::Timestamp;

use crate::Result;

words! {
    /// Why a message was not taken.
    pub enum LetterKind: "kind of dead letter" {
        /// It cannot be read.
        Unreadable = "unreadable",
        /// It contradicts what is recorded under its key.
        Quarantined = "quarantined",
    }
}

words! {
    /// How a dead letter was closed.
    pub enum ClosedAs: "end of a dead letter" {
        /// It was taken at last.
        Replayed = "replayed",
        /// An operator put it aside.
        Dropped = "dropped",
    }
}

/// A message that was set apart, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRecord {
    /// Its row.
    pub id: i64,
    /// Why it was not taken.
    pub kind: LetterKind,
    /// What it claims to be.
    pub about: Subject,
    /// Of which order, where that could be read.
    pub order_id: Option<OrderId>,
    /// What is wrong with it; after a replay in vain, what was wrong then.
    pub reason: String,
    /// The field at fault.
    pub field: Option<String>,
    /// Where it came from: topic, partition and offset, or whoever brought it.
    pub source: String,
    /// The record's own time in milliseconds since 1970.
    pub source_timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The value, untouched.
    pub raw: Vec<u8>,
    /// Its headers, untouched.
    pub headers: Vec<(String, Vec<u8>)>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was replayed in vain.
    pub attempts: u32,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// How.
    pub closed_as: Option<ClosedAs>,
    /// What came of it, or why it was dropped.
    pub note: Option<String>,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It was taken this time; what came of it.
    Replayed(String),
    /// It will not be looked at again; why.
    Dropped(String),
    /// It could not be taken this time either; why.
    InVain(String),
}

/// An order that stands apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedOrder {
    /// Which.
    pub order_id: OrderId,
    /// Why.
    pub reason: Option<String>,
    /// Tries since it was last set going.
    pub attempts: u32,
    /// Since when.
    pub parked_at: Option<Timestamp>,
    /// When it is tried next, if it will be.
    pub next_attempt_at: Option<Timestamp>,
}

/// A message of an order as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// Where it came from.
    pub source: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The value; none once its time is over.
    pub raw: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What it was taken for: `accepted`, `already_paid`, `refund`, `cancellation`.
    pub outcome: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// Looking at what stands apart.
#[async_trait]
pub trait Letters: Send + Sync {
    /// Letters after row `after`, oldest first, up to `limit`; those that are closed too if `closed`.
    async fn dead_letters(&self, after: i64, closed: bool, limit: usize) -> Result<Vec<DeadLetterRecord>>;

    /// One letter.
    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetterRecord>>;

    /// Records what became of a letter. `false` when there is none or it is closed.
    async fn close_dead_letter(&self, id: i64, closing: &Closing) -> Result<bool>;

    /// Parked orders, longest parked first, up to `limit`.
    async fn parked_orders(&self, limit: usize) -> Result<Vec<ParkedOrder>>;

    /// Every message that was taken for an order, oldest first.
    async fn messages_of(&self, order: OrderId) -> Result<Vec<KeptMessage>>;

    /// Somebody has looked at an order that is parked because it was paid after its void: it is void again and shown
    /// no more. `false` when it is no such order.
    async fn acknowledge_late(&self, order: OrderId) -> Result<bool>;
}
