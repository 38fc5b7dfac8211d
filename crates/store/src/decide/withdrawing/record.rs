//! Reading and writing rows of `withdrawals`.

use fulfillment_domain::{Amount, Currency, Names, Progress, TicketId, Withdrawal};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::decide::sql_values::{Row, need, odd};
use crate::decide::ticket::index_key;
use crate::{Incoming, Result, Source, StoreError, WithdrawalRecord, WithdrawalState};

/// Why a cancellation without a time is dismissed from the start.
const BEFORE: &str = "made before the order was reinstated";

/// The columns of `withdrawals`, of the table alias `w`.
macro_rules! withdrawal_columns {
    () => {
        "w.key, w.kind, w.order_id, w.payment_key, CAST(w.amount AS TEXT) AS amount, w.currency, w.names, w.reason, \
         w.said_at, w.state, w.note, w.duplicates, w.received_at, w.bound_to, w.was_applied, \
         (SELECT string_agg(CAST(d.ticket_id AS TEXT), ',') FROM withdrawal_dismissals d WHERE d.key = w.key) AS dismissed_for"
    };
}
pub(crate) use withdrawal_columns;

/// Reads those columns.
pub(crate) fn withdrawal_from(row: &impl Row) -> Result<WithdrawalRecord> {
    let names = need("names", row.text("names")?)?;
    let dismissed = row.text("dismissed_for")?.unwrap_or_default();
    let ticket = |id: &str| id.parse::<TicketId>().map_err(|e| odd("dismissed_for", e));
    Ok(WithdrawalRecord {
        key: need("key", row.text("key")?)?,
        kind: row.word("kind")?,
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
        bound_to: row.text("bound_to")?,
        dismissed_for: dismissed.split(',').filter(|id| !id.is_empty()).map(ticket).collect::<Result<_>>()?,
        was_applied: row.number::<i64>("was_applied")? != 0,
    })
}

/// A refund or cancellation of a batch, with its index there.
pub(crate) struct Received<'a> {
    pub(crate) at: usize,
    pub(crate) message: &'a Incoming,
    pub(crate) new: NewWithdrawal<'a>,
}

/// The values of a new row, beside its message.
pub(crate) struct NewWithdrawal<'a> {
    pub(crate) key: String,
    pub(crate) payment_key: Option<String>,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    pub(crate) names: String,
    pub(crate) hash: [u8; 32],
    pub(crate) said: &'a Withdrawal,
    pub(super) progress: Progress,
    /// The time of its record, if it has no time of its own.
    pub(super) record_time: Option<Timestamp>,
    /// It is a cancellation without a time, and its order was reinstated after it: it is dismissed.
    pub(super) before_reinstatement: bool,
}

impl<'a> NewWithdrawal<'a> {
    pub(crate) fn new(message: &Incoming, said: &'a Withdrawal) -> Result<Self> {
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
        let progress = refund.map_or(Progress::Final, |r| r.progress);
        let mut new = Self {
            key,
            payment_key,
            amount,
            currency,
            names,
            hash: hash.finalize().into(),
            said,
            progress,
            record_time: None,
            before_reinstatement: false,
        };
        new.record_time = if said.said_at().is_none() { time_of(message) } else { None };
        Ok(new)
    }

    /// Its state before it is judged.
    pub(crate) fn state(&self) -> WithdrawalState {
        match self.progress {
            _ if self.before_reinstatement => WithdrawalState::Lifted,
            Progress::Final => WithdrawalState::Waiting,
            Progress::Pending => WithdrawalState::Pending,
            Progress::Failed => WithdrawalState::Failed,
        }
    }

    /// Why it is in this state.
    pub(crate) fn note(&self) -> Option<&'static str> {
        self.before_reinstatement.then_some(BEFORE)
    }

    /// Its content beside the names: a repeat has the same.
    pub(crate) fn heard(&self) -> String {
        let word = match self.progress {
            Progress::Final => "final",
            Progress::Pending => "pending",
            Progress::Failed => "failed",
        };
        let at = self.said.said_at().or(self.record_time).map(|at| at.as_microsecond().to_string());
        format!("{word}@{}", at.unwrap_or_default())
    }
}

/// The time of its record, if known. A replay's time of receipt does not count.
fn time_of(message: &Incoming) -> Option<Timestamp> {
    match &message.source {
        Source::Kafka { .. } | Source::Recorded { .. } => {
            let millis = message.source.timestamp().filter(|millis| *millis >= 0)?;
            Timestamp::from_millisecond(millis).ok()
        }
        Source::Http { .. } | Source::File { .. } | Source::Command { .. } => Some(message.received_at),
    }
}
