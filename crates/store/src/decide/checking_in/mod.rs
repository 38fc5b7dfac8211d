//! Judges the scans of one transaction, in order, each by what the ones before it have changed.

mod facts;
mod published;
mod ticket;

use std::collections::HashMap;

use fulfillment_domain::OutboxEvent;
use fulfillment_domain::event::NAMESPACE;
use fulfillment_door::{Counts, Direction, History, Movement, Origin, Rules, Scan, Sighting, day_of, judge};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

pub(crate) use self::facts::{Facts, Moved, Place, TicketFact, Tickets};
use self::ticket::Found;
use crate::decide::unsaid::UNSAID;
use crate::{Announcing, CheckIn, CheckInOutcome, CheckInResult, NewCheckIn};

/// The door at which they are made.
pub(crate) struct Door {
    /// The event's id.
    pub(crate) event_id: String,
    /// Its number.
    pub(crate) event: u32,
    pub(crate) rules: Rules,
    pub(crate) zone: TimeZone,
    pub(crate) feed_version: u64,
    /// The store's epoch.
    pub(crate) epoch: u64,
    /// Of the last check-in.
    pub(crate) sequence: u64,
    pub(crate) now: Timestamp,
}

/// The judgement of all scans.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// In the order of the scans.
    pub(crate) outcomes: Vec<CheckInOutcome>,
    /// What is published.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Judges scans by the facts, which go along. New check-ins have sequences in the order of their times.
pub(crate) fn judge_all(
    door: &mut Door,
    facts: &mut Facts,
    scans: &[NewCheckIn],
    announcing: &Announcing,
) -> Judged {
    let mut order: Vec<_> = (0..scans.len()).collect();
    order.sort_by_key(|at| scans[*at].scanned_at);
    let mut judged = Judged::default();
    let mut outcomes = HashMap::new();
    for at in order {
        outcomes.insert(at, one(door, facts, &scans[at], announcing, &mut judged.events));
    }
    judged.outcomes = (0..scans.len()).filter_map(|at| outcomes.remove(&at)).collect();
    judged
}

fn one(
    door: &mut Door,
    facts: &mut Facts,
    scan: &NewCheckIn,
    announcing: &Announcing,
    events: &mut Vec<OutboxEvent>,
) -> CheckInOutcome {
    if let Some(nonce) = &scan.nonce
        && let Some((request, known)) = facts.nonces.get(&(scan.by.to_string(), nonce.clone()))
    {
        let same = *request == scan.request;
        return if same {
            CheckInOutcome::Known(Box::new(known.clone()))
        } else {
            CheckInOutcome::NonceConflict
        };
    }
    let found = Found::new(door, facts, scan);
    door.sequence += 1;
    let (result, before) = match repeated(facts, &found, scan) {
        Some(earlier) => {
            let again = CheckInResult {
                repeat_of: Some(earlier.sequence),
                recorded: false,
                conflict: None,
                ..earlier.result.clone()
            };
            (again, History::default())
        }
        None => judged(door, facts, &found, scan),
    };
    let check_in = check_in(door, scan, &found, result);
    if check_in.result.recorded {
        events.push(published::checked_in(door, &check_in, announcing));
    }
    events.extend(published::conflict(door, &check_in, before.first.as_ref(), announcing));
    let moves = scan.direction != Direction::Exit || before.inside;
    facts.note(&door.zone, scan, &check_in, &found.subjects, moves);
    CheckInOutcome::New(Box::new(check_in))
}

/// The earlier check-in that this scan repeats. Two clients may give their devices one name: each repeats its own scans.
fn repeated<'a>(facts: &'a Facts, found: &'a Found, scan: &NewCheckIn) -> Option<&'a CheckIn> {
    let by = scan.by.to_string();
    let of_device = facts.past(&found.subjects).filter(|past| past.device == scan.device && past.by == by);
    let earlier =
        of_device.filter(|past| past.result.repeat_of.is_none()).max_by_key(|past| past.sequence)?;
    // Nobody is shown "admitted" again after the ticket was voided or got another code. An exit, and whom a device has let
    // in, stay as they are.
    let is_void = found.ticket.as_ref().is_some_and(|ticket| ticket.voided);
    let is_withdrawn = earlier.result.recorded && found.presented.refusal().is_some();
    if (is_void || is_withdrawn) && scan.offline.is_none() && scan.direction != Direction::Exit {
        return None;
    }
    let earlier_sighting = Sighting {
        device: earlier.device.as_deref(),
        gate: earlier.gate.as_deref(),
        direction: earlier.direction,
        at: earlier.scanned_at,
        generation: earlier.generation,
        overridden: earlier.overridden,
        counts: earlier.result.recorded,
    };
    let sighting = Sighting {
        device: scan.device.as_deref(),
        gate: scan.gate.as_deref(),
        direction: scan.direction,
        at: scan.scanned_at,
        generation: found.generation,
        overridden: scan.override_reason.is_some(),
        counts: scan.offline.is_some_and(|offline| offline.shown.admits()),
    };
    sighting.repeats(&earlier_sighting).then_some(earlier)
}

