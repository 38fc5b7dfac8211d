//! Queries: tickets, orders, payments and counts.

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, Delivered, OrderId, OrderState, Ticket, TicketId, words};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Attention, Result, WithdrawalRecord};

words! {
    /// The outcome of a payment for its order.
    pub enum PaymentOutcome: "outcome of a payment" {
        /// It created the order's work.
        Accepted = "accepted",
        /// The order was paid before.
        AlreadyPaid = "already_paid",
        /// It is recorded under another key as well.
        Folded = "folded",
    }
}

/// A payment as recorded permanently.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRecord {
    /// Idempotency key: the payment's id, or `order:<id>`; `sha256:` and the hash of one above 512 bytes.
    pub key: String,
    /// The order that was paid.
    pub order_id: OrderId,
    /// The amount.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// Its outcome for its order.
    pub outcome: PaymentOutcome,
    /// How often the same message arrived again.
    pub duplicates: u64,
    /// When it first arrived.
    pub received_at: Timestamp,
    /// The key of the payment that it is folded into, where it is recorded under two.
    pub folded_into: Option<String>,
}

/// An order as recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecord {
    /// The order's id.
    pub order_id: OrderId,
    /// Its state.
    pub state: OrderState,
    /// Why it is in this state; the last error while it is retried.
    pub reason: Option<String>,
    /// Tries since it was last restarted.
    pub attempts: u32,
    /// When it is tried next, if at all.
    pub next_attempt_at: Option<Timestamp>,
    /// When its first payment arrived.
    pub received_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its payments, oldest first.
    pub payments: Vec<PaymentRecord>,
    /// Its refunds and cancellations, oldest first.
    pub withdrawals: Vec<WithdrawalRecord>,
    /// What was assumed or ignored in Ordering's answer, and why.
    pub notes: Vec<String>,
    /// Its entries for the attention list, listed already or later.
    pub attention: Vec<Attention>,
    /// Since when it is void: cancelled, refunded in full, or without a valid ticket. A payment that arrives later parks it.
    pub voided_at: Option<Timestamp>,
    /// Since when its personal data is erased: nothing is issued, reissued or drawn for it any more.
    pub erased_at: Option<Timestamp>,
    /// Its tickets, by index. Not in its JSON: people are shown more of a ticket than its row has.
    #[serde(skip)]
    pub tickets: Vec<Ticket>,
}

/// How many items wait or are parked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Orders by state: received, enriched and parked ones.
    pub orders: std::collections::BTreeMap<String, u64>,
    /// Tickets by status: Pending and Failed ones that are not voided.
    pub tickets: std::collections::BTreeMap<String, u64>,
    /// Orders that wait for another try (not parked).
    pub retrying: u64,
    /// Messages with different content under a known id that await an operator.
    pub quarantined: u64,
    /// Unreadable messages that await an operator.
    pub dead_lettered: u64,
    /// Refunds that wait for their payment or the tickets they name.
    pub waiting_refunds: u64,
    /// Refunds that void nothing until an operator says what they are for.
    pub parked_refunds: u64,
    /// Tickets that share their seat with an earlier one.
    pub seat_conflicts: u64,
    /// Events not yet sent everywhere.
    pub undelivered: u64,
    /// Events parked because a destination refuses them.
    pub parked_deliveries: u64,
    /// All entries of the attention list, by reason.
    pub attention: std::collections::BTreeMap<String, u64>,
}

/// Which orders to restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrySelection {
    /// Every parked order, and every order that waits for another try.
    All,
    /// One order.
    Order(OrderId),
    /// The order of one ticket.
    Ticket(TicketId),
}

/// What is recorded against a code's id; nothing is recorded against that of an ordinary ticket, nor against an unknown
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeStanding {
    /// Codes with this id are no longer valid.
    pub voided: bool,
    /// Codes of an earlier generation than this have been replaced.
    pub lowest_good_generation: u32,
}

/// What the link to an order's file depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderPages {
    /// The sum of its tickets' generations: it changes with every new one.
    pub generations: u64,
    /// How many of its tickets are in the file: issued, neither void nor erased, and not of an earlier service.
    pub pages: u64,
}

/// A lost file that was drawn again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrawn {
    /// The generation that was drawn.
    pub generation: u32,
    /// Its hash.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
    /// The version of the renderer that drew it.
    pub renderer: String,
}

/// Queries and single changes of the record.
#[async_trait]
pub trait Records: Send + Sync {
    /// A ticket by its id.
    async fn ticket(&self, id: TicketId) -> Result<Option<Ticket>>;

    /// A ticket by its printed number, in stored form.
    async fn ticket_by_number(&self, number: &str) -> Result<Option<Ticket>>;

    /// What is recorded against a code's id.
    async fn code_standing(&self, cti: [u8; 10]) -> Result<CodeStanding>;

    /// An order with its payments and tickets.
    async fn order(&self, id: OrderId) -> Result<Option<OrderRecord>> {
        self.order_beginning(id, u32::MAX).await
    }

    /// An order with its payments and its first tickets, at most `tickets`; [`Self::tickets_after`] has the rest.
    async fn order_beginning(&self, id: OrderId, tickets: u32) -> Result<Option<OrderRecord>>;

    /// Paid orders whose first payment came at `since` or later, by id, at most `limit` of those after `after`.
    async fn orders_since(
        &self,
        since: Timestamp,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>>;

    /// A part of an order's tickets, by index: at most `limit` of those after `after`, 0 for the first.
    async fn tickets_after(&self, order: OrderId, after: u32, limit: u32) -> Result<Vec<Ticket>>;

    /// What the link to the file of all tickets of an order depends on.
    async fn order_pages(&self, order: OrderId) -> Result<OrderPages>;

    /// Records Notification's message that the ticket reached its holder. `None`: no such ticket. A ticket that is not
    /// Generated yet keeps its status; the delivery is recorded and the status follows when it is. A repeat changes
    /// nothing. A message about another generation, or written before the live one was stored, is recorded with the
    /// former generation that it is about, and does not change the live one.
    async fn deliver(&self, delivered: &Delivered, at: Timestamp) -> Result<Option<Ticket>>;

    /// Records the holder's first download; later ones change nothing.
    async fn downloaded(&self, id: TicketId, at: Timestamp) -> Result<()>;

    /// Records that a lost file of this generation was drawn again, unless another is live now or the ticket was
    /// erased: an older page's hash never replaces a newer one's. `sha256` differs from the recorded one only when a
    /// newer renderer drew it: then the hash, size and renderer are replaced and the history records it.
    async fn redrawn(&self, id: TicketId, redrawn: &Redrawn) -> Result<()>;

    /// Makes orders due immediately: parked, waiting or failed ones get a new budget; orders that are issued, voided
    /// (even if paid since), held by a worker, or already due are left unchanged. Failed tickets become Pending again
    /// and keep their last error until they have a file. Returns how many orders were restarted.
    async fn retry(&self, selection: RetrySelection, by: &Actor) -> Result<u64>;

    /// Counts what waits or is parked. The time depends on the amount of open work only, not on finished work.
    async fn summary(&self) -> Result<Summary>;

    /// Whether a ticket has, or had, a file.
    async fn any_generated(&self) -> Result<bool>;
}
