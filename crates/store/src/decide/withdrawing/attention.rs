//! Attention entries for an order's money: payments kept for a void order, and refunds that do not add up.

use std::collections::HashSet;

use fulfillment_domain::event_time::is_date;
use fulfillment_domain::order::Charge;
use fulfillment_domain::{Amount, Subject};
use jiff::Timestamp;

use super::effects::Effects;
use super::facts::{Arrival, OrderFacts, Paid};
use super::sums::{Of, sum};
use super::ticket::TicketFacts;
use crate::decide::attention::Wanted;
use crate::decide::{later, refreshing};
use crate::{AttentionReason, WithdrawalRecord, WithdrawalState};

/// The reasons that are reconciled here.
const GROUP: [AttentionReason; 5] = [
    AttentionReason::PaidAfterVoid,
    AttentionReason::VoidButPaid,
    AttentionReason::RefundFailedAfterVoid,
    AttentionReason::RefundedTooMuch,
    AttentionReason::Underpaid,
];

/// The reasons that are reconciled here when the order is void: findings about its lines do not matter any more.
const GROUP_OF_VOID: [AttentionReason; 10] = {
    let [a, b, c, d, e] = GROUP;
    let [f, g, h, i, j] = refreshing::GROUP;
    [a, b, c, d, e, f, g, h, i, j]
};

/// The reasons that are reconciled here when another payment of an order that never grows was refunded.
const GROUP_OF_SETTLED: [AttentionReason; 6] = {
    let [a, b, c, d, e] = GROUP;
    [a, b, c, d, e, AttentionReason::PaymentOfClosedOrder]
};

/// The most payments or refunds that one entry names.
const NAMED: usize = 3;

impl Effects {
    /// The reasons that [`Self::attention`] decides.
    pub(crate) fn reasons(&self, facts: &OrderFacts) -> &'static [AttentionReason] {
        match (self.leaves_void(facts), facts.is_paid_more_than_once()) {
            (true, _) => &GROUP_OF_VOID,
            (false, true) => &GROUP,
            (false, false) => &GROUP_OF_SETTLED,
        }
    }

    /// The entries that the order should have after these effects.
    pub(crate) fn attention(&self, facts: &OrderFacts) -> Vec<Wanted> {
        let is_void = self.leaves_void(facts);
        let mut wanted = Vec::new();
        let mut want = |reason, what: Vec<String>, ask: &str, shows_at| {
            if !what.is_empty() {
                wanted.push(Wanted { reason, detail: format!("{}: {ask}", joined(&what)), shows_at });
            }
        };
        if is_void {
            let owed: Vec<&Paid> = facts.payments.iter().filter(|p| facts.is_owed(p)).collect();
            let (late, before): (Vec<_>, Vec<_>) = owed.into_iter().partition(|p| facts.is_late(p));
            let tell = |payments: &[&Paid]| payments.iter().map(|p| facts.unrefunded(p)).collect();
            let ask = "refund it, or reinstate the order";
            want(AttentionReason::PaidAfterVoid, tell(&late), ask, facts.now);
            if let Some(grace) = facts.rules.grace {
                let since = facts.voided_at.unwrap_or(facts.now);
                want(AttentionReason::VoidButPaid, tell(&before), ask, later(since, grace));
            }
        }
        if is_void || !self.voided.is_empty() || facts.tickets.iter().any(|t| t.is_void) {
            let failed = facts.withdrawals.iter().filter(|w| facts.is_missing_since_it_failed(w));
            let failed = failed.map(|w| format!("{} failed after it was applied", w.key)).collect();
            let ask = "reinstate its tickets, or refund again";
            want(AttentionReason::RefundFailedAfterVoid, failed, ask, facts.now);
        }
        let too_much = facts.payments.iter().filter_map(|p| facts.beyond(p)).collect();
        let ask = "compare its refunds with the payment provider's";
        want(AttentionReason::RefundedTooMuch, too_much, ask, facts.now);
        if !is_void {
            let ask = "refund the rest, or void what is not paid with `fulfillment ticket void`";
            want(AttentionReason::Underpaid, self.shortage(facts).into_iter().collect(), ask, facts.now);
        }
        wanted
    }

    /// The rest of the payments, when more was refunded than the void tickets cost and the rest does not cover the
    /// valid ones. An open refund is listed itself, and a reinstated ticket is valid by an operator's decision.
    fn shortage(&self, facts: &OrderFacts) -> Option<String> {
        let stands = |w: &WithdrawalRecord| {
            self.settled.iter().find(|s| s.key == w.key).map_or(w.state, |settled| settled.state)
        };
        let open = facts.of_kind(Subject::Refund).any(|w| stands(w).is_open());
        if open {
            return None;
        }
        let add = |sum: Amount, amount: Amount| sum.saturating_add(amount);
        let left =
            facts.payments.iter().try_fold(Amount::ZERO, |sum, p| Some(add(sum, facts.remainder(p)?)))?;
        let paid = facts.payments.iter().filter_map(|p| p.amount).fold(Amount::ZERO, add);
        let voided: HashSet<_> = self.voided.iter().map(|(id, _)| id).collect();
        let stays = |t: &&TicketFacts| !t.is_void && !voided.contains(&t.id);
        let (good, void): (Vec<&TicketFacts>, Vec<&TicketFacts>) = facts.tickets.iter().partition(stays);
        let currency = good.first()?.currency;
        let dismissed: HashSet<_> = facts.withdrawals.iter().flat_map(|w| &w.dismissed_for).collect();
        if good.iter().any(|t| dismissed.contains(&t.id))
            || facts.payments.iter().any(|p| facts.currency_of(p) != Some(currency))
        {
            return None;
        }
        // The reduction of a voucher was never paid, and a fee can be kept or refunded.
        let (off, fees): (Vec<_>, Vec<_>) =
            facts.charges.iter().map(Charge::cost).partition(|c| c.is_negative());
        let price = off.into_iter().fold(sum(good)?, add);
        let back = paid.saturating_sub(left);
        (left < price && back > fees.into_iter().fold(sum(void)?, add))
            .then(|| format!("{left} {currency} of its payments is left, and its good tickets cost {price}"))
    }
}

