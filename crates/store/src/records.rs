//! What people ask for.

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, Delivered, OrderId, OrderState, Ticket, TicketId, words};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Attention, Result, WithdrawalRecord};

words! {
    /// What a payment was to its order.
    pub enum PaymentOutcome: "outcome of a payment" {
        /// It made the order's work.
        Accepted = "accepted",
        /// The order was paid before.
        AlreadyPaid = "already_paid",
        /// It is known under another key.
        Folded = "folded",
    }
}

/// A payment as kept for good.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRecord {
    /// Idempotency key: the payment's id, or `order:<id>`; `sha256:` and the hash of one above 512 bytes.
    pub key: String,
    /// What was paid.
    pub order_id: OrderId,
    /// How much.
    pub amount: Option<Amount>,
    /// In what.
    pub currency: Option<Currency>,
    /// What it was to its order.
    pub outcome: PaymentOutcome,
    /// How often the same message came again.
    pub duplicates: u64,
    /// When it first came.
    pub received_at: Timestamp,
    /// The key of the payment that it is, where it is known under two.
    pub folded_into: Option<String>,
}

/// An order as recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecord {
    /// Which.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: OrderState,
    /// Why it stands there; the last error while it is tried again.
    pub reason: Option<String>,
    /// Tries since it was last set going.
    pub attempts: u32,
    /// When it is tried next, if it will be.
    pub next_attempt_at: Option<Timestamp>,
    /// When its first payment came.
    pub received_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its payments, first first.
    pub payments: Vec<PaymentRecord>,
    /// Its refunds and cancellations, first first.
    pub withdrawals: Vec<WithdrawalRecord>,
    /// Its tickets, by index.
    pub tickets: Vec<Ticket>,
    /// What of Ordering's answer was read how, or left out and why.
    pub notes: Vec<String>,
    /// What about it needs a person, listed by now or later.
    pub attention: Vec<Attention>,
    /// Since when its personal data is gone: nothing is issued, reissued or drawn for it any more.
    pub erased_at: Option<Timestamp>,
}

/// How much waits or stands apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Orders by state: received, enriched and parked ones.
    pub orders: std::collections::BTreeMap<String, u64>,
    /// Tickets by status: Pending and Failed ones that are not voided.
    pub tickets: std::collections::BTreeMap<String, u64>,
    /// Orders that wait for another try (not parked).
    pub retrying: u64,
    /// Messages that said something else under a known id, and that nobody has looked at.
    pub quarantined: u64,
    /// Messages that could not be read, and that nobody has looked at.
    pub dead_lettered: u64,
    /// Refunds that wait for their payment or the tickets they name.
    pub waiting_refunds: u64,
    /// Refunds that void nothing until somebody says what they are for.
    pub parked_refunds: u64,
    /// Tickets that share their seat with an earlier one.
    pub seat_conflicts: u64,
    /// Events not yet sent everywhere.
    pub undelivered: u64,
    /// Events set apart because a destination refuses them.
    pub parked_deliveries: u64,
    /// Entries of the attention list, by reason: all of them.
    pub attention: std::collections::BTreeMap<String, u64>,
}

/// Which orders to set going again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrySelection {
    /// Every parked order, and every order that waits for another try.
    All,
    /// One order.
    Order(OrderId),
    /// The order of one ticket.
    Ticket(TicketId),
}

/// What is on record against a code's id; nothing is against that of an ordinary ticket, nor of one that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeStanding {
    /// No code of this id is good any more.
    pub voided: bool,
    /// Codes of an earlier generation have been replaced.
    pub lowest_good_generation: u32,
}

/// A lost file that was drawn again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrawn {
    /// Whose page it is.
    pub generation: u32,
    /// Its hash.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
    /// The version of the renderer that drew it.
    pub renderer: String,
}

/// The record.
#[async_trait]
pub trait Records: Send + Sync {
    /// A ticket by its id.
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>>;

    /// A ticket by its printed number, in stored form.
    async fn ticket_by_number(&self, number: &str) -> Result<Option<Ticket>>;

    /// What is on record against a code's id.
    async fn code_standing(&self, cti: [u8; 10]) -> Result<CodeStanding>;

    /// An order with its payments and tickets.
    async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>>;

    /// Paid orders whose first payment came at `since` or later, by id, at most `limit` of those after `after`.
    async fn orders_since(
        &self,
        since: Timestamp,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>>;

    /// A part of an order's tickets, by index: at most `limit` of those after `after`, 0 for the first.
    async fn tickets_after(&self, order: OrderId, after: u32, limit: u32) -> Result<Vec<Ticket>>;

    /// Notification's word: the ticket reached its holder. `None`: no such ticket. A ticket that is not
    /// Generated yet keeps its status; the fact is kept and the status follows when it is. Saying it
    /// again changes nothing. A word of another generation, or written before the live one was stored, is kept with
    /// the former generation that it is of, and changes nothing about the live one.
    async fn deliver(&self, delivered: &Delivered, at: Timestamp) -> Result<Option<Ticket>>;

    /// Notes the holder's first download; later ones change nothing.
    async fn downloaded(&self, id: TicketId, at: Timestamp) -> Result<()>;

    /// Records that a lost file of this generation was drawn again, unless another is live by now or the ticket was
    /// erased: an older page's hash never takes the place of a newer one's. `sha256` differs from the recorded one
    /// only when a newer renderer drew it: then the hash, size and renderer are replaced and the history says so.
    async fn redrawn(&self, id: TicketId, redrawn: &Redrawn) -> Result<()>;

    /// Sets orders going again at once: parked, waiting or failed ones get a new budget; orders that are
    /// issued, voided (whatever was paid since), held by a worker, or due already are left alone. Failed tickets are Pending again and keep
    /// their last error until they have a file. Answers with how many orders were set going.
    async fn retry(&self, selection: RetrySelection) -> Result<u64>;

    /// Counts what waits or stands apart. It takes as long as that is much, however much is done.
    async fn summary(&self) -> Result<Summary>;

    /// Whether a ticket has, or had, a file.
    async fn any_generated(&self) -> Result<bool>;
}
