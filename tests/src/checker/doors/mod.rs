//! Checks the doors of events: compares the ledger of scans with the check-ins on record and with what was published.
//!
//! The rules of the doors are the default ones: each ticket is admitted once.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::scans::{Scan, Scans};
use crate::scene::Scene;
use crate::service::Service;

/// A check-in on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckIn {
    /// The event's number.
    pub event: i64,
    /// The nonce of its scan; `-` if it has none.
    pub nonce: String,
    /// Everything else.
    pub content: Value,
}

/// The state of the doors, and what their gates were answered.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// What the gates have sent.
    pub scans: Vec<Scan>,
    /// By which moment of the ledger the voids of tickets were acknowledged.
    pub voids: BTreeMap<String, u64>,
    /// The check-ins on record, in the order of their events and sequences.
    pub check_ins: Vec<CheckIn>,
    /// The entries that are counted for the limits of the rules.
    pub counted: i64,
    /// The sequences of the check-ins that events were published for, by the events' type; `None` where nobody listens.
    pub published: Option<BTreeMap<String, Vec<u64>>>,
}

impl Doors {
    /// Collects everything.
    ///
    /// # Errors
    /// A query fails, or a message cannot be read.
    pub async fn look(scene: &Scene, scans: &Scans) -> Result<Self> {
        let all = "SELECT CAST(event_number AS TEXT) || ' ' || coalesce(nonce, '-') || ' ' || content AS t \
                   FROM check_ins ORDER BY event_number, sequence";
        let mut check_ins = Vec::new();
        for text in scene.record.texts(all).await? {
            let mut parts = text.splitn(3, ' ');
            let mut part = || parts.next().context("a check-in has three parts");
            let (event, nonce) = (part()?.parse()?, part()?.to_owned());
            check_ins.push(CheckIn { event, nonce, content: serde_json::from_str(part()?)? });
        }
        let counted = scene.record.number("SELECT coalesce(sum(entries), 0) FROM door_counts").await?;
        let published = match scene.wire() {
            Ok(wire) => {
                let mut published: BTreeMap<String, Vec<u64>> = BTreeMap::new();
                for topic in [&wire.checked_in, &wire.conflicts] {
                    let mut known = BTreeSet::new();
                    for message in wire.kafka.all(topic).await? {
                        if known.insert(message.header("ce_id")) {
                            let kind = message.header("ce_type").context("an event without a type")?;
                            let sequence = message.json()?["sequence"].as_u64();
                            published.entry(kind).or_default().push(sequence.context("a sequence")?);
                        }
                    }
                }
                Some(published)
            }
            Err(_) => None,
        };
        Ok(Self { scans: scans.scans(), voids: scans.voids(), check_ins, counted, published })
    }

