//! `[[door]]`: events whose door has its rules in a file.

use std::path::PathBuf;

use fulfillment_domain::event_record::event_id;

use super::lists::{leftovers, required};
use super::raw::Raw;

/// An event, and the file with the rules of its door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorEntry {
    /// The event's id, as it is recorded.
    pub event: String,
    /// A JSON document, as docs/door.md describes it.
    pub rules: PathBuf,
}

/// The `[[door]]` tables.
pub(super) fn doors(raw: &mut Raw) -> Vec<DoorEntry> {
    let mut doors: Vec<DoorEntry> = Vec::new();
    for (i, mut entry) in raw.take_list("door").into_iter().enumerate() {
        let place = |key: &str| format!("door[{i}].{key}");
        let event = required(raw, &mut entry, "event", &place);
        let rules = required(raw, &mut entry, "rules", &place).map(PathBuf::from);
        leftovers(raw, entry, &place, "event and rules");
        let (Some(event), Some(rules)) = (event, rules) else { continue };
        match event_id(&event) {
            Ok(event) if doors.iter().any(|door| door.event == event) => {
                raw.problem(place("event"), format!("must not name {event:?}, which has rules already"));
            }
            Ok(event) => doors.push(DoorEntry { event, rules }),
            Err(error) => raw.problem(place("event"), error.reason),
        }
    }
    doors
}
