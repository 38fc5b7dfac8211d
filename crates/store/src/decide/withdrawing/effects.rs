//! Decides the effects of an order's refunds and cancellations.

use std::collections::{HashMap, HashSet};

use fulfillment_domain::{OrderState, Subject, Ticket, TicketId, TicketStatus};

use super::OrderFacts;
use super::names::Index;
use super::refund::AWAITING_PAYMENT;
use super::sums::Of;
use super::ticket::TicketFacts;
use super::verdict::Verdict;
use crate::decide::sql_values::clean;
use crate::{Announcing, Result, StoreError, WithdrawalRecord, WithdrawalState};

/// How an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It is void, for this reason.
    Voided(String),
    /// It is void but was paid: an operator has to look at it.
    Parked(String),
    /// Every remaining ticket has its file.
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

/// The new state of a withdrawal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) key: String,
    pub(crate) state: WithdrawalState,
    pub(crate) note: Option<String>,
    /// The payment that it refunds, permanently.
    pub(crate) bound_to: Option<String>,
}

/// What to write.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Withdrawals whose state changes.
    pub(crate) settled: Vec<Settled>,
    /// Tickets to void, each with the reason, in the tickets' order.
    pub(crate) voided: Vec<(TicketId, String)>,
    /// The order's end, if it ends.
    pub(crate) end: Option<End>,
}

impl Effects {
    /// Who voids the tickets, as recorded in the history.
    pub(crate) const WHO: &'static str = "withdrawal";

    /// The void of live tickets by an operator.
    pub(crate) fn void_of(facts: &OrderFacts, tickets: &[TicketId], reason: &str) -> Self {
        let end = end_after(facts.state, &facts.tickets, &tickets.iter().copied().collect());
        let voided = tickets.iter().map(|ticket| (*ticket, clean(reason).into_owned())).collect();
        Self { voided, end, ..Self::default() }
    }

    /// Ends the refunds that wait for tickets which a void order never gets, or whose tickets cannot be determined.
    fn close_named(&mut self, facts: &OrderFacts) {
        let names =
            |w: &&WithdrawalRecord| w.kind == Subject::Refund && w.state.is_open() && !w.names.is_empty();
        let elsewhere =
            |w: &WithdrawalRecord| w.payment_key.as_ref().is_some_and(|key| facts.elsewhere.contains(key));
        for refund in facts.withdrawals.iter().filter(names).filter(|w| !elsewhere(w)) {
            let (state, note) = (WithdrawalState::Applied, None);
            match self.settled.iter_mut().find(|s| s.key == refund.key) {
                Some(settled) if settled.state.is_open() => (settled.state, settled.note) = (state, note),
                Some(_) => {}
                None => {
                    self.settled.push(Settled { key: refund.key.clone(), state, note, bound_to: None });
                }
            }
        }
    }

    /// Whether the order is void afterwards.
    pub(super) fn leaves_void(&self, facts: &OrderFacts) -> bool {
        match self.end {
            Some(End::Voided(_) | End::Parked(_)) => true,
            Some(End::Issued) => false,
            None => facts.is_void(),
        }
    }
}

/// Decides. Repeating it on its own result changes nothing.
pub(crate) fn decide(facts: &OrderFacts) -> Effects {
    let index = Index::of(facts);
    let mut effects = Effects::default();
    let mut gone: HashMap<TicketId, String> = HashMap::new();
    let mut cancelled: Option<String> = None;
    let mut refunded: Option<String> = None;
    // A refund with names voids only these, however much it returns.
    let mut unnamed: Option<String> = None;
    for withdrawal in &facts.withdrawals {
        let verdict = if withdrawal.kind == Subject::Cancellation {
            let Some(verdict) = facts.judge_cancellation(withdrawal) else { continue };
            if withdrawal.state.is_open() {
                cancelled.get_or_insert_with(|| told("cancelled", withdrawal));
            }
            verdict
        } else if withdrawal.state.is_open() {
            let verdict = facts.judge(withdrawal, &gone, &index);
            if verdict.state == WithdrawalState::Applied {
                refunded = Some(told("refunded", withdrawal));
                unnamed = refunded.clone().filter(|_| withdrawal.names.is_empty()).or(unnamed);
            }
            verdict
        } else {
            continue;
        };
        for ticket in verdict.void {
            gone.entry(ticket).or_insert_with(|| told("refunded", withdrawal));
        }
        let bound_to = facts.binding(withdrawal);
        // A withdrawal that was parked because it waited for too long does not wait again.
        let waits_again =
            verdict.state == WithdrawalState::Waiting && withdrawal.state == WithdrawalState::Parked;
        let (state, note) = if waits_again {
            (withdrawal.state, withdrawal.note.clone())
        } else {
            (verdict.state, verdict.note)
        };
        if (state, &note) != (withdrawal.state, &withdrawal.note) || bound_to.is_some() {
            effects.settled.push(Settled { key: withdrawal.key.clone(), state, note, bound_to });
        }
    }
    let all = facts.is_all_refunded(None);
    let (refunded, unnamed) = (refunded.filter(|_| all), unnamed.filter(|_| all));
    let whole = cancelled.clone().or(refunded);
    for ticket in facts.tickets.iter().filter(|t| !t.is_void) {
        let unnamed = || unnamed.clone().filter(|_| facts.is_refunded_for(ticket.id));
        let why = gone.remove(&ticket.id).or_else(|| cancelled.clone()).or_else(unnamed);
        effects.voided.extend(why.map(|why| (ticket.id, why)));
    }
    let gone: HashSet<_> = effects.voided.iter().map(|(id, _)| *id).collect();
    let left = facts.tickets.iter().any(|t| !t.is_void && !gone.contains(&t.id));
    effects.end = if facts.is_void() || (whole.is_some() && !left) {
        Some(facts.void(whole))
    } else {
        end_after(facts.state, &facts.tickets, &gone)
    };
    if effects.leaves_void(facts) {
        effects.close_named(facts);
    }
    effects
}

