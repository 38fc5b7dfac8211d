//! What follows from an order's refunds and cancellations.

use std::collections::{HashMap, HashSet};

use fulfillment_domain::{OrderState, Ticket, TicketId, TicketStatus};

use super::Case;
use crate::shared::cells::clean;
use crate::{Announcing, Result, StoreError, WithdrawalRecord, WithdrawalState};

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
pub(super) fn told(what: &str, withdrawal: &WithdrawalRecord) -> String {
    match &withdrawal.reason {
        Some(reason) => format!("{what}: {}", clean(reason)),
        None => what.to_owned(),
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
