//! The record of an event: what Ordering said about it, what was set over that, and the details in force.

mod patch;
mod set_at;
mod updated;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

pub use self::patch::{Change, EventChange, EventPatch, MAX_EVENT_ID, event_id};
pub use self::set_at::{Moment, SetAt};
pub use self::updated::event_updated;
use crate::event_time::{believed_doors, believed_end, check_doors, check_end};
use crate::fields::Unreadable;
use crate::order::OrderSnapshot;
use crate::ticket::{Flag, Flags};

crate::words! {
    /// Whether an event takes place as it was announced.
    pub enum EventStatus: "event status" {
        /// It does; also the status of an event about which nobody said anything else.
        Scheduled = "scheduled",
        /// It takes place later.
        Postponed = "postponed",
        /// It does not take place.
        Cancelled = "cancelled",
    }
}

impl<'de> Deserialize<'de> for EventStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The details of an event, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct EventDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doors_at: Option<Timestamp>,
    /// In the form that [`crate::zones::named`] reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<EventStatus>,
    /// Which times are only days, recorded as their noon.
    #[serde(flatten)]
    pub days: DaysAlone,
}

/// Which times of an event are only days: no hour is to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of ticket events")]
pub struct DaysAlone {
    #[serde(rename = "startDateOnly", skip_serializing_if = "std::ops::Not::not")]
    pub start: bool,
    #[serde(rename = "endDateOnly", skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
    #[serde(rename = "doorsDateOnly", skip_serializing_if = "std::ops::Not::not")]
    pub doors: bool,
}

impl DaysAlone {
    /// As a ticket's flags have it, for the times that are known.
    pub fn of(flags: &Flags, details: &EventDetails) -> Self {
        Self {
            start: details.starts_at.is_some() && flags.contains(Flag::StartWithoutHour),
            end: details.ends_at.is_some() && flags.contains(Flag::EndWithoutHour),
            doors: details.doors_at.is_some() && flags.contains(Flag::DoorsWithoutHour),
        }
    }
}

