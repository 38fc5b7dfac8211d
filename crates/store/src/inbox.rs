//! The inbox: ingestion of payments, refunds, cancellations and changes of events.

use std::fmt;

use async_trait::async_trait;
use fulfillment_domain::{Message, OrderId, Subject, Unreadable, words};
use jiff::Timestamp;

use crate::{Actor, Announcing, Position, Result, WithdrawalState};

/// Where a message came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Kafka record. Topic, partition and offset are for people only: topics get recreated, so they are not a key.
    Kafka {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// The record's timestamp in milliseconds since 1970, where it has one.
        timestamp: Option<i64>,
    },
    /// The HTTP API, and the name of the token that was used.
    Http {
        /// The token's name, or "anonymous".
        caller: String,
    },
    /// `fulfillment ingest`; the file's name and line, from 1.
    File {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
    },
    /// The original source of a replayed message, as recorded.
    Recorded {
        /// As shown: `kafka payment-succeeded/0@17`.
        text: String,
        /// The record's timestamp in milliseconds since 1970, where it has one.
        timestamp: Option<i64>,
    },
    /// An operator's command, by its name: `order cancel`, `reconcile paid.txt`.
    Command {
        /// The command.
        name: String,
        /// Who ran it.
        by: Actor,
    },
}

impl Source {
    /// The record's own time, where it has one.
    pub(crate) fn timestamp(&self) -> Option<i64> {
        match self {
            Self::Kafka { timestamp, .. } | Self::Recorded { timestamp, .. } => *timestamp,
            Self::Http { .. } | Self::File { .. } | Self::Command { .. } => None,
        }
    }

    /// The record's offset in its partition, where it has one.
    pub(crate) fn offset(&self) -> Option<i64> {
        match self {
            Self::Kafka { offset, .. } => Some(*offset),
            // A topic's name has neither of the two signs.
            Self::Recorded { text, .. } => {
                text.strip_prefix("kafka ")?.split_once('/')?.1.split_once('@')?.1.parse().ok()
            }
            Self::Http { .. } | Self::File { .. } | Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka { topic, partition, offset, .. } => write!(f, "kafka {topic}/{partition}@{offset}"),
            Self::Http { caller } => write!(f, "http {caller}"),
            Self::File { name, line } => write!(f, "file {name}:{line}"),
            Self::Recorded { text, .. } => f.write_str(text),
            Self::Command { name, .. } => write!(f, "command {name}"),
        }
    }
}

/// A message as it arrived, and what could be read of it.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Where it came from.
    pub source: Source,
    /// The message's key, where it has one.
    pub key: Option<Vec<u8>>,
    /// The value, unchanged.
    pub raw: Vec<u8>,
    /// Its headers, unchanged.
    pub headers: Vec<(String, Vec<u8>)>,
    /// W3C trace context: the message's own, or a new one.
    pub traceparent: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What it claims to be, by its topic or route.
    pub subject: Subject,
    /// Its parsed content, or why it cannot be read.
    pub content: Result<Message, Unreadable>,
}

words! {
    /// What became of a change of an event's details.
    pub enum EventChanged: "outcome of a change of an event" {
        /// What is set over Ordering's answers changed.
        Changed = "changed",
        /// It was recorded before, or what it says was set already.
        Known = "known",
        /// Later changes of the same details were recorded before.
        Older = "older",
    }
}

/// The outcome for one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngestOutcome {
    /// The order's first payment: its work is created.
    New(OrderId),
    /// The same message is already recorded with the same content: it is only counted. Or it is the first payment of an
    /// order that was imported with its tickets.
    Duplicate(OrderId),
    /// The order's payment, already recorded under another key: once with an id and once without. Kept, and shown as
    /// folded.
    Folded(OrderId),
    /// Another payment of an order that has its tickets or will have them: kept and shown.
    AlreadyPaid(OrderId),
    /// A payment of an order that was voided before: kept; the order is parked for an operator.
    Late(OrderId),
    /// A refund or cancellation that is new or has a new status, and its state now.
    Recorded(OrderId, WithdrawalState),
    /// A change of an event, and what became of it.
    Event(EventChanged),
    /// A known id of a payment or refund, but with different content: quarantined, changes nothing.
    Quarantined(OrderId),
    /// Unreadable: kept raw with the reason.
    DeadLettered(Unreadable),
}

