//! Decides the state of a refund, and which tickets it voids.

use std::collections::HashMap;

use fulfillment_domain::TicketId;

use super::OrderFacts;
use super::names::Index;
use super::sums::Of;
use super::verdict::Verdict;
use crate::WithdrawalRecord;

/// The note of a refund whose payment has not arrived.
pub(super) const AWAITING_PAYMENT: &str = "awaiting payment";

impl OrderFacts {
    /// Judges an open refund. `gone`: the tickets that earlier refunds are voiding now.
    pub(super) fn judge(
        &self,
        refund: &WithdrawalRecord,
        gone: &HashMap<TicketId, String>,
        index: &Index<'_>,
    ) -> Verdict {
        let key = refund.payment_key.as_deref().unwrap_or_default();
        if self.elsewhere.contains(key) {
            return Verdict::parked("its payment is of another order");
        }
        let of = self.payment_of(refund);
        if let Of::Payment(payment) = of
            && !self.is_void()
            && let Some((its, paid)) = self.currencies(refund, payment)
        {
            return Verdict::parked(format!("it is in {its} and its payment in {paid}"));
        }
        if refund.names.is_empty() {
            return self.judge_whole(of);
        }
        if self.is_void() {
            return Verdict::applied(None);
        }
        if let Of::Several(n) = of {
            return Verdict::of_several(n);
        }
        if !self.frozen {
            let unpaid = self.payments.is_empty();
            let why = if unpaid { AWAITING_PAYMENT } else { "the tickets that it names are not made yet" };
            return Verdict::waiting(why);
        }
        self.judge_names(refund, of, gone, index)
    }

    /// Judges a refund that names nothing.
    fn judge_whole(&self, of: Of<'_>) -> Verdict {
        match of {
            Of::NotCome if self.payments.is_empty() => Verdict::waiting(AWAITING_PAYMENT),
            Of::NotCome => Verdict::waiting("its payment has not come"),
            Of::Payment(payment) if self.is_refunded(payment, None) => {
                let note = "another payment of the order stands";
                Verdict::applied((!self.is_all_refunded(None)).then(|| note.to_owned()))
            }
            _ if self.is_void() => Verdict::applied(Some("the order was void before".to_owned())),
            Of::Several(n) => Verdict::of_several(n),
            Of::Payment(_) => Verdict::parked("it gives a part back and names neither items nor tickets"),
        }
    }
}
