//! Facts about a batch's payments that are recorded before the batch is decided.

use std::collections::HashMap;

use fulfillment_domain::payment::Facts as PaymentFacts;
use fulfillment_domain::{OrderId, Payment, Unreadable};

use crate::Result;
use crate::decide::folding::{Standing, standing_from};
use crate::decide::importing::IMPORTED;
use crate::decide::sql_values::{Row, need};

/// A payment that is recorded under a key.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) order_id: OrderId,
    pub(crate) facts: PaymentFacts,
}

impl Known {
    pub(super) fn of(payment: &Payment) -> Self {
        Self { order_id: payment.order_id, facts: payment.facts() }
    }

    /// Reads [`standing_columns`](super::folding::standing_columns) into a key and what is known under it.
    pub(crate) fn from_row(row: &impl Row) -> Result<(String, Self)> {
        let (order_id, Standing { key, facts, .. }) = standing_from(row)?;
        Ok((key, Self { order_id, facts }))
    }

    /// The field in which a message under the same key differs, if any, and how. The key of a payment without an id is
    /// its order's, so all fields have to agree: otherwise it is another payment, and would be taken for a repeat.
    pub(super) fn contradiction(&self, payment: &Payment) -> Option<Unreadable> {
        let PaymentFacts { amount, currency, .. } = self.facts;
        if payment.says_the_same(self.order_id, amount, currency) {
            let agrees = payment.payment_id.is_some() || payment.facts().agree(&self.facts);
            let why = "is missing, and the order has a payment without an id already, of another transaction, customer \
                       or time: this one is another, or the same told otherwise";
            return (!agrees).then(|| Unreadable::field("paymentId", why));
        }
        let (field, what) = if payment.order_id != self.order_id {
            ("orderId", "order")
        } else if payment.amount != amount {
            ("amount", "amount")
        } else {
            ("currency", "currency")
        };
        Some(Unreadable::field(field, format!("the payment id is known with another {what}")))
    }
}

/// An order that existed before the batch. Its row is locked.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    payment_key: String,
    pub(super) withdrawn: bool,
    pub(super) voided: bool,
}

/// The columns of `orders` that [`Earlier::from_row`] reads.
macro_rules! earlier_columns {
    () => {
        "order_id, payment_key, withdrawn, voided_at"
    };
}
pub(crate) use earlier_columns;

impl Earlier {
    /// Reads these columns.
    pub(crate) fn from_row(row: &impl Row) -> Result<(OrderId, Self)> {
        let earlier = Self {
            payment_key: need("payment_key", row.text("payment_key")?)?,
            withdrawn: row.number::<i64>("withdrawn")? != 0,
            voided: row.time("voided_at")?.is_some(),
        };
        Ok((row.order_id()?, earlier))
    }

    /// A refund or cancellation came before its first payment.
    pub(super) fn is_announced(&self) -> bool {
        self.payment_key.is_empty()
    }

    /// It was imported with its tickets, and no payment of it has arrived.
    pub(super) fn is_imported(&self) -> bool {
        self.payment_key == IMPORTED
    }
}

/// What the database has about a batch's payments, once the rows of their orders are created and locked.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The payments recorded under the batch's keys.
    pub(crate) known: HashMap<String, Known>,
    /// The orders of the other payments that existed before. The others were created for this batch.
    pub(crate) earlier: HashMap<OrderId, Earlier>,
    /// The payments of these orders that are not folded, in order of arrival.
    pub(crate) standing: Vec<(OrderId, Standing)>,
}
