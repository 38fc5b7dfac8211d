//! The draft of a generation: created once, kept in the store, and redrawn until its file is stored.

use fulfillment_credential::Claims;
use fulfillment_domain::ticket::{Code, Holder, Lifecycle, Seat};
use fulfillment_domain::{Flag, Ticket};
use fulfillment_store::Draft;
use jiff::{SignedDuration, Timestamp};

use super::{NotReissued, Reissuer, Wanted};
use crate::stages::code::code;
use crate::stages::freeze::expiry;

/// How long a draft is reused. A later request creates another: the expiry of its code counts from its creation.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Reissuer {
    /// The next generation, with a new signature. A reinstated ticket gets a new code id: what was voided stays void
    /// for every scanner.
    pub(super) fn draft(
        &self,
        live: &Ticket,
        generation: u32,
        wanted: &Wanted,
    ) -> Result<Draft, NotReissued> {
        let in_code = u8::try_from(generation).map_err(|_| NotReissued::Exhausted)?;
        let now = self.now();
        let mut ticket = live.clone();
        wanted.changes.apply(&mut ticket);
        if wanted.reinstate {
            ticket.code.era += 1;
            ticket.code.cti = self.secret.cti(ticket.id, ticket.code.era);
        }
        if ticket.flags.contains(Flag::Legacy) {
            // From now on this service draws and signs it.
            ticket.document.template =
                self.templates.of(&ticket.event.id, ticket.event.organizer_id.as_deref());
        }
        let claims = Claims {
            expires_at: expiry(ticket.event.starts_at, ticket.event.ends_at, now),
            cti: ticket.code.cti,
            event: ticket.event.number,
            category: ticket.seat.category_number,
            generation: in_code,
        };
        let keyring = self.keys.current();
        let key = keyring.signing_key(now).map_err(|e| NotReissued::Failed(format!("{e:#}")))?;
        let code = code(self.code, key, &claims, (ticket.order_id, &ticket.seat.label, &ticket.event.id));
        Ok(Draft {
            generation,
            expected: live.code.generation,
            reinstates: wanted.reinstate,
            request: wanted.request.clone(),
            issued_at: now,
            cti: ticket.code.cti,
            era: ticket.code.era,
            kid: key.kid().to_string(),
            qr_code_data: code.map_err(NotReissued::Failed)?,
            template: ticket.document.template,
            holder_name: ticket.holder.name,
            holder_email: ticket.holder.email,
            seat_id: ticket.seat.id,
            section: ticket.seat.section,
            row: ticket.seat.row,
            seat_number: ticket.seat.number,
            seat: ticket.seat.label,
        })
    }

    /// Whether a request may use this draft: it is the request that the draft was created for, or it knows the live
    /// generation and asks for the same.
    pub(super) fn fits(&self, draft: &Draft, live: &Ticket, wanted: &Wanted) -> bool {
        let mut ticket = live.clone();
        wanted.changes.apply(&mut ticket);
        let same_changes = (draft.holder_name == ticket.holder.name)
            && draft.holder_email == ticket.holder.email
            && draft.seat_id == ticket.seat.id
            && draft.section == ticket.seat.section
            && draft.row == ticket.seat.row
            && draft.seat_number == ticket.seat.number
            && draft.seat == ticket.seat.label;
        let repeats = draft.request.is_some() && draft.request == wanted.request;
        let age = self.now().duration_since(draft.issued_at);
        let known = |kid: &str| kid.parse().is_ok_and(|kid| self.keys.current().public().get(kid).is_some());
        draft.expected == live.code.generation
            && draft.reinstates == wanted.reinstate
            && (repeats || wanted.expected.is_some() && same_changes)
            && age < GOOD_FOR
            && known(&draft.kid)
    }
}

/// The ticket as its page is drawn: the live row, changed by the draft.
pub(super) fn ticket(live: &Ticket, draft: Draft, renderer: &str) -> Ticket {
    let mut ticket = live.clone();
    if ticket.flags.contains(Flag::Legacy) {
        ticket.flags = ticket.flags.iter().filter(|flag| *flag != Flag::Legacy).collect();
        renderer.clone_into(&mut ticket.document.renderer);
    }
    ticket.document.template = draft.template;
    Ticket {
        seat: Seat {
            label: draft.seat,
            id: draft.seat_id,
            section: draft.section,
            row: draft.row,
            number: draft.seat_number,
            ..ticket.seat
        },
        holder: Holder { name: draft.holder_name, email: draft.holder_email },
        code: Code {
            data: draft.qr_code_data,
            cti: draft.cti,
            era: draft.era,
            generation: draft.generation,
            kid: draft.kid,
        },
        lifecycle: Lifecycle {
            issued_at: draft.issued_at,
            voided_at: None,
            void_reason: None,
            delivered_at: None,
            delivery_channel: None,
            first_downloaded_at: None,
            attempts: 0,
            last_error: None,
            ..ticket.lifecycle
        },
        ..ticket
    }
}

/// Times with the precision that every store keeps.
pub(super) fn whole_microseconds(now: Timestamp) -> Timestamp {
    now.round(jiff::Unit::Microsecond).unwrap_or(now)
}
