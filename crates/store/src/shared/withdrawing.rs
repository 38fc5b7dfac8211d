//! What an order's refunds and cancellations amount to, decided apart from the database.

use std::collections::{HashMap, HashSet};

use fulfillment_domain::{Amount, Currency, Names, OrderState, Ticket, TicketId, TicketStatus};
use fulfillment_domain::{Unreadable, Withdrawal};
use sha2::{Digest, Sha256};

use crate::shared::cells::{Row, clean, need, odd};
use crate::shared::ticket::index_key;
use crate::{Announcing, Result, StoreError, WithdrawalRecord, WithdrawalState};

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

/// A payment of the order.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) key: String,
    pub(crate) amount: Option<Amount>,
    pub(crate) currency: Option<Currency>,
    /// It came after the order was voided.
    pub(crate) late: bool,
}

/// Reads `key, amount, currency, late`.
pub(crate) fn paid_from(row: &impl Row) -> Result<Paid> {
    Ok(Paid {
        key: need("key", row.text("key")?)?,
        amount: row.amount("amount")?,
        currency: row.currency("currency")?,
        late: row.number::<i64>("late")? != 0,
    })
}

/// Everything that bears on what an order's withdrawals do.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) state: OrderState,
    pub(crate) frozen: bool,
    /// It was voided, and not reinstated since.
    pub(crate) voided: bool,
    pub(crate) traceparent: Option<String>,
    pub(crate) payments: Vec<Paid>,
    /// Payments of other orders that a withdrawal of this one names, by key.
    pub(crate) elsewhere: HashSet<String>,
    /// Oldest first.
    pub(crate) withdrawals: Vec<WithdrawalRecord>,
    pub(crate) tickets: Vec<Ticket>,
}

/// Reads `state, frozen_at, voided_at, traceparent` of an order into a case without anything else.
pub(crate) fn case_from(row: &impl Row) -> Result<Case> {
    Ok(Case {
        state: row.word("state")?,
        frozen: row.time("frozen_at")?.is_some(),
        voided: row.time("voided_at")?.is_some(),
        traceparent: row.text("traceparent")?,
        payments: Vec::new(),
        elsewhere: HashSet::new(),
        withdrawals: Vec::new(),
        tickets: Vec::new(),
    })
}

/// How an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It is void, for this reason.
    Voided(String),
    /// It is void and was paid all the same: somebody has to look at it.
    Parked(String),
    /// Every ticket that is left has its file.
    Issued,
}

impl End {
    /// The state and the reason to write.
    pub(crate) fn told(&self) -> (OrderState, Option<&str>) {
        match self {
            Self::Voided(why) => (OrderState::Voided, Some(why)),
            Self::Parked(why) => (OrderState::Parked, Some(why)),
            Self::Issued => (OrderState::Issued, None),
        }
    }
}

/// A withdrawal's new state and note, by its key.
pub(crate) type Settled = (String, WithdrawalState, Option<String>);

/// What to write.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// Withdrawals that stand otherwise now.
    pub(crate) settled: Vec<Settled>,
    /// Tickets to void, each with the reason, in the tickets' order.
    pub(crate) voided: Vec<(TicketId, String)>,
    /// The order's end, if it comes to one.
    pub(crate) end: Option<End>,
}

impl Ruling {
    /// Who takes the tickets back, as the history has it.
    pub(crate) const WHO: &'static str = "withdrawal";
}

/// Decides. Repeating it on what it led to changes nothing.
pub(crate) fn decide(case: &Case) -> Ruling {
    let mut ruling = Ruling::default();
    let mut named: HashMap<TicketId, String> = HashMap::new();
    let mut whole: Option<String> = None;
    let mut refunded = None;
    for withdrawal in case.withdrawals.iter().filter(|w| w.state.is_open()) {
        let (state, note) = if withdrawal.kind == "cancellation" {
            whole.get_or_insert_with(|| told("cancelled", withdrawal));
            (WithdrawalState::Applied, None)
        } else {
            let verdict = case.judge(withdrawal, &mut named);
            if verdict.0 == WithdrawalState::Applied {
                refunded = Some(withdrawal);
            }
            verdict
        };
        if (state, &note) != (withdrawal.state, &withdrawal.note) {
            ruling.settled.push((withdrawal.key.clone(), state, note));
        }
    }
    if let (None, Some(last)) = (&whole, refunded)
        && case.all_refunded()
    {
        whole = Some(told("refunded", last));
    }
    for ticket in case.tickets.iter().filter(|t| t.voided_at.is_none()) {
        if let Some(why) = named.remove(&ticket.id).or_else(|| whole.clone()) {
            ruling.voided.push((ticket.id, why));
        }
    }
    ruling.end = if case.voided || whole.is_some() {
        Some(case.void(whole))
    } else {
        let gone: HashSet<_> = ruling.voided.iter().map(|(id, _)| *id).collect();
        end_after(case.state, &case.tickets, &gone)
    };
    ruling
}

/// How an order ends by losing these tickets, if it does.
pub(crate) fn end_after(state: OrderState, tickets: &[Ticket], gone: &HashSet<TicketId>) -> Option<End> {
    if gone.is_empty() {
        return None;
    }
    let mut left = tickets.iter().filter(|t| t.voided_at.is_none() && !gone.contains(&t.id)).peekable();
    if left.peek().is_none() {
        return Some(End::Voided("every ticket of it was voided".into()));
    }
    let finished = left.all(|t| matches!(t.status, TicketStatus::Generated | TicketStatus::Delivered));
    (finished && matches!(state, OrderState::Enriched | OrderState::Parked)).then_some(End::Issued)
}

/// "cancelled: the reason", or without one.
fn told(what: &str, withdrawal: &WithdrawalRecord) -> String {
    match &withdrawal.reason {
        Some(reason) => format!("{what}: {}", clean(reason)),
        None => what.to_owned(),
    }
}

impl Case {
    /// Where an open refund stands now; tickets it voids go into `named`.
    fn judge(
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

    fn all_refunded(&self) -> bool {
        !self.payments.is_empty() && self.payments.iter().all(|p| self.refunded(p))
    }

    /// A void order's end: parked while a payment stands that came too late.
    fn void(&self, whole: Option<String>) -> End {
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

/// The event of a ticket that was voided after the world had heard of it. Its `sequence` counts the event already.
pub(crate) fn voided_event(
    ticket: &Ticket,
    announcing: &Announcing,
    traceparent: Option<&str>,
) -> Result<fulfillment_domain::OutboxEvent> {
    let Announcing { spelling, destinations } = announcing;
    fulfillment_domain::event::ticket_voided(ticket, *spelling, traceparent, destinations)
        .map_err(|e| StoreError::Refused(e.into()))
}
