//! The rows of `withdrawals`.

use fulfillment_domain::{Amount, Currency, Names, Unreadable, Withdrawal};
use sha2::{Digest, Sha256};

use crate::shared::cells::{Row, need, odd};
use crate::shared::ticket::index_key;
use crate::{Result, StoreError, WithdrawalRecord};

/// The columns of `withdrawals`, of the table alias `w`.
macro_rules! withdrawal_columns {
    () => {
        "w.key, w.kind, w.order_id, w.payment_key, CAST(w.amount AS TEXT) AS amount, w.currency, w.names, w.reason, \
         w.said_at, w.state, w.note, w.duplicates, w.received_at"
    };
}
pub(crate) use withdrawal_columns;

/// Reads those columns.
pub(crate) fn withdrawal_from(row: &impl Row) -> Result<WithdrawalRecord> {
    let names = need("names", row.text("names")?)?;
    Ok(WithdrawalRecord {
        key: need("key", row.text("key")?)?,
        kind: need("kind", row.text("kind")?)?,
        order_id: row.order_id()?,
        payment_key: row.text("payment_key")?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        names: serde_json::from_str(&names).map_err(|e| odd("names", e))?,
        reason: row.text("reason")?,
        said_at: row.time("said_at")?,
        state: row.word("state")?,
        note: row.text("note")?,
        duplicates: row.number("duplicates")?,
        received_at: need("received_at", row.time("received_at")?)?,
    })
}

/// What is written of a new one, beside its message.
pub(crate) struct NewWithdrawal<'a> {
    pub(crate) key: String,
    pub(crate) payment_key: Option<String>,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    pub(crate) names: String,
    pub(crate) hash: [u8; 32],
    pub(crate) said: &'a Withdrawal,
}

impl<'a> NewWithdrawal<'a> {
    pub(crate) fn new(said: &'a Withdrawal) -> Result<Self> {
        let (refund, nothing) = match said {
            Withdrawal::Refund(refund) => (Some(refund), Names::default()),
            Withdrawal::Cancellation(_) => (None, Names::default()),
        };
        let names = serde_json::to_string(refund.map_or(&nothing, |r| &r.names));
        let names = names.map_err(|e| StoreError::Refused(e.into()))?;
        let payment_key = refund.map(|r| index_key(r.payment_key().replace('\0', "")));
        let (amount, currency) = (refund.and_then(|r| r.amount), refund.and_then(|r| r.currency));
        let mut hash = Sha256::new();
        let amount_told = amount.map(|a| a.0.normalize().to_string()).unwrap_or_default();
        let currency_told = currency.map(|c| c.to_string()).unwrap_or_default();
        let order = said.order_id().to_string();
        for part in [&order, payment_key.as_deref().unwrap_or_default(), &amount_told, &currency_told, &names]
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let key = index_key(said.key().replace('\0', ""));
        Ok(Self { key, payment_key, amount, currency, names, hash: hash.finalize().into(), said })
    }

    /// Why a message under a known key is set apart.
    pub(crate) fn contradiction(&self) -> Unreadable {
        let field = if matches!(self.said, Withdrawal::Refund(_)) { "refundId" } else { "orderId" };
        Unreadable::field(field, "is known, and what it is for was told otherwise before")
    }
}
