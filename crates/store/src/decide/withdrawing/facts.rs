//! Everything that determines an order's refunds and cancellations, as it was read.

use std::collections::HashSet;

use fulfillment_domain::order::{Charge, Reading};
use fulfillment_domain::{Amount, Currency, OrderId, OrderSnapshot, OrderState, Subject, TicketId};
use jiff::Timestamp;

use super::ticket::TicketFacts;
use crate::decide::importing::IMPORTED;
use crate::decide::sql_values::{Row, need, odd};
use crate::{RefundRules, Result, WithdrawalRecord, WithdrawalState};

/// A payment of the order.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) key: String,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    /// When, by its producer's clock.
    pub(crate) processed_at: Option<Timestamp>,
    /// Whether it came after the order was voided.
    pub(crate) arrival: Arrival,
    /// The key of the payment that it is folded into; see [`crate::decide::folding`].
    pub(crate) folded_into: Option<String>,
}

/// Whether a payment arrived after the order's void, as `payments.late` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The order was not void.
    InTime,
    /// The order was void.
    Late,
    /// The order is void, and an operator has dealt with the payment.
    SeenTo,
}

impl Arrival {
    /// Reads `late`.
    pub(crate) fn of(row: &impl Row) -> Result<Self> {
        match row.number::<i64>("late")? {
            0 => Ok(Self::InTime),
            1 => Ok(Self::Late),
            2 => Ok(Self::SeenTo),
            other => Err(odd("late", other)),
        }
    }

    /// The stored value of `late`.
    pub(crate) fn stored(self) -> i64 {
        match self {
            Self::InTime => 0,
            Self::Late => 1,
            Self::SeenTo => 2,
        }
    }
}

/// Reads `key, amount, currency, processed_at, late, folded_into`.
pub(crate) fn paid_from(row: &impl Row) -> Result<Paid> {
    Ok(Paid {
        key: need("key", row.text("key")?)?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        processed_at: row.time("processed_at")?,
        arrival: Arrival::of(row)?,
        folded_into: row.text("folded_into")?,
    })
}

impl Paid {
    /// The payment that an earlier service received for an imported order, until its own payment arrives.
    fn elsewhere() -> Self {
        let key = IMPORTED.to_owned();
        Self {
            key,
            amount: None,
            currency: None,
            processed_at: None,
            arrival: Arrival::InTime,
            folded_into: None,
        }
    }

    /// Whether it is recorded here.
    pub(super) fn is_on_record(&self) -> bool {
        self.key != IMPORTED
    }
}

/// Everything that determines the effect of an order's withdrawals.
#[derive(Debug)]
pub(crate) struct OrderFacts {
    pub(crate) order_id: OrderId,
    pub(crate) now: Timestamp,
    pub(crate) rules: RefundRules,
    pub(crate) state: OrderState,
    pub(crate) frozen: bool,
    /// Since when it is void, unless it was reinstated later.
    pub(crate) voided_at: Option<Timestamp>,
    /// It was imported with its tickets, and no payment of it has arrived.
    imported: bool,
    pub(crate) traceparent: Option<String>,
    pub(crate) payments: Vec<Paid>,
    /// Payments of other orders that a withdrawal of this one names, by key.
    pub(crate) elsewhere: HashSet<String>,
    /// Oldest first.
    pub(crate) withdrawals: Vec<WithdrawalRecord>,
    pub(crate) tickets: Vec<TicketFacts>,
    /// Its lines that admit nobody, where they are needed.
    pub(crate) charges: Vec<Charge>,
}

/// Reads `order_id, state, payment_key, frozen_at, voided_at, traceparent` of an order into facts that are otherwise
/// empty.
pub(crate) fn facts_from(row: &impl Row, now: Timestamp, rules: RefundRules) -> Result<OrderFacts> {
    Ok(OrderFacts {
        order_id: row.order_id()?,
        now,
        rules,
        state: row.word("state")?,
        frozen: row.time("frozen_at")?.is_some(),
        voided_at: row.time("voided_at")?,
        imported: row.text("payment_key")?.as_deref() == Some(IMPORTED),
        traceparent: row.text("traceparent")?,
        payments: Vec::new(),
        elsewhere: HashSet::new(),
        withdrawals: Vec::new(),
        tickets: Vec::new(),
        charges: Vec::new(),
    })
}

impl OrderFacts {
    #[cfg(test)]
    pub(super) fn issued(order_id: OrderId, rules: RefundRules, tickets: Vec<TicketFacts>) -> Self {
        Self {
            order_id,
            now: Timestamp::UNIX_EPOCH,
            rules,
            state: OrderState::Issued,
            frozen: true,
            voided_at: None,
            imported: false,
            traceparent: None,
            payments: Vec::new(),
            elsewhere: HashSet::new(),
            withdrawals: Vec::new(),
            tickets,
            charges: Vec::new(),
        }
    }

    /// Adds the payments.
    pub(crate) fn set_payments(&mut self, payments: Vec<Paid>) {
        self.payments = payments;
        if self.imported && self.payments.is_empty() {
            self.payments.push(Paid::elsewhere());
        }
    }

    /// Whether the lines that admit nobody are needed: a refund names something, or one of several payments may be
    /// refunded.
    pub(crate) fn asks_for_charges(&self) -> bool {
        let names_items = |w: &WithdrawalRecord| !w.names.item_ids.is_empty() || !w.names.items.is_empty();
        self.frozen && (self.payments.len() > 1 || self.withdrawals.iter().any(names_items))
    }

    /// Reads them from the answer of Ordering that its tickets were made from. An erased order has no answer, and an
    /// answer that only an earlier version could read gives none.
    pub(crate) fn set_charges(&mut self, snapshot: &[u8]) {
        let reading = Reading { paid_in: self.tickets.first().map(|t| t.currency), ..Reading::default() };
        let order = OrderSnapshot::parse(snapshot, self.order_id, &reading);
        self.charges = order.map(|order| order.charges).unwrap_or_default();
    }

    /// Whether it was voided, and not reinstated later.
    pub(crate) fn is_void(&self) -> bool {
        self.voided_at.is_some()
    }

    pub(super) fn of_kind(&self, kind: Subject) -> impl DoubleEndedIterator<Item = &WithdrawalRecord> {
        self.withdrawals.iter().filter(move |w| w.kind == kind && w.state.counts())
    }
}

impl WithdrawalRecord {
    /// Whether it does not affect this ticket, which was reinstated after it.
    pub(super) fn is_dismissed_for(&self, ticket: TicketId) -> bool {
        self.dismissed_for.contains(&ticket)
    }
}

impl WithdrawalState {
    /// Whether the money was returned, or the order was cancelled, as far as is known.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Waiting | Self::Applied | Self::Parked)
    }
}
