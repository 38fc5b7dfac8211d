//! Folding: one payment under two keys. A message without an id is the same payment as another producer's with an id,
//! while nothing in them contradicts. The row without the id is kept and folded into the other, which represents both.

use std::collections::HashMap;

use fulfillment_domain::payment::Facts;
use fulfillment_domain::{OrderId, Payment};

use crate::decide::sql_values::{Row, need};
use crate::decide::withdrawing::{Arrival, OrderFacts};
use crate::{PaymentOutcome, Result};

/// The columns that [`standing_from`] reads, of payments that are not folded, in order of arrival.
macro_rules! standing_columns {
    () => {
        "key, order_id, payment_id, CAST(amount AS TEXT) AS amount, currency, customer_id, transaction_id, \
         processed_at, outcome, late"
    };
}
pub(crate) use standing_columns;

/// A payment of an order that a new one may be the same as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) key: String,
    pub(crate) has_id: bool,
    pub(crate) facts: Facts,
    /// It created the order's work.
    pub(crate) accepted: bool,
    /// Whether it came after the order was voided.
    pub(crate) arrival: Arrival,
    /// It existed before this batch.
    pub(crate) on_record: bool,
}

/// Reads those columns.
pub(crate) fn standing_from(row: &impl Row) -> Result<(OrderId, Standing)> {
    let standing = Standing {
        key: need("key", row.text("key")?)?,
        has_id: row.text("payment_id")?.is_some(),
        facts: Facts {
            amount: row.amount("amount")?,
            currency: row.currency("currency")?,
            customer_id: row.text("customer_id")?,
            transaction_id: row.text("transaction_id")?,
            processed_at: row.time("processed_at")?,
        },
        accepted: row.word::<PaymentOutcome>("outcome")? == PaymentOutcome::Accepted,
        arrival: Arrival::of(row)?,
        on_record: true,
    };
    Ok((row.order_id()?, standing))
}

/// How a new payment relates to one that is known under another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fold {
    /// The new payment has no id, and is the same as the payment under this key.
    Into(String),
    /// The new payment has an id, and this one, which has none, is folded into it.
    Of(Standing),
}

/// The payments of orders with which new ones are compared.
#[derive(Debug, Default)]
pub(crate) struct Folding {
    orders: HashMap<OrderId, Vec<Standing>>,
}

impl Folding {
    /// `standing`: the recorded payments, in order of arrival.
    pub(crate) fn new(standing: Vec<(OrderId, Standing)>) -> Self {
        let mut folding = Self::default();
        for (order, payment) in standing {
            folding.orders.entry(order).or_default().push(payment);
        }
        folding
    }

    /// Adds a payment under a new key. The first one that it agrees with is the same payment; one with the same
    /// transaction id of the payment provider is preferred. `accepted`: it creates the order's work.
    pub(crate) fn take(&mut self, key: &str, payment: &Payment, accepted: bool) -> Option<Fold> {
        let others = self.orders.entry(payment.order_id).or_default();
        let (facts, has_id) = (payment.facts(), payment.payment_id.is_some());
        let same = |other: &&Standing| other.has_id != has_id && other.facts.agree(&facts);
        let found = others.iter().filter(same).min_by_key(|o| !o.facts.same_transaction(&facts));
        let fold = found.cloned().map(|found| if has_id { Fold::Of(found) } else { Fold::Into(found.key) });
        let (accepted, arrival) = match &fold {
            Some(Fold::Into(_)) => return fold,
            Some(Fold::Of(folded)) => {
                others.retain(|other| other.key != folded.key);
                (folded.accepted, folded.arrival)
            }
            None => (accepted, Arrival::InTime),
        };
        others.push(Standing { key: key.to_owned(), has_id, facts, accepted, arrival, on_record: false });
        fold
    }
}

