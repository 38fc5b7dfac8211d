//! Finds the ticket of a scan on record, and what is wrong with it in itself.

use fulfillment_credential::{Cti, DoorFeed, OpenedCode};
use fulfillment_door::{Numbered, Presented, Verdict};
use jiff::Timestamp;

use super::{Door, Facts, TicketFact};
use crate::{NewCheckIn, Scanned};

/// What was presented.
pub(super) struct Found {
    pub(super) presented: Presented,
    /// Under which its admissions are on record: the ticket's id, and the id of its code, which alone is known of a ticket
    /// that is not on record. The first is that of a new one. None where nothing proves the ticket.
    pub(super) subjects: Vec<String>,
    pub(super) ticket: Option<TicketFact>,
    /// Of a code whose signature is good.
    pub(super) cti: Option<Cti>,
    pub(super) generation: Option<u8>,
    pub(super) category: Option<String>,
    pub(super) not_on_record: bool,
    pub(super) key_revoked: bool,
}

impl Found {
    pub(super) fn new(door: &Door, facts: &Facts, scan: &NewCheckIn) -> Self {
        match &scan.scanned {
            Scanned::Code(code) => Self::by_code(door, facts, code, scan.scanned_at),
            Scanned::Refused(verdict) => Self::unproven(Presented::code(verdict, door.event)),
            Scanned::Number(number) => Self::by_number(door, facts, number, scan.scanned_at),
        }
    }

    /// Nothing shows which ticket it is.
    fn unproven(presented: Presented) -> Self {
        Self {
            presented,
            subjects: Vec::new(),
            ticket: None,
            cti: None,
            generation: None,
            category: None,
            not_on_record: false,
            key_revoked: false,
        }
    }

    fn by_code(door: &Door, facts: &Facts, code: &OpenedCode, at: Timestamp) -> Self {
        let credential = code.credential();
        let claims = credential.claims;
        let of_cti = || facts.tickets.of_code(claims.cti);
        let mut feed = DoorFeed::new();
        for ticket in of_cti() {
            let is_former = ticket.cti != claims.cti;
            if ticket.voided || is_former {
                feed.void(claims.cti);
            }
            if !is_former {
                feed.supersede(claims.cti, u8::try_from(ticket.generation).unwrap_or(u8::MAX));
            }
            // Whoever has a leaked key can write any claims: only what is on record as a whole is genuine.
            let kid = credential.kid.to_string();
            if !ticket.voided && ticket.kid == kid && ticket.claims == Some(claims) {
                feed.keep(claims);
            }
        }
        let verdict = code.judge(at.as_second(), Some(door.event), Some(&feed));
        let presented = Presented::code(&verdict, door.event);
        if presented.refusal().is_some_and(|verdict| !verdict.proves_ticket()) {
            return Self::unproven(presented);
        }
        // A later generation than the record's is that of a store which was restored: it is the same ticket.
        let ticket = of_cti().next().cloned();
        let is_known = ticket
            .as_ref()
            .is_some_and(|t| t.cti != claims.cti || t.generation >= u32::from(claims.generation));
        let category = match &ticket {
            Some(ticket) => ticket.category.clone(),
            None => facts.categories.get(&claims.category).cloned(),
        };
        let of_event = presented.refusal() != Some(Verdict::OtherEvent);
        Self {
            subjects: subjects(ticket.as_ref(), Some(claims.cti)),
            not_on_record: !is_known && of_event,
            key_revoked: code.key_revoked(),
            cti: Some(claims.cti),
            generation: Some(claims.generation),
            presented,
            ticket,
            category,
        }
    }

    fn by_number(door: &Door, facts: &Facts, number: &str, at: Timestamp) -> Self {
        let ticket = facts.tickets.of_number(number).cloned();
        let numbered = ticket.as_ref().map(|ticket| Numbered {
            voided: ticket.voided,
            other_event: ticket.event != door.event,
            expired: ticket.claims.is_some_and(|claims| at.as_second() >= claims.expires_at),
        });
        let presented = Presented::number(numbered);
        Self {
            subjects: subjects(ticket.as_ref(), None),
            category: ticket.as_ref().and_then(|ticket| ticket.category.clone()),
            ticket,
            ..Self::unproven(presented)
        }
    }
}

fn subjects(ticket: Option<&TicketFact>, cti: Option<Cti>) -> Vec<String> {
    let of_ticket = ticket.into_iter().flat_map(|ticket| [ticket.id.to_string(), hex::encode(ticket.cti)]);
    let mut subjects: Vec<_> = of_ticket.chain(cti.map(hex::encode)).collect();
    let mut seen = std::collections::BTreeSet::new();
    subjects.retain(|subject| seen.insert(subject.clone()));
    subjects
}
