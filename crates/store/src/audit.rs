//! The audit: who did what, and who read what.
//!
//! What an operator does is recorded in the transaction that does it, so that neither is there without the other. Reads
//! and refusals are recorded afterwards, many in one write. A record has ids and no personal data. It is never changed;
//! the oldest records are removed when they are past their retention.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{OrderId, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::Result;

fulfillment_domain::words! {
    /// How a client comes to the service.
    pub enum Via: "way to the service" {
        /// A request, with a token or without.
        Http = "http",
        /// A command.
        Command = "command",
        /// Nobody: the service itself.
        Service = "service",
    }
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Actor {
    via: Via,
    #[serde(rename = "actor")]
    name: String,
}

impl Actor {
    /// The client of a request: the name of its token, or "anonymous", or for a refused one the network of its address.
    pub fn http(name: impl Into<String>) -> Self {
        Self { via: Via::Http, name: name.into() }
    }

    /// Who runs a command: the name of the operating system's user.
    pub fn command(user: impl Into<String>) -> Self {
        Self { via: Via::Command, name: user.into() }
    }

    /// The service itself: its retention, for one.
    pub fn service(what: impl Into<String>) -> Self {
        Self { via: Via::Service, name: what.into() }
    }

    /// How it comes to the service.
    pub fn via(&self) -> Via {
        self.via
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn new(via: Via, name: String) -> Self {
        Self { via, name }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.via, self.name)
    }
}

fulfillment_domain::words! {
    /// What was done.
    pub enum Action: "action in the audit" {
        /// A ticket was voided.
        VoidTicket = "ticket.void",
        /// A ticket got a new generation.
        ReissueTicket = "ticket.reissue",
        /// The event of a ticket was sent once more.
        ResendTicket = "ticket.resend",
        /// A void ticket got a new generation.
        ReinstateTicket = "ticket.reinstate",
        /// An order that was voided before it had tickets is issued after all.
        ReinstateOrder = "order.reinstate",
        /// Orders are tried again: one, one by its ticket, or all.
        RetryOrders = "order.retry",
        /// Ordering is asked again about an order.
        AskOrdering = "order.ask",
        /// A payment, refund or cancellation was entered by a command.
        EnterMessage = "order.enter",
        /// What arrived for an order without a payment was dismissed.
        DismissUnpaid = "order.dismiss",
        /// An order came from an earlier service.
        ImportOrder = "order.import",
        /// An order's personal data was removed.
        EraseOrder = "order.erase",
        /// An open refund was dismissed.
        DismissRefund = "refund.dismiss",
        /// Entries of the attention list were acknowledged.
        Acknowledge = "attention.acknowledge",
        /// A dead letter was replayed.
        ReplayLetter = "letter.replay",
        /// A dead letter was dropped.
        DropLetter = "letter.drop",
        /// The content of dead letters was removed.
        EraseLetters = "letter.erase",
        /// What waited for a destination was closed.
        DropDestination = "destination.drop",
        /// A token of the HTTP API was made.
        MakeToken = "token.new",
        /// A token was revoked.
        RevokeToken = "token.revoke",
        /// A device of a door was made, with a code that enrols it.
        MakeDevice = "device.new",
        /// A device was enrolled, and has its token.
        EnrolDevice = "device.enrol",
        /// A device was revoked.
        RevokeDevice = "device.revoke",
        /// A signing key was made.
        NewKey = "key.new",
        /// A signing key was retired.
        RetireKey = "key.retire",
        /// A signing key was revoked.
        RevokeKey = "key.revoke",
        /// The tickets of a signing key are to be signed anew.
        ReissueKey = "key.reissue",
        /// Another secret signs links.
        NewLinks = "links.new",
        /// Former secrets of links are not accepted any more.
        EndLinksOverlap = "links.end-overlap",
        /// What is set over Ordering's answers about an event was changed.
        SetEvent = "event.set",
        /// All tickets of an event are to be voided.
        CancelEvent = "event.cancel",
        /// All orders are read anew for the lists.
        Reindex = "store.reindex",
        /// A copy of everything was made.
        Backup = "store.backup",
        /// The store was restored from a copy.
        Restore = "store.restore",
        /// A new epoch of the store was begun.
        NewEpoch = "store.epoch",
        /// The secret was replaced.
        AdoptSecret = "secret.adopt",
        /// A supervisor admitted somebody whom the rules refuse.
        OverrideRefusal = "door.override",
        /// The rules of an event's door were replaced.
        SetDoorRules = "door.rules",
        /// A ticket's record was read.
        ReadTicket = "read.ticket",
        /// A ticket's PDF was read.
        ReadPdf = "read.pdf",
        /// An order's record was read.
        ReadOrder = "read.order",
        /// Orders were listed; how many.
        ListOrders = "read.orders",
        /// Tickets were listed; how many.
        ListTickets = "read.tickets",
        /// The signed link of a ticket or of an order was read by a command.
        ReadLink = "read.link",
        /// The PDF of all tickets of an order was read.
        ReadOrderPdf = "read.order-pdf",
        /// What is recorded against a code was read.
        ReadCode = "read.code",
        /// A stream of events began. Its end has a record of its own, which a process that is killed does not write.
        BeginEvents = "read.events.begin",
        /// Events were read, from one position to another.
        ReadEvents = "read.events",
        /// The check-ins of an event were read.
        ReadDoor = "read.door",
        /// The holders of an event's tickets were read.
        ReadDoorNames = "read.door-names",
        /// The audit was read.
        ReadAudit = "read.audit",
        /// Requests were refused.
        Refuse = "refused",
    }
}

impl Action {
    /// Whether a word names an action, or the kind of several: `ticket` for `ticket.void` and others.
    pub fn is_named_by(word: &str) -> bool {
        let begins = |rest: &str| rest.is_empty() || rest.starts_with('.');
        Self::ALL.iter().any(|action| action.as_str().strip_prefix(word).is_some_and(begins))
    }
}

/// What is recorded about one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Who did it.
    #[serde(flatten)]
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// The order that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// The ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<TicketId>,
    /// The id of something else: a refund's key, a dead letter's number, a destination's name; for a refusal its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How often, or to how many things at once.
    pub times: u64,
    /// The first and the last position of the events that were read; of a stream that begins, its first twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<(i64, i64)>,
}

