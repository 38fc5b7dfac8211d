//! What about an order needs a person, though the order itself goes on or is over: the attention list.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use fulfillment_domain::OrderId;
use fulfillment_domain::ticket::UnknownWord;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::Result;

/// Why an order is listed. An order is listed once for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttentionReason {
    /// It is void, and a payment made after that was not refunded.
    PaidAfterVoid,
    /// It is void, and a payment made before that has not been refunded for a while.
    VoidButPaid,
    /// A refund that voided tickets failed later.
    RefundFailedAfterVoid,
    /// More of a payment went back than it was.
    RefundedTooMuch,
    /// Its unrefunded payments are more than its total.
    Overpaid,
    /// A payment of it was refunded, and what is left of the others is less than its good tickets cost.
    Underpaid,
    /// What its payments come to cannot be compared with its total: several currencies, or no amount.
    PaymentUnclear,
    /// Ordering could not be asked what is new after another payment.
    NotAskedAgain,
    /// Ordering's newer answer has lines that cannot be told from the old ones.
    CannotTellNew,
    /// Ordering's newer answer has new lines, and the payments do not cover all lines.
    NewLinesUnpaid,
    /// Another payment of an order that never grows: void, erased or imported.
    PaymentOfClosedOrder,
}

impl AttentionReason {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::PaidAfterVoid,
        Self::VoidButPaid,
        Self::RefundFailedAfterVoid,
        Self::RefundedTooMuch,
        Self::Overpaid,
        Self::Underpaid,
        Self::PaymentUnclear,
        Self::NotAskedAgain,
        Self::CannotTellNew,
        Self::NewLinesUnpaid,
        Self::PaymentOfClosedOrder,
    ];

    /// The word, as the record, JSON and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaidAfterVoid => "paid_after_void",
            Self::VoidButPaid => "void_but_paid",
            Self::RefundFailedAfterVoid => "refund_failed_after_void",
            Self::RefundedTooMuch => "refunded_too_much",
            Self::Overpaid => "overpaid",
            Self::Underpaid => "underpaid",
            Self::PaymentUnclear => "payment_unclear",
            Self::NotAskedAgain => "not_asked_again",
            Self::CannotTellNew => "cannot_tell_new",
            Self::NewLinesUnpaid => "new_lines_unpaid",
            Self::PaymentOfClosedOrder => "payment_of_closed_order",
        }
    }
}

impl fmt::Display for AttentionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AttentionReason {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownWord { what: "reason for attention", word: text.to_owned() })
    }
}

impl Serialize for AttentionReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
