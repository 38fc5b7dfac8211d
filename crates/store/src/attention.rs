//! The attention list: what an operator should look at, although the order itself continues or is finished.

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Actor, Result};

fulfillment_domain::words! {
    /// Why an order is listed. An order has one entry for each reason.
    pub enum AttentionReason: "reason for attention" {
        /// It is void, and a payment made after the void was not refunded.
        PaidAfterVoid = "paid_after_void",
        /// It is void, and a payment made before the void has not been refunded for a while.
        VoidButPaid = "void_but_paid",
        /// A refund that voided tickets failed later.
        RefundFailedAfterVoid = "refund_failed_after_void",
        /// More than a payment's amount was refunded.
        RefundedTooMuch = "refunded_too_much",
        /// Its unrefunded payments exceed its total.
        Overpaid = "overpaid",
        /// A payment of it was refunded, and the rest of the others is less than the price of its valid tickets.
        Underpaid = "underpaid",
        /// Its payments cannot be compared with its total: several currencies, or no amount.
        PaymentUnclear = "payment_unclear",
        /// Ordering could not be asked what is new after another payment.
        NotAskedAgain = "not_asked_again",
        /// Ordering's newer answer has lines that cannot be distinguished from the old ones.
        CannotTellNew = "cannot_tell_new",
        /// Ordering's newer answer has new lines, and the payments do not cover all lines.
        NewLinesUnpaid = "new_lines_unpaid",
        /// Another payment of an order that never grows: void, erased or imported.
        PaymentOfClosedOrder = "payment_of_closed_order",
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attention {
    /// The order.
    pub order_id: OrderId,
    /// Why it is listed.
    pub reason: AttentionReason,
    /// What was found and what would settle it, in a sentence for people, without personal data.
    pub detail: String,
    /// Since when the reason applies.
    pub since: Timestamp,
    /// From when it is listed: some reasons need an operator only when they last.
    pub shows_at: Timestamp,
}

/// The entries that an operator has dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttentionScope {
    /// Those of one order.
    Order(OrderId),
    /// Those of every order that has tickets for this event.
    Event(String),
}

/// The attention list.
#[async_trait]
pub trait Attentions: Send + Sync {
    /// Open entries that are due to be listed, longest listed first, up to `limit`.
    async fn attention(&self, limit: usize) -> Result<Vec<Attention>>;

    /// How many listed entries a scope has: what [`Self::acknowledge`] would remove.
    async fn attention_within(&self, scope: &AttentionScope) -> Result<u64>;

    /// Removes the listed entries of a scope from the list, and returns how many. An entry comes back when its content
    /// changes.
    async fn acknowledge(&self, scope: &AttentionScope, why: &str, by: &Actor) -> Result<u64>;
}
