//! What about a void order needs a person: money that was taken and not given back.

use fulfillment_domain::Amount;
use fulfillment_domain::event_time::is_date;
use jiff::Timestamp;

use super::case::{Arrival, Case, Paid};
use super::ruling::Ruling;
use super::sums::sum;
use crate::shared::attention::Wanted;
use crate::shared::{later, refreshing};
use crate::{AttentionReason, WithdrawalState};

/// The reasons that are reconciled here.
const GROUP: [AttentionReason; 3] =
    [AttentionReason::PaidAfterVoid, AttentionReason::VoidButPaid, AttentionReason::RefundFailedAfterVoid];

/// The reasons that are reconciled here when the order is void: what was found out about its lines is over.
const GROUP_OF_VOID: [AttentionReason; 8] = {
    let [a, b, c] = GROUP;
    let [d, e, f, g, h] = refreshing::GROUP;
    [a, b, c, d, e, f, g, h]
};

/// The most payments or refunds that one entry names.
const NAMED: usize = 3;

impl Ruling {
    /// The reasons that [`Self::attention`] has the last word on.
    pub(crate) fn reasons(&self, case: &Case) -> &'static [AttentionReason] {
        if self.leaves_void(case) { &GROUP_OF_VOID } else { &GROUP }
    }

    /// What is to be listed about the order after this ruling.
    pub(crate) fn attention(&self, case: &Case) -> Vec<Wanted> {
        let is_void = self.leaves_void(case);
        let mut wanted = Vec::new();
        let mut want = |reason, what: Vec<String>, ask: &str, shows_at| {
            if !what.is_empty() {
                wanted.push(Wanted { reason, detail: format!("{}: {ask}", joined(&what)), shows_at });
            }
        };
        if is_void {
            let owed: Vec<&Paid> = case.payments.iter().filter(|p| case.is_owed(p)).collect();
            let (late, before): (Vec<_>, Vec<_>) = owed.into_iter().partition(|p| case.is_late(p));
            let tell = |payments: &[&Paid]| payments.iter().map(|p| case.unrefunded(p)).collect();
            let ask = "refund it, or reinstate the order";
            want(AttentionReason::PaidAfterVoid, tell(&late), ask, case.now);
            if let Some(grace) = case.rules.grace {
                let since = case.voided_at.unwrap_or(case.now);
                want(AttentionReason::VoidButPaid, tell(&before), ask, later(since, grace));
            }
        }
        if is_void || !self.voided.is_empty() || case.tickets.iter().any(|t| t.voided_at.is_some()) {
            let failed =
                case.withdrawals.iter().filter(|w| w.state == WithdrawalState::Failed && w.was_applied);
            let failed = failed.map(|w| format!("{} failed after it was applied", w.key)).collect();
            let ask = "reinstate its tickets, or refund again";
            want(AttentionReason::RefundFailedAfterVoid, failed, ask, case.now);
        }
        wanted
    }
}

impl Case {
    /// Whether a payment was made after the order was voided: by the producers' clocks where the order was cancelled
    /// and both say when, else by what came first.
    pub(super) fn is_late(&self, payment: &Paid) -> bool {
        if !payment.is_on_record() || payment.arrival == Arrival::SeenTo {
            return false;
        }
        // A date that stands for none says nothing of when.
        let said = |at: Option<Timestamp>| at.filter(|at| is_date(*at));
        let cancelled_at = self.of_kind("cancellation").filter_map(|w| said(w.said_at)).min();
        match (said(payment.processed_at), cancelled_at) {
            (Some(paid), Some(cancelled)) => paid > cancelled,
            _ => payment.arrival == Arrival::Late,
        }
    }

    /// Whether a void order's payment was kept. What was paid beyond the tickets' price, like a fee, need not go back.
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
        due.is_none_or(|due| due > Amount::ZERO && back < self.rules.retained_share.left_of(due))
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