impl AuditEntry {
    /// An action, without what it was done to.
    pub fn new(actor: &Actor, action: Action) -> Self {
        let actor = actor.clone();
        Self { actor, action, order_id: None, ticket_id: None, subject: None, times: 1, positions: None }
    }

    /// Done to an order.
    #[must_use]
    pub fn order(self, id: OrderId) -> Self {
        Self { order_id: Some(id), ..self }
    }

    /// Done to a ticket.
    #[must_use]
    pub fn ticket(self, id: TicketId) -> Self {
        Self { ticket_id: Some(id), ..self }
    }

    /// Done to something with another id.
    #[must_use]
    pub fn subject(self, id: impl Into<String>) -> Self {
        Self { subject: Some(id.into()), ..self }
    }

    /// Done to the events from one position to another.
    #[must_use]
    pub fn positions(self, first: i64, last: i64) -> Self {
        Self { positions: Some((first, last)), ..self }
    }

    /// Done so often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }
}

/// A record of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Its number; it grows with time.
    pub id: i64,
    /// When; for reads and refusals up to a minute later than that.
    pub at: Timestamp,
    /// What was done by whom.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

/// Which records of the audit are wanted: those that match all of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// By this name.
    pub actor: Option<String>,
    /// Of this kind: `ticket.void`, or all that begin so: `ticket`.
    pub action: Option<String>,
    /// About this order; what was done to its tickets included.
    pub order: Option<OrderId>,
    /// About this ticket.
    pub ticket: Option<TicketId>,
    /// Only with a lower number than this: the next page.
    pub before: Option<i64>,
}

/// The audit. Actions are recorded by the methods that do them.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Records reads and refusals, each with when it happened.
    async fn record_audit(&self, entries: &[(Timestamp, AuditEntry)]) -> Result<()>;

    /// The newest records that match, newest first, at most `limit`.
    async fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>>;

    /// Removes the oldest records while they are older than `age`, at most `limit`, and returns how many.
    async fn prune_audit(&self, age: Duration, limit: usize) -> Result<u64>;
}
