//! What takes tickets back: refunds, cancellations, and an operator's word.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, Names, OrderId, Share, Subject, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Announcing, Result};

fulfillment_domain::words! {
    /// Where a refund or cancellation stands.
    pub enum WithdrawalState: "state of a withdrawal" {
        /// What it is about has not come: its payment, or the tickets it names.
        Waiting = "waiting",
        /// Done; nothing more follows from it.
        Applied = "applied",
        /// It voids nothing by itself: somebody has to say what it is for.
        Parked = "parked",
        /// Dismissed by an operator: the order or all its tickets were reinstated, or an open refund was put aside. Or a
        /// cancellation that does not say when, and was read after a reinstatement that is later than its record.
        Lifted = "lifted",
        /// The refund is on its way: nothing follows from it until it is final.
        Pending = "pending",
        /// The refund did not come about: nothing follows from it.
        Failed = "failed",
    }
}

impl WithdrawalState {
    /// Whether something may still follow from it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Parked)
    }
}

/// A refund or cancellation as kept for good.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalRecord {
    /// Idempotency key: `refund:<id>`, `cancellation:<order>:<time>`; without a time of its own `cancellation:<order>`,
    /// and after a reinstatement `cancellation:<order>@<its record's time>`.
    pub key: String,
    /// A refund or a cancellation.
    pub kind: Subject,
    /// Of which order.
    pub order_id: OrderId,
    /// Of which payment, by its key; a refund's.
    pub payment_key: Option<String>,
    /// How much.
    pub amount: Option<Amount>,
    /// In what.
    pub currency: Option<Currency>,
    /// What it names.
    pub names: Names,
    /// Why, as its producer has it.
    pub reason: Option<String>,
    /// When, by its producer's clock.
    pub said_at: Option<Timestamp>,
    /// Where it stands.
    pub state: WithdrawalState,
    /// Why it stands there.
    pub note: Option<String>,
    /// How often it came again.
    pub duplicates: u64,
    /// When it first came.
    pub received_at: Timestamp,
    /// The payment that it gives back, once that is known.
    pub bound_to: Option<String>,
    /// Tickets that were reinstated after it: it does nothing to them.
    pub dismissed_for: BTreeSet<TicketId>,
    /// Whether it was applied once.
    #[serde(skip)]
    pub was_applied: bool,
}

/// What the seller's refunds are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefundRules {
    /// The fee that the seller keeps, as a share of what was paid: less by this share still is the whole price.
    pub retained_share: Share,
    /// How long after its void an order's money may stay before it is listed; none: it never is.
    pub grace: Option<Duration>,
}

/// Taking back by an operator's word, and what is open. What producers say comes by [`crate::Inbox`].
#[async_trait]
pub trait Withdrawals: Send + Sync {
    /// Voids a ticket by an operator's word: it opens no door from now on, and its seat passes to the next live
    /// ticket that has it, which keeps its flag. An order without any live ticket left is voided too. `false` when
    /// there is no such ticket or it is voided already.
    async fn void_ticket(&self, id: TicketId, reason: &str, announcing: &Announcing) -> Result<bool>;

    /// Puts a waiting or parked refund aside by an operator's word: nothing will follow from it. `false` when there is
    /// none of this key. An order that nobody has paid, and that nothing else is known of, is shown no more.
    async fn lift_withdrawal(&self, key: &str, reason: &str) -> Result<bool>;

    /// Puts everything aside that came of an order nobody has paid: nothing of it bears on a payment that may come
    /// still. `false` when the order is paid, or nothing is open of it.
    async fn lift_unpaid(&self, order: OrderId, reason: &str) -> Result<bool>;

    /// Parks refunds that have waited for longer than `age`, at most `limit`, oldest first, and answers with how many.
    /// What they wait for settles them still, when it comes.
    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize>;

    /// Refunds and cancellations that wait or are parked, oldest first, up to `limit`.
    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>>;
}
