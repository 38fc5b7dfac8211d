//! Dead letters and parked orders: items awaiting an operator.

use async_trait::async_trait;
use fulfillment_domain::{OrderId, Subject, words};
use jiff::Timestamp;

use crate::{Actor, Result};

words! {
    /// Why a message was not accepted.
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
        /// It was accepted by a replay.
        Replayed = "replayed",
        /// An operator dropped it.
        Dropped = "dropped",
    }
}

/// A dead letter: what is recorded of a message that was not accepted, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRecord {
    /// Its row's id.
    pub id: i64,
    /// Why it was not accepted.
    pub kind: LetterKind,
    /// What it claims to be, by its topic or route.
    pub about: Subject,
    /// Its order, where that could be read.
    pub order_id: Option<OrderId>,
    /// What is wrong with it; after a failed replay, what was wrong then.
    pub reason: String,
    /// The field at fault.
    pub field: Option<String>,
    /// Its source: topic, partition and offset, or the caller, file or command.
    pub source: String,
    /// The record's own time in milliseconds since 1970.
    pub source_timestamp: Option<i64>,
    /// The size of its value.
    pub bytes: u64,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The number of failed replays.
    pub attempts: u32,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// How it was closed.
    pub closed_as: Option<ClosedAs>,
    /// The outcome of its replay, or why it was dropped.
    pub note: Option<String>,
}

/// A dead letter with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeDeadLetter {
    /// What is recorded of it.
    pub record: DeadLetterRecord,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The value, unchanged.
    pub raw: Vec<u8>,
    /// Its headers, unchanged.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// The outcome for a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// It was accepted this time, with this outcome.
    Replayed(String),
    /// It was dropped, for this reason.
    Dropped(String),
    /// It was not accepted this time either, for this reason.
    InVain(String),
}

/// A parked order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedOrder {
    /// The order.
    pub order_id: OrderId,
    /// Why it is parked.
    pub reason: Option<String>,
    /// Tries since it was last restarted.
    pub attempts: u32,
    /// Since when it is parked.
    pub parked_at: Option<Timestamp>,
    /// When it is tried next, if at all.
    pub next_attempt_at: Option<Timestamp>,
}

/// A message of an order, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// Where it came from.
    pub source: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// The value; none once its retention time is over.
    pub raw: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// How it was recorded: `accepted`, `already_paid`, `refund`, `cancellation`.
    pub outcome: String,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// Triage of dead letters and parked orders.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Dead letters after row `after`, oldest first, up to `limit`; closed ones too if `closed`. Their contents, which
    /// may be large, are not read.
    async fn dead_letters(&self, after: i64, closed: bool, limit: usize) -> Result<Vec<DeadLetterRecord>>;

    /// One dead letter, with its content.
    async fn dead_letter(&self, id: i64) -> Result<Option<WholeDeadLetter>>;

    /// Records the outcome for a dead letter. `false` when there is none or it is closed.
    async fn close_dead_letter(&self, id: i64, closing: &Closing, by: &Actor) -> Result<bool>;

    /// Parked orders, longest parked first, up to `limit`.
    async fn parked_orders(&self, limit: usize) -> Result<Vec<ParkedOrder>>;

    /// Every message that was recorded for an order, oldest first.
    async fn messages_of(&self, order: OrderId) -> Result<Vec<KeptMessage>>;

    /// An operator has dealt with an order that is parked because it was paid after its void: it is void again and not
    /// listed any more. `false` when it is not such an order.
    async fn acknowledge_late(&self, order: OrderId, by: &Actor) -> Result<bool>;
}
