//! What about an order needs a person, though the order itself goes on or is over: the attention list.

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use jiff::Timestamp;
use serde::Serialize;

use crate::Result;

fulfillment_domain::words! {
    /// Why an order is listed. An order is listed once for each.
    pub enum AttentionReason: "reason for attention" {
        /// It is void, and a payment made after that was not refunded.
        PaidAfterVoid = "paid_after_void",
        /// It is void, and a payment made before that has not been refunded for a while.
        VoidButPaid = "void_but_paid",
        /// A refund that voided tickets failed later.
        RefundFailedAfterVoid = "refund_failed_after_void",
        /// More of a payment went back than it was.
        RefundedTooMuch = "refunded_too_much",
        /// Its unrefunded payments are more than its total.
        Overpaid = "overpaid",
        /// A payment of it was refunded, and what is left of the others is less than its good tickets cost.
        Underpaid = "underpaid",
        /// What its payments come to cannot be compared with its total: several currencies, or no amount.
        PaymentUnclear = "payment_unclear",
        /// Ordering could not be asked what is new after another payment.
        NotAskedAgain = "not_asked_again",
        /// Ordering's newer answer has lines that cannot be told from the old ones.
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
    /// Which order.
    pub order_id: OrderId,
    /// Why it is listed.
    pub reason: AttentionReason,
    /// What was found and what would settle it, in a sentence for people, without personal data.
    pub detail: String,
    /// Since when it holds.
    pub since: Timestamp,
    /// From when it is listed: some things only need a person when they last.
    pub shows_at: Timestamp,
}

/// Which entries an operator has seen to.
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
    /// Open entries that are listed by now, longest listed first, up to `limit`.
    async fn attention(&self, limit: usize) -> Result<Vec<Attention>>;

    /// Takes the listed entries of a scope off the list. One comes back when what it says changes. Answers with how many were
    /// taken off.
    async fn acknowledge(&self, scope: &AttentionScope, why: &str) -> Result<u64>;
}
