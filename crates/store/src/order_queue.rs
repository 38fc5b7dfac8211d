//! The queue of orders: claim, freeze, complete, release.
//!
//! A claim lends an order to one worker for a limited time (a lease on the database's own clock) and raises its
//! `fence`. Every later write names the fence it was claimed under and is refused when the order has been claimed again
//! since: a worker that outlives its lease can do no harm.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, OrderId, OrderState, OutboxEvent, Ticket, TicketId};
use jiff::Timestamp;

use crate::{Result, Said};

/// What the claim of an issued order contains beside the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Refresh {
    /// How many payments, or operators, requested it.
    pub asks: i64,
    /// Every recorded ticket, including voided ones, by index.
    pub tickets: Vec<Ticket>,
    /// The answer of Ordering that the latest tickets were made from.
    pub snapshot: Option<Vec<u8>>,
}

/// Which orders may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimable {
    /// All that are due.
    All,
    /// Those whose content is frozen: Ordering is not needed.
    Frozen,
    /// The others, about which Ordering is asked.
    Unfrozen,
}

/// An order lent to a worker.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The order's id.
    pub order_id: OrderId,
    /// Received: to be enriched and frozen. Enriched: its files are to be made. Issued: Ordering is to be asked again
    /// (`refresh`). A parked order that is retried has one of the first two, by whether it has tickets.
    pub state: OrderState,
    /// The number that every write must name.
    pub fence: i64,
    /// Tries so far, this one included.
    pub attempts: u32,
    /// Consecutive earlier claims that were never given back: their processes crashed.
    pub deaths: u32,
    /// Whether the order was parked before: its background retries end by `Release`, not by budget.
    pub was_parked: bool,
    /// Since when it has been parked, including retries in the background.
    pub parked_at: Option<Timestamp>,
    /// When its first payment arrived.
    pub received_at: Timestamp,
    /// When its time budget began: with its first payment, or when an operator restarted it. Later by the time for which
    /// it could not be tried.
    pub tried_since: Timestamp,
    /// The key of its first payment.
    pub payment_key: String,
    /// The payment's id, if it had one.
    pub payment_id: Option<String>,
    /// Who paid.
    pub customer_id: Option<String>,
    /// The amount paid.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// W3C trace context of the payment.
    pub traceparent: Option<String>,
    /// The order's unfinished tickets (Pending or Failed, not voided), by index; empty while Received.
    pub tickets: Vec<Ticket>,
    /// For an issued order: what Ordering's newer answer is compared with.
    pub refresh: Option<Refresh>,
}

/// An enriched order: everything its tickets are made from.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// The order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Ordering's answer as received, kept for diagnosis.
    pub snapshot: Vec<u8>,
    /// One Pending ticket for each seat. Empty: no line of the order admits anybody, and the freeze issues it.
    pub tickets: Vec<Ticket>,
    /// What was assumed or ignored in the answer: plain sentences without personal data.
    pub notes: Vec<String>,
    /// What the answer says about its event.
    pub said: Option<Arc<Said>>,
}

/// The outcome of a freeze.
#[derive(Debug, Clone, PartialEq)]
pub enum FreezeOutcome {
    /// The live tickets as recorded, with flags that only the store can determine (`seat_conflict`). When the order was
    /// frozen before, these are the tickets of that freeze, unchanged. A refund that named items or tickets before they
    /// existed has voided its tickets; if none is left, the order is void and `Stale` is returned.
    Frozen(Vec<Ticket>),
    /// The order has been claimed by another worker, voided, or issued without tickets: stop working on it.
    Stale,
    /// Another ticket has this number already: derive the next one and freeze again.
    NumberTaken(String),
}

/// A ticket whose file is stored.
#[derive(Debug, Clone)]
pub struct GeneratedTicket {
    /// The ticket as it is to be recorded: status, path, hash, size, `generated_at`, `sequence`, flags.
    pub ticket: Ticket,
    /// The events to publish, written in the same transaction.
    pub events: Vec<OutboxEvent>,
}

/// A ticket whose file could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTicket {
    /// The ticket.
    pub id: TicketId,
    /// Why, for people.
    pub reason: String,
}

/// The end of an order's work, or a step towards it (tx 3).
#[derive(Debug, Clone)]
pub struct Completion {
    /// The order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Tickets that have their file now.
    pub generated: Vec<GeneratedTicket>,
    /// Whether the order has no other work left: it becomes Issued and its lease is released.
    pub finished: bool,
}

/// Releasing an order without finishing it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The order.
    pub order_id: OrderId,
    /// Its claim's fence.
    pub fence: i64,
    /// Why, for people; kept as the order's last error.
    pub reason: String,
    /// Tickets that failed themselves; they become Failed when the order is parked, and otherwise keep their status and
    /// record the reason.
    pub failed: Vec<FailedTicket>,
    /// What happens next.
    pub then: NextStep,
    /// Ordering's refused answer, kept for diagnosis.
    pub refused_answer: Option<Vec<u8>>,
}

/// The next step for a released order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Try again after this time; this try counts.
    Retry(Duration),
    /// Try again after this time; neither this try nor this time counts (shutting down, or every request is refused).
    Wait(Duration),
    /// Park it, and retry in the background after this time, if given. An issued order stays issued and is put on the
    /// attention list: Ordering could not be asked again.
    Park(Option<Duration>),
}

/// The queue of orders.
#[async_trait]
pub trait OrderQueue: Send + Sync {
    /// Lends up to `limit` due orders to `worker` for `lease`, longest due first. Each claim raises the fence and
    /// counts a try, so that an order that crashes its worker is recognised by its tries. A lease that ends later than
    /// twice `lease` from now counts as expired: clocks may be set back. Two concurrent calls never lend the same
    /// order, and never wait for each other. The time for which an order waited after it was due does not count against
    /// its age: `tried_since` moves by it.
    async fn claim_some(
        &self,
        worker: &str,
        limit: usize,
        lease: Duration,
        which: Claimable,
    ) -> Result<Vec<Claim>>;

    /// The same for all orders.
    async fn claim(&self, worker: &str, limit: usize, lease: Duration) -> Result<Vec<Claim>> {
        self.claim_some(worker, limit, lease, Claimable::All).await
    }

    /// Extends the leases of these claims to `lease` from now. Returns those that are still held.
    async fn renew(&self, claims: &[(OrderId, i64)], lease: Duration) -> Result<Vec<OrderId>>;

    /// Freezes orders, in one transaction, and returns the outcomes in the batch's order. An order whose freeze is
    /// `Stale` or `NumberTaken` changes nothing and does not affect the others.
    async fn freeze(&self, batch: &[Freeze]) -> Result<Vec<FreezeOutcome>>;

    /// Records generated tickets and their events, in one transaction; `false` for an order whose fence is stale or
    /// that was voided meanwhile: nothing of it was written. A ticket that is already Generated, or voided, is left
    /// unchanged and its events are not written again. `finished` takes effect only when no live ticket of the order is
    /// Pending or Failed; otherwise the order stays lent. A ticket that gets its file gives its order a new budget of
    /// tries. A repeat returns `true`.
    async fn complete(&self, batch: &[Completion]) -> Result<Vec<bool>>;

    /// Releases orders, in one transaction; `false` where the fence is stale, and where the order is not lent any more
    /// (released, issued or voided): a repeat must not credit a second try.
    async fn release(&self, batch: &[Release]) -> Result<Vec<bool>>;

    /// The time until the next order is due or the next lease ends: the longest that an idle worker may sleep.
    async fn next_due(&self) -> Result<Option<Duration>>;
}
