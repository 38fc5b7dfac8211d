//! Withdrawals: refunds, cancellations, and voids by an operator.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::{Amount, Currency, Names, OrderId, Share, Subject, TicketId};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Announcing, Result};

fulfillment_domain::words! {
    /// The state of a refund or cancellation.
    pub enum WithdrawalState: "state of a withdrawal" {
        /// It waits for its payment, or for the tickets it names.
        Waiting = "waiting",
        /// Done; it has no further effect.
        Applied = "applied",
        /// It voids nothing by itself: an operator has to say what it is for.
        Parked = "parked",
        /// Dismissed by an operator: the order or all its tickets were reinstated, or an open refund was dismissed. Or
        /// a cancellation without a time that was read after a reinstatement later than its record.
        Lifted = "lifted",
        /// The refund is pending: it has no effect until it is final.
        Pending = "pending",
        /// The refund failed: it has no effect.
        Failed = "failed",
    }
}

impl WithdrawalState {
    /// Whether it may still have an effect.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Parked)
    }
}

/// A refund or cancellation as recorded permanently.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalRecord {
    /// Idempotency key: `refund:<id>`, `cancellation:<order>:<time>`; without a time `cancellation:<order>`, and after
    /// a reinstatement `cancellation:<order>@<its record's time>`.
    pub key: String,
    /// Whether it is a refund or a cancellation.
    pub kind: Subject,
    /// The order.
    pub order_id: OrderId,
    /// The payment of a refund, by its key.
    pub payment_key: Option<String>,
    /// The amount.
    pub amount: Option<Amount>,
    /// The currency.
    pub currency: Option<Currency>,
    /// The items and tickets it names.
    pub names: Names,
    /// Why, as its producer states it.
    pub reason: Option<String>,
    /// When, by its producer's clock.
    pub said_at: Option<Timestamp>,
    /// Its state.
    pub state: WithdrawalState,
    /// Why it is in this state.
    pub note: Option<String>,
    /// How often it arrived again.
    pub duplicates: u64,
    /// When it first arrived.
    pub received_at: Timestamp,
    /// The payment that it refunds, once that is known.
    pub bound_to: Option<String>,
    /// Tickets that were reinstated after it: it does not affect them.
    pub dismissed_for: BTreeSet<TicketId>,
    /// Whether it has ever been applied.
    #[serde(skip)]
    pub was_applied: bool,
}

/// The seller's rules for refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RefundRules {
    /// The fee that the seller keeps, as a share of what was paid: a refund that is lower by this share counts as full.
    pub retained_share: Share,
    /// How long after its void an order's money may be kept before it is listed; none: it is never listed.
    pub grace: Option<Duration>,
}

/// Voids by an operator, and open refunds. Messages from producers arrive by [`crate::Inbox`].
#[async_trait]
pub trait Withdrawals: Send + Sync {
    /// Voids a ticket on an operator's command: it is no longer valid, and its seat passes to the next live ticket that
    /// has it, which keeps its flag. An order without any live ticket left is voided too. `false` when there is no such
    /// ticket or it is voided already.
    async fn void_ticket(
        &self,
        id: TicketId,
        reason: &str,
        announcing: &Announcing,
        by: &Actor,
    ) -> Result<bool>;

    /// Dismisses a waiting or parked refund on an operator's command: it has no effect any more. `false` when there is
    /// none with this key. An order that is not paid and has nothing else recorded is not listed any more.
    async fn lift_withdrawal(&self, key: &str, reason: &str, by: &Actor) -> Result<bool>;

    /// Dismisses everything that arrived for an order without a payment: it will not affect a payment that may still
    /// arrive. `false` when the order is paid, or has nothing open.
    async fn lift_unpaid(&self, order: OrderId, reason: &str, by: &Actor) -> Result<bool>;

    /// Parks refunds that have waited for longer than `age`, at most `limit`, oldest first, and returns how many. They
    /// are still settled when what they wait for arrives.
    async fn park_overdue(&self, age: Duration, limit: usize) -> Result<usize>;

    /// Refunds and cancellations that wait or are parked, oldest first, up to `limit`.
    async fn open_withdrawals(&self, limit: usize) -> Result<Vec<WithdrawalRecord>>;
}