impl OrderFacts {
    /// Whether the order has more than one payment.
    fn is_paid_more_than_once(&self) -> bool {
        self.payments.iter().filter(|p| !self.is_refunded(p, None)).count() > 1
    }

    /// Whether a payment was made after the order was voided: by the producers' clocks where the order was cancelled
    /// and both have a time, else by the order of arrival.
    pub(super) fn is_late(&self, payment: &Paid) -> bool {
        if !payment.is_on_record() || payment.arrival == Arrival::SeenTo {
            return false;
        }
        // A placeholder date gives no time.
        let said = |at: Option<Timestamp>| at.filter(|at| is_date(*at));
        let cancelled_at = self.of_kind(Subject::Cancellation).filter_map(|w| said(w.said_at)).min();
        match (said(payment.processed_at), cancelled_at) {
            (Some(paid), Some(cancelled)) => paid > cancelled,
            _ => payment.arrival == Arrival::Late,
        }
    }

    /// Whether a void order's payment was kept. Anything paid above the tickets' price, like a fee, need not be
    /// refunded.
    fn is_owed(&self, payment: &Paid) -> bool {
        if !payment.is_on_record() || payment.arrival == Arrival::SeenTo || self.is_refunded(payment, None) {
            return false;
        }
        let Some(back) = self.returned(payment, None) else { return false };
        let back = back.saturating_add(self.named_of(payment));
        let in_its_currency = self.tickets.iter().all(|t| Some(t.currency) == self.currency_of(payment));
        let price = sum(&self.tickets).filter(|_| in_its_currency && !self.tickets.is_empty());
        let due = match (self.amount_of(payment), price) {
            (Some(paid), Some(price)) => Some(paid.min(price)),
            (paid, price) => paid.or(price),
        };
        due.is_none_or(|due| due > Amount::ZERO && back < self.left_of(due, payment))
    }

    /// Whether a refund failed after it was applied, and no other one refunds the same.
    fn is_missing_since_it_failed(&self, refund: &WithdrawalRecord) -> bool {
        if refund.state != WithdrawalState::Failed || !refund.was_applied {
            return false;
        }
        let Of::Payment(payment) = self.payment_of(refund) else { return true };
        let as_much = |other: &WithdrawalRecord| {
            other.amount.zip(refund.amount).is_none_or(|(other, failed)| other >= failed)
        };
        let instead = |w: &WithdrawalRecord| {
            self.is_of(w, payment)
                && !w.names.is_empty()
                && !refund.names.is_empty()
                && w.names.covers(&refund.names)
                && as_much(w)
        };
        !self.is_refunded(payment, None) && !self.of_kind(Subject::Refund).any(instead)
    }

    /// The refunds of a payment, where they exceed it.
    fn beyond(&self, payment: &Paid) -> Option<String> {
        let paid = payment.amount?;
        let of_it = |w: &&WithdrawalRecord| self.is_of(w, payment) && self.currencies(w, payment).is_none();
        let back = self.of_kind(Subject::Refund).filter(of_it).filter_map(|w| w.amount);
        let back = back.fold(Amount::ZERO, Amount::saturating_add);
        let currency = self.currency_of(payment).map(|c| format!(" {c}")).unwrap_or_default();
        (back > paid)
            .then(|| format!("{back}{currency} of the payment {} of {paid}{currency} went back", payment.key))
    }

    /// "the payment p of 59.50 EUR is not refunded".
    fn unrefunded(&self, payment: &Paid) -> String {
        let mut text = format!("the payment {}", payment.key);
        if let Some(amount) = payment.amount {
            text = format!("{text} of {amount}");
            if let Some(currency) = payment.currency {
                text = format!("{text} {currency}");
            }
        }
        match self.returned(payment, None) {
            Some(back) if back > Amount::ZERO => format!("{text} is refunded only in part ({back})"),
            _ => format!("{text} is not refunded"),
        }
    }
}

fn joined(what: &[String]) -> String {
    let (named, others) = what.split_at(what.len().min(NAMED));
    match others.len() {
        0 => named.join("; "),
        n => format!("{}; and {n} more", named.join("; ")),
    }
}
