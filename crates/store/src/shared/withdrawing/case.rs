//! What bears on an order's refunds and cancellations, as it was read.

use std::collections::HashSet;

use fulfillment_domain::order::{Charge, Reading};
use fulfillment_domain::{Amount, Currency, OrderId, OrderSnapshot, OrderState, Subject, Ticket, TicketId};
use jiff::Timestamp;

use crate::shared::adopting::IMPORTED;
use crate::shared::cells::{Row, need, odd};
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
    /// The key of the payment that it is; see [`crate::shared::folding`].
    pub(crate) folded_into: Option<String>,
}

/// How a payment came, as `payments.late` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The order was not void.
    InTime,
    /// The order was void.
    Late,
    /// The order is void, and an operator has seen to the payment.
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

    /// As `late` has it.
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
    /// What an earlier service was paid for an order that was taken over, until its payment comes.
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

    /// Whether it is on record here.
    pub(super) fn is_on_record(&self) -> bool {
        self.key != IMPORTED
    }
}

/// Everything that bears on what an order's withdrawals do.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) order_id: OrderId,
    pub(crate) now: Timestamp,
    pub(crate) rules: RefundRules,
    pub(crate) state: OrderState,
    pub(crate) frozen: bool,
    /// Since when it is void, if it was not reinstated since.
    pub(crate) voided_at: Option<Timestamp>,
    /// It was taken over with its tickets, and no payment of it has come.
    imported: bool,
    pub(crate) traceparent: Option<String>,
    pub(crate) payments: Vec<Paid>,
    /// Payments of other orders that a withdrawal of this one names, by key.
    pub(crate) elsewhere: HashSet<String>,
    /// Oldest first.
    pub(crate) withdrawals: Vec<WithdrawalRecord>,
    pub(crate) tickets: Vec<Ticket>,
    /// Its lines that admit nobody, where they matter.
    pub(crate) charges: Vec<Charge>,
}

/// Reads `order_id, state, payment_key, frozen_at, voided_at, traceparent` of an order into a case without anything
/// else.
pub(crate) fn case_from(row: &impl Row, now: Timestamp, rules: RefundRules) -> Result<Case> {
    Ok(Case {
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

impl Case {
    #[cfg(all(test, feature = "conformance"))]
    pub(super) fn issued(order_id: OrderId, rules: RefundRules, tickets: Vec<Ticket>) -> Self {
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

    /// Adds what was paid.
    pub(crate) fn set_payments(&mut self, payments: Vec<Paid>) {
        self.payments = payments;
        if self.imported && self.payments.is_empty() {
            self.payments.push(Paid::elsewhere());
        }
    }

    /// Whether the lines that admit nobody matter: something is named, or one of several payments may go back.
    pub(crate) fn asks_for_charges(&self) -> bool {
        let names_items = |w: &WithdrawalRecord| !w.names.item_ids.is_empty() || !w.names.items.is_empty();
        self.frozen && (self.payments.len() > 1 || self.withdrawals.iter().any(names_items))
    }

    /// Finds them in Ordering's answer that its tickets were made of. An erased order has none any more, and of an answer
    /// that only an earlier version could read nothing is known.
    pub(crate) fn set_charges(&mut self, snapshot: &[u8]) {
        let reading = Reading { paid_in: self.tickets.first().map(|t| t.currency), ..Reading::default() };
        let order = OrderSnapshot::parse(snapshot, self.order_id, &reading);
        self.charges = order.map(|order| order.charges).unwrap_or_default();
    }

    /// Whether it was voided, and not reinstated since.
    pub(crate) fn is_void(&self) -> bool {
        self.voided_at.is_some()
    }

    pub(super) fn of_kind(&self, kind: Subject) -> impl DoubleEndedIterator<Item = &WithdrawalRecord> {
        self.withdrawals.iter().filter(move |w| w.kind == kind && w.state.counts())
    }
}

impl WithdrawalRecord {
    /// Whether it does nothing to this ticket, which was reinstated after it.
    pub(super) fn is_dismissed_for(&self, ticket: TicketId) -> bool {
        self.dismissed_for.contains(&ticket)
    }
}

impl WithdrawalState {
    /// Whether the money went back, or the order was called off, as far as anybody knows.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Waiting | Self::Applied | Self::Parked)
    }
}
