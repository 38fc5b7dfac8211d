//! What the implementations have in common about new generations.

use fulfillment_domain::{Flag, Flags, Ticket};

use crate::shared::ticket::{as_stored, seat_key};
use crate::{Reissue, Result, StoreError};

/// Whether the live row is the one that the new generation was made from.
pub(crate) fn fits(live: &Ticket, reissue: &Reissue) -> bool {
    live.generation == reissue.expected
        && live.sequence + 1 == reissue.ticket.sequence
        && live.voided_at.is_some() == reissue.reinstates
        && live.erased_at.is_none()
}

/// Whether the new generation has to ask for its seat.
pub(crate) fn wants_seat(live: &Ticket, reissue: &Reissue) -> bool {
    reissue.reinstates || seat_key(live) != seat_key(&reissue.ticket)
}

/// The row to write. `conflict`: whether its seat, asked for anew, is another ticket's.
pub(crate) fn row(reissue: &Reissue, conflict: Option<bool>) -> Ticket {
    let mut ticket = as_stored(reissue.ticket.clone());
    if let Some(conflict) = conflict {
        let others = ticket.flags.iter().filter(|f| *f != Flag::SeatConflict);
        let mut flags: Flags = others.collect();
        if conflict {
            flags.insert(Flag::SeatConflict);
        }
        ticket.flags = flags;
    }
    ticket
}

/// What was before, whole.
pub(crate) fn record(live: &Ticket) -> Result<String> {
    serde_json::to_string(live).map_err(|e| StoreError::Refused(e.into()))
}

/// What the history says.
pub(crate) fn note(reissue: &Reissue) -> String {
    let what = if reissue.reinstates { "reinstated" } else { "reissued" };
    let why = reissue.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{what} as generation {}{why}", reissue.ticket.generation).replace('\0', "")
}
