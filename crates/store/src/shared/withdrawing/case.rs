//! What bears on an order's refunds and cancellations, as it was read.

use std::collections::HashSet;

use fulfillment_domain::{Amount, Currency, OrderState, Ticket};

use crate::shared::cells::{Row, need};
use crate::{Result, WithdrawalRecord};

/// A payment of the order.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) key: String,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    /// It came after the order was voided.
    pub(crate) late: bool,
    /// The key of the payment that it is; see [`crate::shared::folding`].
    pub(crate) folded_into: Option<String>,
}

/// Reads `key, amount, currency, late, folded_into`.
pub(crate) fn paid_from(row: &impl Row) -> Result<Paid> {
    Ok(Paid {
        key: need("key", row.text("key")?)?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        late: row.number::<i64>("late")? != 0,
        folded_into: row.text("folded_into")?,
    })
}

/// Everything that bears on what an order's withdrawals do.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) state: OrderState,
    pub(crate) frozen: bool,
    /// It was voided, and not reinstated since.
    pub(crate) voided: bool,
    pub(crate) traceparent: Option<String>,
    pub(crate) payments: Vec<Paid>,
    /// Payments of other orders that a withdrawal of this one names, by key.
    pub(crate) elsewhere: HashSet<String>,
    /// Oldest first.
    pub(crate) withdrawals: Vec<WithdrawalRecord>,
    pub(crate) tickets: Vec<Ticket>,
}

/// Reads `state, frozen_at, voided_at, traceparent` of an order into a case without anything else.
pub(crate) fn case_from(row: &impl Row) -> Result<Case> {
    Ok(Case {
        state: row.word("state")?,
        frozen: row.time("frozen_at")?.is_some(),
        voided: row.time("voided_at")?.is_some(),
        traceparent: row.text("traceparent")?,
        payments: Vec::new(),
        elsewhere: HashSet::new(),
        withdrawals: Vec::new(),
        tickets: Vec::new(),
    })
}