impl EventDetails {
    /// What an accepted answer of Ordering says. A name that Ordering does not know yet is none.
    pub fn said_in(order: &OrderSnapshot) -> Self {
        let event = &order.event;
        // In whole microseconds, as tickets are stored.
        let whole = |at: Option<Timestamp>| Timestamp::from_microsecond(at?.as_microsecond()).ok();
        let mut said = Self {
            name: (!order.name_is_pending()).then(|| event.name.clone()),
            starts_at: whole(event.starts_at),
            ends_at: whole(event.ends_at),
            doors_at: whole(event.doors_at),
            time_zone: Some(event.time_zone.clone()),
            venue_name: event.venue_name.clone(),
            venue_address: event.venue_address.clone(),
            status: None,
            days: DaysAlone::default(),
        };
        said.days = DaysAlone::of(&order.flags, &said);
        said
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The stored form. Equal details have equal text.
    ///
    /// # Errors
    /// None in practice: there is nothing in it that JSON cannot hold.
    pub fn to_stored(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads the stored form. A field of a later version is ignored.
    ///
    /// # Errors
    /// It is something else.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// What is on record about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The event's id, Ordering's.
    pub id: String,
    /// Its number in codes.
    pub number: u32,
    /// What Ordering said last, if it did.
    pub said: Option<EventDetails>,
    /// When Ordering was asked for that.
    pub said_at: Option<Timestamp>,
    /// What an operator or a message of the topic `event-changed` set over it.
    pub overrides: EventDetails,
    /// When that was set, or lifted.
    pub set_at: SetAt,
    /// Counts what the event's scanners have to learn, from 1.
    pub feed_version: u64,
    /// The feed's version when the details in force changed last.
    pub head_version: u64,
}

impl EventRecord {
    /// The details in force: what was set over what Ordering said. A time of Ordering's that contradicts one
    /// that was set is not in force: a show that was moved does not end before it begins.
    pub fn in_force(&self) -> EventDetails {
        let said = self.said.clone().unwrap_or_default();
        let set = self.overrides.clone();
        let start = set.starts_at.or(said.starts_at);
        let day_alone = said.days != DaysAlone::default();
        let moved = set.starts_at.is_some();
        let said_end = if moved { believed_end(said.ends_at, start, said.days.end) } else { said.ends_at };
        let end = set.ends_at.or(said_end);
        let said_doors = if moved || set.ends_at.is_some() {
            believed_doors(said.doors_at, start, end, day_alone)
        } else {
            said.doors_at
        };
        let days = DaysAlone {
            start: said.days.start && set.starts_at.is_none(),
            end: said.days.end && set.ends_at.is_none() && said_end.is_some(),
            doors: said.days.doors && set.doors_at.is_none() && said_doors.is_some(),
        };
        EventDetails {
            name: set.name.or(said.name),
            starts_at: start,
            ends_at: end,
            doors_at: set.doors_at.or(said_doors),
            time_zone: set.time_zone.or(said.time_zone),
            venue_name: set.venue_name.or(said.venue_name),
            venue_address: set.venue_address.or(said.venue_address),
            status: set.status.or(said.status).or(Some(EventStatus::Scheduled)),
            days,
        }
    }

    /// Whether the times that were set are plausible beside the others in force.
    ///
    /// # Errors
    /// The field that contradicts another, and how.
    pub fn check_times(&self) -> Result<(), Unreadable> {
        let force = self.in_force();
        let day_alone = force.days != DaysAlone::default();
        if let Some(end) = self.overrides.ends_at {
            check_end(end, force.starts_at, force.days.start)
                .map_err(|why| Unreadable::field("endsAt", why.to_string()))?;
        }
        if let Some(doors) = self.overrides.doors_at {
            check_doors(doors, force.starts_at, force.ends_at, day_alone)
                .map_err(|why| Unreadable::field("doorsAt", why.to_string()))?;
        }
        Ok(())
    }

    /// Whether it does not take place.
    pub fn is_cancelled(&self) -> bool {
        self.in_force().status == Some(EventStatus::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record() -> EventRecord {
        let said = EventDetails {
            name: Some("Gala".into()),
            starts_at: Some(at("2026-12-22T18:30:00Z")),
            ends_at: Some(at("2026-12-22T22:00:00Z")),
            doors_at: Some(at("2026-12-22T17:30:00Z")),
            time_zone: Some("Europe/Berlin".into()),
            ..EventDetails::default()
        };
        EventRecord {
            id: "e".into(),
            number: 1,
            said: Some(said),
            said_at: None,
            overrides: EventDetails::default(),
            set_at: SetAt::default(),
            feed_version: 0,
            head_version: 0,
        }
    }

    #[test]
    fn what_is_set_is_over_what_was_said() {
        let mut record = record();
        assert_eq!(record.in_force().status, Some(EventStatus::Scheduled));
        record.overrides.name = Some("Gala, moved".into());
        record.overrides.status = Some(EventStatus::Postponed);
        let force = record.in_force();
        assert_eq!(
            (force.name.as_deref(), force.status),
            (Some("Gala, moved"), Some(EventStatus::Postponed))
        );
        assert_eq!(force.starts_at, Some(at("2026-12-22T18:30:00Z")));
    }

    #[test]
    fn a_moved_event_does_not_end_before_it_begins() {
        let mut record = record();
        record.overrides.starts_at = Some(at("2027-01-10T18:30:00Z"));
        let force = record.in_force();
        assert_eq!((force.ends_at, force.doors_at), (None, None));
        assert_eq!(record.check_times(), Ok(()));
        record.overrides.starts_at = Some(at("2026-12-22T19:00:00Z"));
        assert_eq!(record.in_force().ends_at, Some(at("2026-12-22T22:00:00Z")), "it still fits");
    }

    #[test]
    fn set_times_that_contradict_are_refused_by_name() {
        let mut record = record();
        record.overrides.ends_at = Some(at("2026-12-22T12:00:00Z"));
        assert_eq!(record.check_times().unwrap_err().field.as_deref(), Some("endsAt"));
        record.overrides.ends_at = None;
        record.overrides.doors_at = Some(at("2026-12-22T23:00:00Z"));
        assert_eq!(record.check_times().unwrap_err().field.as_deref(), Some("doorsAt"));
    }

    #[test]
    fn days_without_hours_stay_so_until_an_hour_is_set() {
        let mut record = record();
        record.said.as_mut().unwrap().days = DaysAlone { start: true, ..DaysAlone::default() };
        assert!(record.in_force().days.start);
        record.overrides.starts_at = Some(at("2026-12-22T18:30:00Z"));
        assert!(!record.in_force().days.start);
    }

    #[test]
    fn details_survive_storage() {
        let mut details = record().said.unwrap();
        details.status = Some(EventStatus::Cancelled);
        details.days.end = true;
        let stored = details.to_stored().unwrap();
        assert!(stored.contains(r#""endDateOnly":true"#) && !stored.contains("venue"), "{stored}");
        assert_eq!(EventDetails::from_stored(&stored).unwrap(), details);
        assert_eq!(EventDetails::from_stored(r#"{"later":1}"#).unwrap(), EventDetails::default());
    }
}