/// The result, and what was on record before.
fn judged(door: &Door, facts: &Facts, found: &Found, scan: &NewCheckIn) -> (CheckInResult, History) {
    let moved = || facts.past(&found.subjects).filter(|past| past.result.recorded).map(movement);
    let at = scan.scanned_at;
    let history = History::fold(moved(), Some(at));
    let counts = counts(door, facts, scan);
    let origin = match scan.offline {
        Some(offline) => Origin::Offline { shown: offline.shown, device_revoked: offline.device_revoked },
        None => Origin::Online,
    };
    let question = Scan {
        direction: scan.direction,
        at,
        gate: scan.gate.as_deref(),
        category: found.category.as_deref(),
        overridden: scan.override_reason.is_some(),
        origin,
    };
    let judgement = judge(&door.rules, &question, &found.presented, &history, &counts);
    let enters = judgement.recorded && scan.direction == Direction::Entry;
    let this = || Movement {
        direction: scan.direction,
        at,
        receipt: i64::try_from(door.sequence).unwrap_or(i64::MAX),
        gate: scan.gate.clone(),
        device: scan.device.clone(),
    };
    let after = if enters { History::fold(moved().chain([this()]), None) } else { history.clone() };
    let result = CheckInResult {
        verdict: judgement.verdict,
        lifted: judgement.lifted,
        recorded: judgement.recorded,
        conflict: judgement.conflict.map(|conflict| conflict.word().to_owned()),
        repeat_of: None,
        first: after.first,
        entries: after.entries,
        message: judgement.message(&door.zone),
    };
    (result, history)
}

fn movement(past: &CheckIn) -> Movement {
    let CheckIn { direction, scanned_at, sequence, gate, device, .. } = past;
    Movement {
        direction: *direction,
        at: *scanned_at,
        receipt: i64::try_from(*sequence).unwrap_or(i64::MAX),
        gate: gate.clone(),
        device: device.clone(),
    }
}

/// What the limits count, before this scan.
fn counts(door: &Door, facts: &Facts, scan: &NewCheckIn) -> Counts {
    let day = day_of(scan.scanned_at, &door.zone).to_string();
    let gate = scan.gate.as_deref().unwrap_or_default();
    let area = door.rules.area_of(gate).unwrap_or_default();
    let mut counts = Counts::default();
    let (mut inside, mut left) = (0u64, 0u64);
    for (place, moved) in facts.counts.iter().chain(&facts.added) {
        if place.day == day {
            counts.day += moved.entries;
        }
        if place.gate == gate && !gate.is_empty() {
            counts.gate += moved.entries;
        }
        if place.area == area && !area.is_empty() {
            inside += moved.entries;
            left += moved.exits;
        }
    }
    counts.area = inside.saturating_sub(left);
    counts
}

fn check_in(door: &Door, scan: &NewCheckIn, found: &Found, result: CheckInResult) -> CheckIn {
    let lifted = result.lifted.is_some();
    let text = format!("check-in|{}|{}|{}", door.epoch, door.event, door.sequence);
    CheckIn {
        check_in_id: Uuid::new_v5(&NAMESPACE, text.as_bytes()),
        sequence: door.sequence,
        result,
        direction: scan.direction,
        ticket_id: found.ticket.as_ref().map(|ticket| ticket.id),
        order_id: found.ticket.as_ref().map(|ticket| ticket.order_id),
        ticket_number: found.ticket.as_ref().map(|ticket| ticket.number.clone()),
        cti: found.cti.map(hex::encode),
        generation: found.generation,
        category: found.category.clone(),
        gate: scan.gate.clone(),
        area: scan.gate.as_deref().and_then(|gate| door.rules.area_of(gate)).map(str::to_owned),
        device: scan.device.clone(),
        scanned_at: scan.scanned_at,
        received_at: door.now,
        shown: scan.offline.map(|offline| offline.shown),
        not_on_record: found.not_on_record,
        key_revoked: found.key_revoked,
        feed_stale: scan.feed_version.is_some_and(|version| version < door.feed_version),
        feed_version: scan.feed_version,
        clock_offset_ms: scan.clock_offset_ms,
        overridden: scan.override_reason.is_some(),
        override_reason: reason(scan, found, lifted),
        by: scan.by.to_string(),
    }
}

/// What a supervisor has typed, where it can be erased with an order later.
fn reason(scan: &NewCheckIn, found: &Found, lifted: bool) -> Option<String> {
    let ticket = found.ticket.as_ref().filter(|_| lifted)?;
    let typed = scan.override_reason.as_ref()?;
    Some(if ticket.erased { UNSAID.to_owned() } else { typed.clone() })
}
