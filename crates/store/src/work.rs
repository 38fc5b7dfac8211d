//! An order on its way to its tickets: claim, freeze, complete, release.
//!
//! A claim lends an order to one worker for a while (a lease on the database's own clock) and raises its
//! `fence`. Every later write names the fence it was claimed under and is refused when the order has been
//! claimed again since: a worker that slept through its lease can do no harm when it wakes.

use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, OrderId, OrderState, OutboxEvent, Ticket, TicketId};
use jiff::Timestamp;

use crate::Result;

/// What a claim of an issued order has beside the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Refresh {
    /// How many payments, or operators, want it.
    pub asks: i64,
    /// Every ticket on record, voided ones too, by index.
    pub tickets: Vec<Ticket>,
    /// Ordering's answer that the last of them were made of.
    pub snapshot: Option<Vec<u8>>,
}

/// An order lent to a worker.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which order.
    pub order_id: OrderId,
    /// Received: to be enriched and frozen. Enriched: its files are to be made. Issued: Ordering is to be asked again
    /// (`refresh`). A parked order that is
    /// tried again comes as the one or the other, by whether it has tickets.
    pub state: OrderState,
    /// The number every write must carry.
    pub fence: i64,
    /// Tries so far, this one included.
    pub attempts: u32,
    /// Claims before this one that were never given back, in a row: their processes died.
    pub deaths: u32,
    /// Whether the order was parked before: its background retries end by `Release`, not by budget.
    pub was_parked: bool,
    /// Since when it has been parked, tries in the background included.
    pub parked_at: Option<Timestamp>,
    /// When its first payment arrived.
    pub received_at: Timestamp,
    /// When its budget of time began: with its first payment, or when somebody set it going again.
    pub tried_since: Timestamp,
    /// The key of its first payment.
    pub payment_key: String,
    /// The payment's id, where it had one.
    pub payment_id: Option<String>,
    /// Who paid.
    pub customer_id: Option<String>,
    /// What was paid.
    pub amount: Option<Amount>,
    /// In what.
    pub currency: Option<Currency>,
    /// W3C trace context of the payment.
    pub traceparent: Option<String>,
    /// The order's unfinished tickets (Pending or Failed, not voided), by index; empty while Received.
    pub tickets: Vec<Ticket>,
    /// Of an issued order: what Ordering's newer answer is compared with.
    pub refresh: Option<Refresh>,
}

/// An enriched order: everything its tickets are made of.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// Which order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Ordering's answer as it came, kept for diagnosis.
    pub snapshot: Vec<u8>,
    /// One Pending ticket a seat. None: no line of the order admits anybody, and it is issued by this.
    pub tickets: Vec<Ticket>,
    /// What of the answer was read how, or left out: plain sentences without personal data.
    pub notes: Vec<String>,
}

/// What became of a freeze.
#[derive(Debug, Clone, PartialEq)]
pub enum FreezeOutcome {
    /// The live tickets as they stand, with flags that only the store can know (`seat_conflict`). When the order was
    /// frozen before, these are the tickets of then, unchanged. A refund that named items or tickets before they
    /// were there has voided its own, and the order when none is left, which is stale then.
    Frozen(Vec<Ticket>),
    /// The order has been claimed by somebody else, voided, or issued without tickets: stop working on it.
    Stale,
    /// Another ticket has this number already: derive the next one and freeze again.
    NumberTaken(String),
}

/// A ticket whose file is stored.
#[derive(Debug, Clone)]
pub struct GeneratedTicket {
    /// The ticket as it is to stand: status, path, hash, size, `generated_at`, `sequence`, flags.
    pub ticket: Ticket,
    /// What to tell the world, in the same transaction.
    pub events: Vec<OutboxEvent>,
}

/// A ticket whose file could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTicket {
    /// Which.
    pub id: TicketId,
    /// Why, for people.
    pub reason: String,
}

/// The end, or a step to the end, of an order's work (tx 3).
#[derive(Debug, Clone)]
pub struct Completion {
    /// Which order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Tickets that have their file now.
    pub generated: Vec<GeneratedTicket>,
    /// Whether the order has no other work left: it becomes Issued and its lease is given back.
    pub finished: bool,
}

/// Giving an order back without finishing it.
#[derive(Debug, Clone)]
pub struct Release {
    /// Which order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Why, for people; kept as the order's last error.
    pub reason: String,
    /// Tickets that failed by themselves; they become Failed when the order is parked, and otherwise
    /// keep their status and remember the reason.
    pub failed: Vec<FailedTicket>,
    /// What next.
    pub then: Then,
    /// Ordering's refused answer, kept for diagnosis.
    pub refused_answer: Option<Vec<u8>>,
}

/// What next for a released order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Again after a while; this try counts.
    Retry(Duration),
    /// Again after a while; this try does not count (shutting down, or everything is refused).
    Wait(Duration),
    /// Parked, visibly, and tried again in the background after a while, if at all. An order that is issued stays so and is
    /// on the attention list: Ordering could not be asked again.
    Park(Option<Duration>),
}

/// The way through.
#[async_trait]
pub trait Work: Send + Sync {
    /// Lends up to `limit` due orders to `worker` for `lease`, oldest due first. Each claim raises the
    /// fence and counts a try, so that an order that kills its worker is known by its tries. A lease
    /// that lies further ahead than `lease` and twice its length counts as expired: clocks step.
    /// Two calls at once never lend one order twice, and never wait for each other.
    async fn claim(&self, worker: &str, limit: usize, lease: Duration) -> Result<Vec<Claim>>;

    /// Makes the leases of these claims last `lease` from now. Answers with those that are still held.
    async fn renew(&self, claims: &[(OrderId, i64)], lease: Duration) -> Result<Vec<OrderId>>;

    /// Freezes orders, in one transaction, answering in the batch's order. An order whose freeze is
    /// `Stale` or `NumberTaken` changes nothing and does not disturb its neighbours.
    async fn freeze(&self, batch: &[Freeze]) -> Result<Vec<FreezeOutcome>>;

    /// Records generated tickets and their events, in one transaction; `false` for an order whose fence
    /// is stale or that was voided meanwhile: nothing of it was written. A ticket that is Generated
    /// already, or voided, is left as it is and its events are not written again. `finished` takes effect
    /// only when no live ticket of the order is Pending or Failed; otherwise the order stays lent. A
    /// ticket that gets its file gives its order a new budget of tries. Doing it again answers `true`.
    async fn complete(&self, batch: &[Completion]) -> Result<Vec<bool>>;

    /// Gives orders back, in one transaction; `false` where the fence is stale, and where the order is
    /// not lent any more (released, issued or voided): a repeat must not give back a second try.
    async fn release(&self, batch: &[Release]) -> Result<Vec<bool>>;

    /// When the next order is due or the next lease ends, from now: what an idle worker may sleep at most.
    async fn next_due(&self) -> Result<Option<Duration>>;
}
