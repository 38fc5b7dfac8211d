//! What one refund does, and what the refunds of a payment add up to.

use std::collections::HashMap;

use fulfillment_domain::{Amount, Names, TicketId};

use super::ruling::told;
use super::{Case, End, Paid};
use crate::{WithdrawalRecord, WithdrawalState};

impl Case {
    /// Where an open refund stands now; tickets it voids go into `named`.
    pub(super) fn judge(
        &self,
        refund: &WithdrawalRecord,
        named: &mut HashMap<TicketId, String>,
    ) -> (WithdrawalState, Option<String>) {
        use WithdrawalState::{Applied, Parked, Waiting};
        let parked = |why: &str| (Parked, Some(why.to_owned()));
        let key = refund.payment_key.as_deref().unwrap_or_default();
        if self.elsewhere.contains(key) {
            return parked("its payment is of another order");
        }
        if !refund.names.is_empty() {
            if self.voided {
                return (Applied, None);
            }
            if !self.frozen && self.all_refunded() {
                return (Applied, None);
            }
            if !self.frozen {
                return (Waiting, Some("the tickets that it names are not made yet".into()));
            }
            return match self.tickets_of(&refund.names) {
                Some(tickets) => {
                    for ticket in tickets {
                        named.entry(ticket).or_insert_with(|| told("refunded", refund));
                    }
                    (Applied, None)
                }
                None => parked("it names what the order does not have"),
            };
        }
        let Some(payment) = self.payments.iter().find(|p| p.key == key) else {
            return (Waiting, Some("its payment has not come".into()));
        };
        if self.refunded(payment) {
            let note = (!self.all_refunded()).then(|| "another payment of the order stands".to_owned());
            return (Applied, note);
        }
        if self.voided {
            return (Applied, Some("the order was void before".into()));
        }
        parked("it gives a part back and names neither items nor tickets")
    }

    /// The live tickets that are named; none when a name is of nothing in the order.
    fn tickets_of(&self, names: &Names) -> Option<Vec<TicketId>> {
        let mut found = Vec::new();
        for item in &names.item_ids {
            let before = found.len();
            found.extend(self.tickets.iter().filter(|t| t.item_id.as_ref() == Some(item)).map(|t| t.id));
            if found.len() == before {
                return None;
            }
        }
        for id in &names.ticket_ids {
            found.push(self.tickets.iter().find(|t| t.id == *id)?.id);
        }
        Some(found)
    }

    /// Whether a payment's refunds add up to it. One without an amount gives back all of it, unless it names things.
    fn refunded(&self, payment: &Paid) -> bool {
        let of_it = self
            .withdrawals
            .iter()
            .filter(|w| w.payment_key.as_ref() == Some(&payment.key) && w.state != WithdrawalState::Lifted);
        let mut back = Amount::ZERO;
        for refund in of_it {
            match refund.amount {
                None if refund.names.is_empty() => return true,
                Some(amount) if refund.currency.is_none() || refund.currency == payment.currency => {
                    back = back.saturating_add(amount);
                }
                _ => {}
            }
        }
        payment.amount.is_some_and(|paid| back >= paid && back > Amount::ZERO)
    }

    pub(super) fn all_refunded(&self) -> bool {
        !self.payments.is_empty() && self.payments.iter().all(|p| self.refunded(p))
    }

    /// A void order's end: parked while a payment stands that came too late.
    pub(super) fn void(&self, whole: Option<String>) -> End {
        let last = |kind: &str, what: &str| {
            let of_kind = |w: &&WithdrawalRecord| w.kind == kind && w.state != WithdrawalState::Lifted;
            self.withdrawals.iter().rfind(of_kind).map(|w| told(what, w))
        };
        let cancelled = last("cancellation", "cancelled");
        if self.payments.iter().any(|p| p.late && !self.refunded(p)) {
            let what = if cancelled.is_some() { "cancellation" } else { "its void" };
            return End::Parked(format!("paid after {what}"));
        }
        let why = cancelled.or(whole).or_else(|| last("refund", "refunded"));
        End::Voided(why.unwrap_or_else(|| "every ticket of it was voided".into()))
    }
}
