//! Further messages about a recorded refund or cancellation: a repeat, a contradiction, or its next status.

use fulfillment_domain::{Amount, Currency, Names, Progress, Unreadable, Withdrawal};

use super::record::NewWithdrawal;
use crate::decide::sql_values::{Row, need, odd};
use crate::{Result, WithdrawalState};

/// The most that is kept of the messages about one refund, in bytes: some 80 changes of its status.
const MAX_HEARD: usize = 2_048;

/// The columns with what is recorded under a key.
macro_rules! heard_columns {
    () => {
        "hash, state, heard, order_id, payment_key, CAST(amount AS TEXT) AS amount, currency, names, was_applied, \
         bound_to, (SELECT p.currency FROM payments p WHERE p.key = withdrawals.bound_to) AS paid_in"
    };
}
pub(crate) use heard_columns;

/// The result of a message under a known key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It contains nothing new.
    Repeat,
    /// It differs from before in this field.
    Contradiction(&'static str),
    /// The same refund became final, or failed.
    Moved(Moved),
}

/// What is recorded from now on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) state: WithdrawalState,
    pub(crate) heard: String,
    pub(crate) hash: [u8; 32],
    pub(crate) payment_key: Option<String>,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    pub(crate) names: String,
}

impl NewWithdrawal<'_> {
    /// Compares it with the record; reads [`heard_columns`]. A refund can become final or fail later, each by a message
    /// that was not received before: a topic that is read again changes nothing. A message that was not final may have
    /// named less, or more: what only one of the two names is not a contradiction.
    pub(crate) fn hear(&self, row: &impl Row) -> Result<Heard> {
        let state: WithdrawalState = row.word("state")?;
        let known = match state {
            WithdrawalState::Pending => Progress::Pending,
            WithdrawalState::Failed => Progress::Failed,
            _ => Progress::Final,
        };
        let was_applied = row.number::<i64>("was_applied")? != 0;
        let same = row.array("hash")? == Some(self.hash);
        let becomes_final = self.progress == Progress::Final && known != Progress::Final && !was_applied;
        if !same {
            let both_final = self.progress == Progress::Final && !becomes_final;
            if let Some(field) = self.difference(row, both_final)? {
                return Ok(Heard::Contradiction(field));
            }
        }
        let heard = need("heard", row.text("heard")?)?;
        let said = self.heard();
        let is_news = self.progress != known
            && self.progress != Progress::Pending
            && heard.split(' ').all(|before| before != said)
            && heard.len() < MAX_HEARD;
        if !is_news {
            return Ok(Heard::Repeat);
        }
        let (state, heard) = (self.state(), format!("{heard} {said}"));
        let mut moved = Moved {
            state,
            heard,
            hash: need("hash", row.array("hash")?)?,
            payment_key: row.text("payment_key")?,
            amount: row.amount("amount")?,
            currency: row.currency("currency")?,
            names: need("names", row.text("names")?)?,
        };
        if becomes_final {
            moved.hash = self.hash;
            if self.names_payment() {
                moved.payment_key.clone_from(&self.payment_key);
            }
            moved.amount = self.amount.or(moved.amount);
            moved.currency = self.currency.or(moved.currency);
            if !names_from(&self.names)?.is_empty() {
                moved.names.clone_from(&self.names);
            }
        }
        Ok(Heard::Moved(moved))
    }

    /// The field that contradicts the record. `exactly`: a field that only one of both has contradicts too, unless it
    /// equals its payment's.
    fn difference(&self, row: &impl Row, exactly: bool) -> Result<Option<&'static str>> {
        let (order, payment) = (self.said.order_id(), row.text("payment_key")?);
        let (amount, currency) = (row.amount("amount")?, row.currency("currency")?);
        let names = names_from(&need("names", row.text("names")?)?)?;
        let said = names_from(&self.names)?;
        let unnamed = |key: &Option<String>| *key == Some(format!("order:{order}"));
        let (bound_to, paid_in) = (row.text("bound_to")?, row.currency("paid_in")?);
        let payment_differs = self.payment_key != payment
            && match (unnamed(&self.payment_key), unnamed(&payment)) {
                (true, false) => exactly && bound_to != payment,
                (false, true) => exactly && bound_to != self.payment_key,
                _ => true,
            };
        let currency_differs = self.currency != currency
            && (self.currency.is_some() == currency.is_some()
                || exactly && self.currency.or(currency) != paid_in);
        let names_differ = !(said.covers(&names) && names.covers(&said));
        Ok(if row.order_id()? != order {
            Some("orderId")
        } else if payment_differs {
            Some("paymentId")
        } else if self.amount != amount && (exactly || self.amount.is_some() == amount.is_some()) {
            Some("amount")
        } else if currency_differs {
            Some("currency")
        } else if names_differ && (exactly || said.is_empty() == names.is_empty()) {
            Some("items")
        } else {
            None
        })
    }

    fn names_payment(&self) -> bool {
        self.payment_key.as_ref().is_some_and(|key| *key != format!("order:{}", self.said.order_id()))
    }

    /// Why a message under a known key is quarantined.
    pub(crate) fn contradiction(&self, field: &str) -> Unreadable {
        match self.said {
            Withdrawal::Refund(refund) => {
                let id = &refund.refund_id;
                Unreadable::field(field, format!("was told otherwise of the refund {id} before"))
            }
            Withdrawal::Cancellation(_) => {
                Unreadable::field(field, "was told otherwise of the cancellation before")
            }
        }
    }
}

/// The names of a refund as stored.
fn names_from(names: &str) -> Result<Names> {
    serde_json::from_str(names).map_err(|e| odd("names", e))
}