    /// Everything that violates a promise; empty if nothing does.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.sequences_have_no_gaps(&mut found);
        self.no_ticket_is_admitted_twice(&mut found);
        self.every_answer_is_on_record(&mut found);
        self.nobody_comes_in_after_a_void(&mut found);
        self.the_good_are_in(&mut found);
        self.entries_are_counted(&mut found);
        self.all_of_it_is_published(&mut found);
        found
    }

    fn sequences_have_no_gaps(&self, found: &mut Vec<String>) {
        let mut last: BTreeMap<i64, u64> = BTreeMap::new();
        let (mut ids, mut nonces) = (BTreeSet::new(), BTreeSet::new());
        for check_in in &self.check_ins {
            let last = last.entry(check_in.event).or_default();
            let sequence = check_in.sequence();
            if sequence != *last + 1 {
                found.push(format!("check-in {sequence} comes after {last}"));
            }
            *last = sequence;
            if !ids.insert(check_in.content["checkInId"].as_str()) {
                found.push(format!("check-in {sequence}: its id is there twice"));
            }
            if check_in.nonce != "-" && !nonces.insert(&check_in.nonce) {
                found.push(format!("scan {}: its nonce is there twice", check_in.nonce));
            }
        }
    }

    /// On record, and as the gates saw it: a gate opens by an answer, whatever is on record later.
    fn no_ticket_is_admitted_twice(&self, found: &mut Vec<String>) {
        let mut admitted: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for check_in in self.check_ins.iter().filter(|c| c.is_entry() && c.content["conflict"].is_null()) {
            if check_in.content["overridden"] != true {
                admitted.entry(check_in.subject()).or_default().push(check_in.sequence());
            }
        }
        for (ticket, sequences) in admitted.iter().filter(|(_, sequences)| sequences.len() > 1) {
            found.push(format!("ticket {ticket}: admitted by {sequences:?}, and no conflict is on record"));
        }
        let mut opened: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for scan in self.scans.iter().filter(|scan| scan.shown.is_none() && scan.direction == "entry") {
            if scan.answers.iter().any(|answer| answer["verdict"] == "admitted" && answer["repeat"] != true) {
                opened.entry(&scan.ticket).or_default().push(&scan.nonce);
            }
        }
        for (ticket, nonces) in opened.iter().filter(|(_, nonces)| nonces.len() > 1) {
            found.push(format!("ticket {ticket}: {nonces:?} were all answered that it is admitted"));
        }
    }

    /// What was acknowledged is on record as it was answered, each time; and nothing is that nobody has scanned.
    fn every_answer_is_on_record(&self, found: &mut Vec<String>) {
        let recorded: BTreeMap<_, _> = self.check_ins.iter().map(|c| (c.nonce.as_str(), c)).collect();
        for scan in &self.scans {
            let Some(check_in) = recorded.get(scan.nonce.as_str()) else {
                if !scan.answers.is_empty() {
                    found.push(format!("scan {}: acknowledged, and not on record", scan.nonce));
                }
                continue;
            };
            let is_same =
                |answer: &Value| ANSWERED.iter().all(|field| answer[field] == check_in.content[field]);
            if let Some(other) = scan.answers.iter().find(|answer| !is_same(answer)) {
                let on_record = &check_in.content;
                found.push(format!("scan {}: answered {other}, on record is {on_record}", scan.nonce));
            }
            let admits = scan.shown == Some("admitted") && check_in.content["repeatOf"].is_null();
            if admits && check_in.content["recorded"] != true {
                found.push(format!("scan {}: let in without a network, and not counted", scan.nonce));
            }
        }
        let sent: BTreeSet<_> = self.scans.iter().map(|scan| scan.nonce.as_str()).collect();
        let unsent = self.check_ins.iter().filter(|check_in| !sent.contains(check_in.nonce.as_str()));
        found.extend(unsent.map(|check_in| format!("check-in {}: nobody's scan", check_in.sequence())));
    }

    /// Who was sent after the answer to a void is refused; where a gate without a network let them in, a conflict says so.
    fn nobody_comes_in_after_a_void(&self, found: &mut Vec<String>) {
        let entries: BTreeMap<_, _> =
            self.check_ins.iter().filter(|c| c.is_entry()).map(|c| (c.nonce.as_str(), c)).collect();
        for scan in &self.scans {
            let after = self.voids.get(&scan.ticket).is_some_and(|voided| *voided < scan.sent);
            let Some(check_in) = entries.get(scan.nonce.as_str()).filter(|_| after) else { continue };
            if scan.shown.is_none() || check_in.content["conflict"].is_null() {
                found.push(format!("ticket {}: admitted by {} after its void", scan.ticket, scan.nonce));
            }
        }
    }

    /// A ticket that was never void, and was scanned, has been admitted.
    fn the_good_are_in(&self, found: &mut Vec<String>) {
        let inside: BTreeSet<_> =
            self.check_ins.iter().filter(|c| c.is_entry()).map(CheckIn::subject).collect();
        let answered = |scan: &&Scan| scan.direction == "entry" && !scan.answers.is_empty();
        let scanned: BTreeSet<_> = self.scans.iter().filter(answered).map(|scan| &scan.ticket).collect();
        let missing = scanned.iter().filter(|id| !self.voids.contains_key(**id) && !inside.contains(**id));
        found.extend(missing.map(|id| format!("ticket {id}: good, and never admitted")));
    }

    fn entries_are_counted(&self, found: &mut Vec<String>) {
        let entries = self.check_ins.iter().filter(|check_in| check_in.is_entry()).count();
        if i64::try_from(entries) != Ok(self.counted) {
            found.push(format!("{entries} entries are on record, and {} are counted", self.counted));
        }
    }

    fn all_of_it_is_published(&self, found: &mut Vec<String>) {
        let Some(published) = &self.published else { return };
        let is_recorded = |check_in: &&CheckIn| check_in.content["recorded"] == true;
        let has_conflict = |check_in: &&CheckIn| !check_in.content["conflict"].is_null();
        let recorded = self.check_ins.iter().filter(is_recorded).map(CheckIn::sequence).collect();
        let conflicts = self.check_ins.iter().filter(has_conflict).map(CheckIn::sequence).collect();
        let expected: [(_, BTreeSet<u64>); 2] =
            [("ticket-checked-in", recorded), ("ticket-check-in-conflict", conflicts)];
        for (kind, expected) in expected {
            let mut told = published.get(kind).cloned().unwrap_or_default();
            told.sort_unstable();
            if !told.iter().eq(&expected) {
                found.push(format!("{kind} is due for {expected:?}, and was published for {told:?}"));
            }
        }
    }
}

/// What an answer has in common with its check-in on record.
const ANSWERED: [&str; 6] = ["checkInId", "sequence", "verdict", "recorded", "entries", "ticketId"];

impl CheckIn {
    fn sequence(&self) -> u64 {
        self.content["sequence"].as_u64().unwrap_or_default()
    }

    fn is_entry(&self) -> bool {
        self.content["recorded"] == true && self.content["direction"] == "entry"
    }

    /// The ticket, else its code.
    fn subject(&self) -> String {
        let subject = self.content["ticketId"].as_str().or_else(|| self.content["cti"].as_str());
        subject.unwrap_or_default().to_owned()
    }
}

/// Waits until the service is idle, then checks the doors.
///
/// # Errors
/// The violated promises.
pub async fn check_doors(scene: &Scene, service: &Service, scans: &Scans) -> Result<()> {
    scene.settled(service).await?;
    let violations = Doors::look(scene, scans).await?.violations();
    ensure!(violations.is_empty(), "{violations:#?}");
    Ok(())
}