impl IngestOutcome {
    /// The order that the message changed; none for one that was refused, or is about an event.
    pub(crate) fn taken_for(&self) -> Option<OrderId> {
        match self {
            Self::New(order)
            | Self::Duplicate(order)
            | Self::Folded(order)
            | Self::AlreadyPaid(order)
            | Self::Late(order)
            | Self::Recorded(order, _) => Some(*order),
            Self::Event(_) | Self::Quarantined(_) | Self::DeadLettered(_) => None,
        }
    }
}

/// Ingestion of messages.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Writes a batch in one transaction: raw bytes and headers, payments, refunds and cancellations each under its
    /// key, the orders' work and the consequences for their tickets, dead letters with their outbox event. Returns one
    /// outcome for each message, in the batch's order. The payments of a batch are processed before its refunds and
    /// cancellations.
    ///
    /// A payment without an id is the same as the order's payment with one, whichever comes first, unless a field that
    /// both have differs ([`fulfillment_domain::payment::Facts::agree`]): it is kept, folded into the other, and a
    /// refund bound to either is bound to that one. Two payments with ids are two payments.
    ///
    /// The first payment of an order that was imported ([`crate::Import`]) is bound to it and is a `Duplicate`.
    ///
    /// A refund or cancellation whose order, payment or tickets do not exist yet waits: it is evaluated again when a
    /// payment of its order arrives and when the order is frozen. A refund voids the items or tickets it names, as far
    /// as its amount covers them, or the whole order once every known payment of it is refunded in full; one that names
    /// nothing and returns only a part is parked. A pending or failed refund voids nothing; it can become final, or
    /// fail, later. A cancellation voids the order. A payment made after either parks the order. A ticket that is
    /// voided after it was issued gets its `ticket-voided`, as `announcing` says.
    ///
    /// A change of an event is made as [`crate::Events::set_event`] makes an operator's, an unknown event included, and
    /// audited as done by the service. Of each detail the change that was made last counts, whichever arrives last, an
    /// operator's included: it was made at its own time, else at its record's, and of two of one time the one at the
    /// higher offset. So a repeat changes nothing. The changes of an event in one batch are published as one. One that is
    /// made in the future, or contradicts what is in force, is a dead letter and changes nothing. Its raw message is not
    /// kept otherwise.
    ///
    /// Within the batch the order of the messages counts; each order is settled once, after all of them are recorded. A
    /// plain duplicate leaves no raw copy; it is counted. The same unreadable record read again (same source, key and
    /// bytes) adds no row and no event. A quarantined or unreadable message gets a row in `dead_letters`, and, when
    /// `dead_letters` names destinations, an outbox event of kind `DeadLetter` whose value is the raw message and whose
    /// headers carry the original ones (those named `dlq-...` as `original-dlq-...`), then `dlq-reason`, `dlq-field`,
    /// `dlq-source` and, from Kafka, `dlq-topic`, `dlq-partition`, `dlq-offset`. A value above its `max_bytes` is
    /// replaced by a JSON pointer to the row: `{"deadLetterId": n, "bytes": size}`.
    ///
    /// `reached` are the Kafka positions that are reached with this batch and what was stored before it. They are
    /// written in the same transaction: see [`crate::Positions::advance`].
    async fn ingest_read(
        &self,
        batch: &[Incoming],
        reached: &[Position],
        dead_letters: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<IngestOutcome>>;

    /// The same for a batch that was not read from Kafka.
    async fn ingest(
        &self,
        batch: &[Incoming],
        dead_letters: &DeadLetterRoute,
        announcing: &Announcing,
    ) -> Result<Vec<IngestOutcome>> {
        self.ingest_read(batch, &[], dead_letters, announcing).await
    }
}

/// Where dead letters are sent, in addition to their table.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterRoute {
    /// Outbox destinations: `["kafka"]`, or none.
    pub destinations: Vec<String>,
    /// The largest value that is sent whole, in bytes.
    pub max_bytes: usize,
}
