//! Shared code for new generations of tickets.

use fulfillment_domain::{Flag, Ticket};

use crate::decide::sql_values::{Row, odd};
use crate::decide::ticket::{as_stored, seat_key};
use crate::{Draft, Drafted, Reissue, Result, StoreError};

/// The highest generation that a code can count.
pub(crate) const GENERATIONS: u32 = u8::MAX as u32;

/// A ticket's draft and numbers; `$1` is the ticket.
pub(crate) const DRAFTED: &str = "SELECT t.generation, t.reserved_generation, d.draft FROM tickets t \
     LEFT JOIN ticket_drafts d ON d.ticket_id = t.id WHERE t.id = $1";

/// Stores a draft; `$1` is the ticket, `$2` now, `$3` the draft.
pub(crate) const KEEP_DRAFT: &str = "INSERT INTO ticket_drafts (ticket_id, reserved_at, draft) VALUES ($1, $2, $3) \
     ON CONFLICT (ticket_id) DO UPDATE SET reserved_at = excluded.reserved_at, draft = excluded.draft";

/// Records the number of a draft; `$1` is the ticket, `$2` the number.
pub(crate) const NOTE_NUMBER: &str =
    "UPDATE tickets SET reserved_generation = $2 WHERE id = $1 AND reserved_generation < $2";

/// Ends a draft; `$1` is the ticket.
pub(crate) const END_DRAFT: &str = "DELETE FROM ticket_drafts WHERE ticket_id = $1";

/// Reads the result of [`DRAFTED`].
pub(crate) fn drafted(row: &impl Row) -> Result<Drafted> {
    let (live, reserved): (u32, u32) = (row.number("generation")?, row.number("reserved_generation")?);
    let draft = row.text("draft")?.map(|text| serde_json::from_str(&text).map_err(|e| odd("draft", e)));
    Ok(Drafted { draft: draft.transpose()?, next: next(live, reserved) })
}

/// The number of a first draft.
fn next(live: u32, reserved: u32) -> u32 {
    let next = live.max(reserved).saturating_add(1);
    if next <= GENERATIONS { next } else { live.saturating_add(1) }
}

/// Whether a draft may be stored where `there` is the result of [`DRAFTED`] in this transaction.
pub(crate) fn may_keep(there: &impl Row, draft: &Draft, over: Option<&Draft>) -> Result<bool> {
    let live: u32 = there.number("generation")?;
    Ok(live == draft.expected && draft.generation > live && drafted(there)?.draft.as_ref() == over)
}

/// A draft as it is stored.
pub(crate) fn draft_text(draft: &Draft) -> Result<String> {
    serde_json::to_string(draft).map_err(|e| StoreError::Refused(e.into()))
}

/// Whether the live row is the one that the new generation was made from.
pub(crate) fn fits(live: &Ticket, reissue: &Reissue) -> bool {
    live.code.generation == reissue.expected
        && live.lifecycle.sequence + 1 == reissue.ticket.lifecycle.sequence
        && live.lifecycle.voided_at.is_some() == reissue.reinstates
        && live.lifecycle.erased_at.is_none()
}

/// Whether the new generation has to ask for its seat.
pub(crate) fn wants_seat(live: &Ticket, reissue: &Reissue) -> bool {
    reissue.reinstates || seat_key(live) != seat_key(&reissue.ticket)
}

/// The row that replaces the live one. Whether the amounts match is taken from the current live row: payments may have
/// arrived while the page was drawn. `conflict`: whether another ticket has its seat, if that was requested again.
pub(crate) fn row(live: &Ticket, reissue: &Reissue, conflict: Option<bool>) -> Ticket {
    let mut ticket = as_stored(reissue.ticket.clone());
    let mut set = |flag, to: bool| {
        ticket.flags = ticket.flags.iter().filter(|other| *other != flag).collect();
        if to {
            ticket.flags.insert(flag);
        }
    };
    set(Flag::AmountMismatch, live.flags.contains(Flag::AmountMismatch));
    if let Some(conflict) = conflict {
        set(Flag::SeatConflict, conflict);
    }
    ticket
}

/// The former generation as a whole.
pub(crate) fn record(live: &Ticket) -> Result<String> {
    serde_json::to_string(live).map_err(|e| StoreError::Refused(e.into()))
}

/// The text for the history.
pub(crate) fn note(reissue: &Reissue) -> String {
    let what = if reissue.reinstates { "reinstated" } else { "reissued" };
    let why = reissue.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{what} as generation {}{why}", reissue.ticket.code.generation).replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another payment arrived while the page was drawn, and everything is paid.
    #[cfg(feature = "conformance")]
    #[test]
    fn whether_the_amounts_fit_is_as_the_live_row_has_it() {
        let order = fulfillment_domain::OrderId(uuid::Uuid::nil());
        let with = |flags: &[Flag]| {
            let ticket = crate::conformance::fixtures::ticket(order, 1);
            Ticket { flags: flags.iter().copied().collect(), ..ticket }
        };
        let ticket = with(&[Flag::AmountMismatch, Flag::MissingGlyphs]);
        let (by, reason, request, events) = (crate::Actor::command("desk"), None, None, Vec::new());
        let reissue = Reissue { ticket, expected: 0, reinstates: false, events, by, reason, request };
        let flags = |live: &[Flag], conflict| row(&with(live), &reissue, conflict).flags;
        assert_eq!(flags(&[], None), with(&[Flag::MissingGlyphs]).flags);
        assert_eq!(flags(&[Flag::AmountMismatch], None), reissue.ticket.flags);
        assert_eq!(flags(&[], Some(true)), with(&[Flag::MissingGlyphs, Flag::SeatConflict]).flags);
    }

    #[test]
    fn numbers_given_before_are_left_out_as_long_as_a_code_can_count_the_next() {
        for (live, reserved, number) in
            [(0, 0, 1), (3, 0, 4), (3, 7, 8), (3, 254, 255), (3, 255, 4), (3, 900, 4), (255, 255, 256)]
        {
            assert_eq!(next(live, reserved), number, "{live} is live, {reserved} were given");
        }
    }
}
