//! Sums of refunds: which payment a refund returns, and whether a payment's refunds return all of it.

use fulfillment_domain::order::Charge;
use fulfillment_domain::{Amount, Currency, Names, Subject, TicketId};

use super::OrderFacts;
use super::facts::Paid;
use super::sql::REINSTATED;
use super::ticket::TicketFacts;
use crate::{WithdrawalRecord, WithdrawalState};

/// The payment that a refund returns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    Payment(&'a Paid),
    /// It has not arrived.
    NotCome,
    /// The refund names none, and the order has this many.
    Several(usize),
}

impl OrderFacts {
    /// A refund that names no payment is for the order's only one. Which one it was is recorded (`bound_to`), so that
    /// another payment that arrives later changes nothing. An imported order has one that is not recorded.
    pub(super) fn payment_of(&self, refund: &WithdrawalRecord) -> Of<'_> {
        let with = |key: &str| self.payments.iter().find(|p| p.key == key);
        if let Some(payment) = refund.bound_to.as_deref().and_then(with) {
            return Of::Payment(payment);
        }
        let key = refund.payment_key.as_deref().unwrap_or_default();
        let names_none = key.starts_with("order:") && key == format!("order:{}", self.order_id);
        match self.payments.as_slice() {
            [only] if names_none || !only.is_on_record() => Of::Payment(only),
            [_, _, ..] if names_none => Of::Several(self.payments.len()),
            _ => with(key).map_or(Of::NotCome, Of::Payment),
        }
    }

    /// Whether a payment's refunds add up to it; with a ticket, only those that were not dismissed for it. The seller
    /// may keep a share. A refund without an amount returns the whole payment, unless it has names.
    pub(super) fn is_refunded(&self, payment: &Paid, ticket: Option<TicketId>) -> bool {
        let Some(back) = self.returned(payment, ticket) else { return true };
        let paid = self.amount_of(payment);
        let free = paid == Some(Amount::ZERO);
        (back > Amount::ZERO || free && self.gives_back_nothing(payment, ticket))
            && paid.is_some_and(|paid| back >= self.left_of(paid, payment))
    }

    /// Whether a payment of zero has a refund without names.
    fn gives_back_nothing(&self, payment: &Paid, ticket: Option<TicketId>) -> bool {
        let dismissed = |w: &WithdrawalRecord| ticket.is_some_and(|ticket| w.is_dismissed_for(ticket));
        self.of_kind(Subject::Refund).any(|w| !dismissed(w) && w.names.is_empty() && self.is_of(w, payment))
    }

    /// What the seller owes of an amount of a payment, after the share that the seller may keep.
    pub(super) fn left_of(&self, amount: Amount, payment: &Paid) -> Amount {
        self.rules.retained_share.left_of(amount, self.currency_of(payment))
    }

    /// Whether a refund is for this payment.
    pub(super) fn is_of(&self, refund: &WithdrawalRecord, payment: &Paid) -> bool {
        matches!(self.payment_of(refund), Of::Payment(other) if other.key == payment.key)
    }

    /// Whether every payment is refunded.
    pub(super) fn is_all_refunded(&self, ticket: Option<TicketId>) -> bool {
        !self.payments.is_empty() && self.payments.iter().all(|p| self.is_refunded(p, ticket))
    }

    /// How much of a payment was refunded; none when one of its refunds is for all of it.
    pub(super) fn returned(&self, payment: &Paid, ticket: Option<TicketId>) -> Option<Amount> {
        let mut back = Amount::ZERO;
        for refund in self.of_kind(Subject::Refund) {
            let dismissed = ticket.is_some_and(|ticket| refund.is_dismissed_for(ticket));
            if dismissed || !self.is_of(refund, payment) || self.currencies(refund, payment).is_some() {
                continue;
            }
            match refund.amount {
                None if refund.names.is_empty() => return None,
                amount => back = back.saturating_add(amount.unwrap_or_default()),
            }
        }
        Some(back)
    }

    /// The price of what a payment's refunds without an amount name.
    pub(super) fn named_of(&self, payment: &Paid) -> Amount {
        let of_it = |w: &&WithdrawalRecord| w.amount.is_none() && self.is_of(w, payment);
        let values = self.of_kind(Subject::Refund).filter(of_it).filter_map(|w| self.value_of(&w.names));
        values.fold(Amount::ZERO, Amount::saturating_add)
    }

    /// How much of a payment was not refunded; none when its amount is unknown.
    pub(crate) fn remainder(&self, payment: &Paid) -> Option<Amount> {
        let Some(back) = self.returned(payment, None) else { return Some(Amount::ZERO) };
        payment.amount.map(|paid| Amount(paid.0.saturating_sub(back.0)).max(Amount::ZERO))
    }

    /// How much of a payment was refunded by refunds that a reinstatement dismissed for every ticket.
    pub(crate) fn waived(&self, payment: &Paid) -> Amount {
        let reinstated = |w: &&WithdrawalRecord| {
            w.kind == Subject::Refund
                && w.state == WithdrawalState::Lifted
                && w.note.as_deref() == Some(REINSTATED)
        };
        let refunds = self.withdrawals.iter().filter(reinstated).filter(|w| self.is_of(w, payment));
        let back = refunds.map(|w| match w.amount {
            None if w.names.is_empty() => payment.amount.unwrap_or_default(),
            None => self.value_of(&w.names).unwrap_or_default(),
            Some(amount) => amount,
        });
        back.fold(Amount::ZERO, Amount::saturating_add)
    }

    /// How much was paid. A payment without an amount, if it is the order's only one, paid for its tickets.
    pub(super) fn amount_of(&self, payment: &Paid) -> Option<Amount> {
        let only = self.payments.len() == 1 && !self.tickets.is_empty();
        payment.amount.or_else(|| only.then(|| sum(&self.tickets)).flatten())
    }

    pub(super) fn currency_of(&self, payment: &Paid) -> Option<Currency> {
        payment.currency.or_else(|| self.tickets.first().map(|t| t.currency))
    }

    /// The currencies of a refund and its payment, if they differ.
    pub(super) fn currencies(
        &self,
        refund: &WithdrawalRecord,
        payment: &Paid,
    ) -> Option<(Currency, Currency)> {
        refund.currency.zip(self.currency_of(payment)).filter(|(refund, payment)| refund != payment)
    }

    /// The price of what is named, whether void or not.
    fn value_of(&self, names: &Names) -> Option<Amount> {
        let whole = |t: &TicketFacts| {
            names.ticket_ids.contains(&t.id)
                || t.item_id.as_ref().is_some_and(|id| names.item_ids.contains(id))
        };
        let mut value = sum(self.tickets.iter().filter(|t| whole(t)))?;
        for item in &names.items {
            let of_it =
                self.tickets.iter().filter(|t| t.item_id.as_ref() == Some(&item.item_id) && !whole(t));
            let most = usize::try_from(item.quantity).unwrap_or(usize::MAX);
            value = value.saturating_add(sum(of_it.take(most))?);
        }
        Some(value)
    }

    /// The line that admits nobody and has this `itemId`.
    pub(super) fn charge(&self, item: &str) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.line.strip_prefix("item:") == Some(item))
    }
}

/// The total price of tickets; none when it is in several currencies.
pub(super) fn sum<'a>(tickets: impl IntoIterator<Item = &'a TicketFacts>) -> Option<Amount> {
    let mut currency = None;
    let mut total = Amount::ZERO;
    for ticket in tickets {
        if currency.replace(ticket.currency).is_some_and(|other| other != ticket.currency) {
            return None;
        }
        total = total.saturating_add(ticket.price);
    }
    Some(total)
}