/// Merges folded payments into one with the facts of both, and binds the refunds of both keys to it.
pub(crate) fn fold(facts: &mut OrderFacts) {
    let folded: Vec<_> = facts.payments.extract_if(.., |p| p.folded_into.is_some()).collect();
    for payment in folded {
        let Some(into) = facts.payments.iter_mut().find(|p| Some(&p.key) == payment.folded_into.as_ref())
        else {
            continue;
        };
        into.amount = into.amount.or(payment.amount);
        into.currency = into.currency.or(payment.currency);
        into.processed_at = into.processed_at.or(payment.processed_at);
        for refund in &mut facts.withdrawals {
            if refund.payment_key.as_ref() == Some(&payment.key) {
                refund.payment_key = Some(into.key.clone());
            }
            if refund.bound_to.as_ref() == Some(&payment.key) {
                refund.bound_to = Some(into.key.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDER: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

    fn payment(id: Option<&str>, rest: &str) -> Payment {
        let id = id.map(|id| format!(r#","paymentId":"{id}""#)).unwrap_or_default();
        Payment::parse(format!(r#"{{"orderId":"{ORDER}"{id}{rest}}}"#).as_bytes()).unwrap()
    }

    fn folds(payments: &[Payment]) -> Vec<(String, String)> {
        let mut folding = Folding::default();
        let fold = |p: &Payment| match folding.take(&p.key(), p, false)? {
            Fold::Into(key) => Some((p.key(), key)),
            Fold::Of(other) => Some((other.key, p.key())),
        };
        payments.iter().filter_map(fold).collect()
    }

    #[test]
    fn in_either_order_it_is_one_payment() {
        let (without, with) = (payment(None, r#","amount":20"#), payment(Some("p"), r#","amount":20.0"#));
        let one = [(format!("order:{ORDER}"), "p".to_owned())];
        assert_eq!(folds(&[without.clone(), with.clone()]), one);
        assert_eq!(folds(&[with.clone(), without.clone()]), one);
        let other = payment(Some("q"), r#","amount":20"#);
        assert_eq!(folds(&[with.clone(), other.clone(), without.clone()]), one, "the first");
        assert_eq!(folds(&[without, with.clone(), other.clone()]), one, "one message is one payment");
        assert!(folds(&[with, other]).is_empty(), "two ids are two payments");
    }

    #[test]
    fn the_providers_id_decides() {
        let first = payment(Some("p"), r#","amount":20"#);
        let second = payment(Some("q"), r#","amount":20,"transactionId":"t""#);
        let without = payment(None, r#","amount":20,"transactionId":"t""#);
        assert_eq!(folds(&[first, second, without])[0].1, "q");
    }

    proptest! {
        /// Whatever arrives in whatever order: at most one payment is folded, it has no id, and the one it is folded
        /// into has an id and agrees.
        #[test]
        fn never_two_with_ids(made in prop::collection::vec((0_u8..3, 0_u8..2, 0_u8..2), 0..8)) {
            let mut payments: Vec<Payment> = Vec::new();
            for (id, amount, transaction) in made {
                let id = ["p", "q"].get(usize::from(id)).copied();
                let next = payment(id, &format!(r#","amount":{amount},"transactionId":"{transaction}""#));
                if payments.iter().all(|p| p.key() != next.key()) {
                    payments.push(next);
                }
            }
            let found = folds(&payments);
            prop_assert!(found.len() <= 1);
            let of = |key: &str| payments.iter().find(|p| p.key() == key).unwrap();
            for (folded, into) in &found {
                prop_assert!(of(folded).payment_id.is_none() && of(into).payment_id.is_some());
                prop_assert!(of(folded).facts().agree(&of(into).facts()));
            }
            let without = payments.iter().find(|p| p.payment_id.is_none());
            let any = without.is_some_and(|w| {
                payments.iter().any(|p| p.payment_id.is_some() && p.facts().agree(&w.facts()))
            });
            prop_assert_eq!(any, found.len() == 1);
        }
    }
}