/// The end of an order that loses these tickets, if it ends.
pub(crate) fn end_after(state: OrderState, tickets: &[TicketFacts], gone: &HashSet<TicketId>) -> Option<End> {
    if gone.is_empty() {
        return None;
    }
    let mut left = tickets.iter().filter(|t| !t.is_void && !gone.contains(&t.id)).peekable();
    if left.peek().is_none() {
        return Some(End::Voided("every ticket of it was voided".into()));
    }
    let finished = left.all(|t| matches!(t.status, TicketStatus::Generated | TicketStatus::Delivered));
    (finished && matches!(state, OrderState::Enriched | OrderState::Parked)).then_some(End::Issued)
}

/// "cancelled: the reason", or without one.
pub(super) fn told(what: &str, withdrawal: &WithdrawalRecord) -> String {
    match &withdrawal.reason {
        Some(reason) => format!("{what}: {}", clean(reason)),
        None => what.to_owned(),
    }
}

impl OrderFacts {
    /// A cancellation takes effect immediately; while its order is not paid, its note says so.
    fn judge_cancellation(&self, withdrawal: &WithdrawalRecord) -> Option<Verdict> {
        let note = self.payments.is_empty().then(|| AWAITING_PAYMENT.to_owned());
        let paid_since = withdrawal.state == WithdrawalState::Applied
            && withdrawal.note.as_deref() == Some(AWAITING_PAYMENT)
            && note.is_none();
        (withdrawal.state.is_open() || paid_since).then(|| Verdict::applied(note))
    }

    /// The payment that a refund is permanently bound to.
    fn binding(&self, withdrawal: &WithdrawalRecord) -> Option<String> {
        match self.payment_of(withdrawal) {
            Of::Payment(payment)
                if withdrawal.kind == Subject::Refund
                    && withdrawal.bound_to.is_none()
                    && payment.is_on_record() =>
            {
                Some(payment.key.clone())
            }
            _ => None,
        }
    }

    /// Whether the refunds that affect a ticket return every payment, given that those of the order do.
    fn is_refunded_for(&self, ticket: TicketId) -> bool {
        let dismissed = self.withdrawals.iter().any(|w| w.is_dismissed_for(ticket));
        !dismissed || self.is_all_refunded(Some(ticket))
    }

    /// A void order's end: parked while it has a payment that was made too late.
    fn void(&self, whole: Option<String>) -> End {
        let last = |kind: Subject, what: &str| self.of_kind(kind).next_back().map(|w| told(what, w));
        let cancelled = last(Subject::Cancellation, "cancelled");
        if self.payments.iter().any(|p| self.is_late(p) && !self.is_refunded(p, None)) {
            let what = if cancelled.is_some() { "cancellation" } else { "its void" };
            return End::Parked(format!("paid after {what}"));
        }
        let why = cancelled.or(whole).or_else(|| last(Subject::Refund, "refunded"));
        End::Voided(why.unwrap_or_else(|| "every ticket of it was voided".into()))
    }
}

/// The event of a ticket that was voided after its issue was published. Its `sequence` counts the event already.
pub(crate) fn voided_event(
    ticket: &Ticket,
    announcing: &Announcing,
    traceparent: Option<&str>,
) -> Result<fulfillment_domain::OutboxEvent> {
    let Announcing { spelling, destinations, .. } = announcing;
    fulfillment_domain::event::ticket_voided(ticket, *spelling, traceparent, destinations)
        .map_err(|e| StoreError::Refused(e.into()))
}
