//! What is decided about one refund or cancellation.

use fulfillment_domain::TicketId;

use crate::WithdrawalState;

/// The state of a withdrawal now.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) state: WithdrawalState,
    pub(super) note: Option<String>,
    /// The tickets it voids by name.
    pub(super) void: Vec<TicketId>,
}

impl Verdict {
    pub(super) fn applied(note: Option<String>) -> Self {
        Self { state: WithdrawalState::Applied, note, void: Vec::new() }
    }

    pub(super) fn parked(why: impl Into<String>) -> Self {
        Self { state: WithdrawalState::Parked, note: Some(why.into()), void: Vec::new() }
    }

    pub(super) fn of_several(payments: usize) -> Self {
        Self::parked(format!(
            "the order has {payments} payments and it names none of them: drop it, and record it under another id \
             with `fulfillment refund --payment`"
        ))
    }

    pub(super) fn waiting(why: &str) -> Self {
        Self { state: WithdrawalState::Waiting, note: Some(why.to_owned()), void: Vec::new() }
    }
}
