//! The outgoing event `event-updated`.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::EventRecord;
use crate::event::{EventKind, NAMESPACE, OutboxEvent, Spelling, cloud_event_headers};

/// The `event-updated` of a record whose details in force changed at this time. `epoch` is the store's: within it,
/// `sequence` grows.
///
/// # Errors
/// None in practice: there is nothing in it that JSON cannot hold.
pub fn event_updated(
    record: &EventRecord,
    epoch: u64,
    at: Timestamp,
    spelling: Spelling,
    destinations: &[String],
) -> Result<OutboxEvent, serde_json::Error> {
    let sequence = record.head_version;
    let kind = EventKind::EventUpdated;
    let id = Uuid::new_v5(&NAMESPACE, format!("{}|{kind}|{epoch}|{sequence}", record.id).as_bytes());
    Ok(OutboxEvent {
        id,
        kind,
        order_id: None,
        ticket_id: None,
        sequence: 0,
        key: Some(record.id.clone().into_bytes()),
        value: serde_json::to_vec(&Updated { record, epoch, at, spelling })?,
        headers: cloud_event_headers(id, kind, &record.id, at, None),
        destinations: destinations.to_vec(),
    })
}

struct Updated<'a> {
    record: &'a EventRecord,
    epoch: u64,
    at: Timestamp,
    spelling: Spelling,
}

impl Serialize for Updated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Self { record, epoch, at, spelling } = self;
        let force = record.in_force();
        macro_rules! put {
            ($($name:literal: $value:expr),* $(,)?) => {
                $(map.serialize_entry(&spelling.spell($name), &$value)?;)*
            };
        }
        put! {
            "eventId": record.id,
            "eventNumber": record.number,
            "name": force.name,
            "startsAt": force.starts_at,
            "endsAt": force.ends_at,
            "doorsAt": force.doors_at,
        }
        // As in events about tickets: present only where it is true.
        for (name, day) in [
            ("startDateOnly", force.days.start),
            ("endDateOnly", force.days.end),
            ("doorsDateOnly", force.days.doors),
        ] {
            if day {
                map.serialize_entry(&spelling.spell(name), &true)?;
            }
        }
        put! {
            "timeZone": force.time_zone,
            "venueName": force.venue_name,
            "venueAddress": force.venue_address,
            "status": force.status,
            "updatedAt": at,
            "epoch": epoch,
            "sequence": record.head_version,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EventDetails, EventStatus, SetAt};
    use super::*;

    #[test]
    fn it_has_the_details_in_force() {
        let said = EventDetails { name: Some("Gala".into()), ..EventDetails::default() };
        let overrides = EventDetails { status: Some(EventStatus::Postponed), ..EventDetails::default() };
        let record = EventRecord {
            id: "e/1".into(),
            number: 7,
            said: Some(said),
            said_at: None,
            overrides,
            set_at: SetAt::default(),
            feed_version: 9,
            head_version: 3,
        };
        let at = "2026-11-22T18:30:00Z".parse().unwrap();
        let event = event_updated(&record, 1, at, Spelling::Snake, &["kafka".into()]).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&event.value).unwrap();
        assert_eq!(value["event_id"], "e/1");
        assert_eq!(
            (&value["event_number"], &value["sequence"], &value["epoch"]),
            (&7.into(), &3.into(), &1.into())
        );
        assert_eq!((&value["name"], &value["status"]), (&"Gala".into(), &"postponed".into()));
        assert!(value["starts_at"].is_null() && value.get("start_date_only").is_none());
        assert_eq!(event.key.as_deref(), Some(&b"e/1"[..]));
        let later = event_updated(&record, 2, at, Spelling::Snake, &[]).unwrap();
        assert_ne!(event.id, later.id, "another epoch");
    }
}
