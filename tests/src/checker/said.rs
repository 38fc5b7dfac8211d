//! Checks events about tickets, as their consumers received them.

use std::collections::BTreeMap;

use super::{World, has_file};
use crate::kafka::Message;

const VOIDED: &str = "ticket-voided";

impl World {
    /// Every ticket was announced at least once; a repeat has the same id and the same bytes; a ticket's events on one
    /// topic are in order.
    pub(super) fn every_ticket_was_announced(&self, found: &mut Vec<String>) {
        let mut first: BTreeMap<String, &Message> = BTreeMap::new();
        let mut told: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
        for topic in &self.events {
            let mut last_of: BTreeMap<String, u64> = BTreeMap::new();
            for event in topic {
                let (Some(id), Some(ticket)) = (event.header("ce_id"), event.header("ce_subject")) else {
                    found.push(format!(
                        "an event at {}/{} has no id or subject",
                        event.partition, event.offset
                    ));
                    continue;
                };
                if let Some(before) = first.get(&id) {
                    if before.value != event.value {
                        found.push(format!("event {id}: repeated in other words"));
                    }
                    continue;
                }
                let sequence =
                    event.json().ok().and_then(|json| json["sequence"].as_u64()).unwrap_or_default();
                let last = last_of.entry(ticket.clone()).or_default();
                if sequence <= *last {
                    found.push(format!("ticket {ticket}: event {sequence} came after {last}"));
                }
                *last = sequence;
                first.insert(id, event);
                let kind = event.header("ce_type").unwrap_or_default();
                if told.entry(ticket.clone()).or_default().insert(sequence, kind).is_some() {
                    found.push(format!("ticket {ticket}: two events are number {sequence}"));
                }
            }
        }
        self.the_last_word_is_true(&told, found);
    }

    /// Each change of a ticket was published once, except those that a void overtook, and the last event agrees with
    /// the record.
    fn the_last_word_is_true(&self, told: &BTreeMap<String, BTreeMap<u64, String>>, found: &mut Vec<String>) {
        let nothing = BTreeMap::new();
        for ticket in self.tickets() {
            let id = ticket["id"].as_str().unwrap_or_default();
            let told = told.get(id).unwrap_or(&nothing);
            let is_void = !ticket["voidedAt"].is_null();
            if told.is_empty() && has_file(ticket) && !is_void {
                found.push(format!("ticket {id}: generated, and nobody was told"));
            }
            let sequence = ticket["sequence"].as_u64().unwrap_or_default();
            // A change that a void overtook is no longer published.
            let is_told =
                |n: u64| told.range(n..).next().is_some_and(|(next, kind)| *next == n || kind == VOIDED);
            if !(1..=sequence).all(is_told) || told.keys().any(|n| *n > sequence) {
                found.push(format!("ticket {id}: {sequence} events are recorded, told were {told:?}"));
            }
            let voids = || told.iter().filter(|(_, kind)| *kind == VOIDED).map(|(n, _)| n);
            if voids().zip(voids().skip(1)).any(|(one, next)| one + 1 == *next) {
                found.push(format!("ticket {id}: it was told void twice: {told:?}"));
            }
            if told.values().next_back().is_some_and(|last| (last == VOIDED) != is_void) {
                found.push(format!("ticket {id}: void is {is_void}, and the last word is another: {told:?}"));
            }
        }
    }
}
