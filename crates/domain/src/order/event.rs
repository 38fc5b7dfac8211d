//! The event's details in Ordering's answer.

use jiff::Timestamp;

use super::reader::Reader;
use super::reading::Reading;
use super::times::Times;
use crate::fields::Fields;
use crate::ticket;

/// The event, as far as Ordering knows it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Event {
    pub id: String,
    pub name: String,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub doors_at: Option<Timestamp>,
    /// The time zone that its times are shown in: [`crate::zones::named`] reads it.
    pub time_zone: String,
    pub venue_name: Option<String>,
    pub venue_address: Option<String>,
    pub organizer_id: Option<String>,
    pub organizer_name: Option<String>,
}

impl Event {
    /// Reads the event. Without an id or a name the answer is refused; every other detail may be missing.
    pub(super) fn read(answer: &mut Reader<'_, '_>, reading: &Reading) -> Self {
        let Times { starts_at, doors_at, ends_at, zone } = Times::read(answer, reading);
        Self {
            id: answer.required("eventId", Fields::identifier).unwrap_or_default(),
            name: answer.required("eventName", Fields::text).unwrap_or_default(),
            starts_at,
            ends_at,
            doors_at,
            time_zone: zone,
            venue_name: answer.optional("venueName", Fields::text),
            venue_address: answer.optional("venueAddress", Fields::text),
            organizer_id: answer.optional("organizerId", Fields::optional_id),
            organizer_name: answer.optional("organizerName", Fields::text),
        }
    }

    /// The event as stored with its tickets, with its number in codes.
    pub fn frozen(&self, number: u32) -> ticket::Event {
        ticket::Event {
            id: self.id.clone(),
            number,
            name: self.name.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            doors_at: self.doors_at,
            time_zone: Some(self.time_zone.clone()),
            venue_name: self.venue_name.clone(),
            venue_address: self.venue_address.clone(),
            organizer_id: self.organizer_id.clone(),
            organizer_name: self.organizer_name.clone(),
        }
    }

    /// The size of its text in bytes.
    pub(super) fn text(&self) -> usize {
        let Self { id, name, time_zone, venue_name, venue_address, organizer_id, organizer_name, .. } = self;
        let optional = [venue_name, venue_address, organizer_id, organizer_name];
        id.len()
            + name.len()
            + time_zone.len()
            + optional.into_iter().flatten().map(String::len).sum::<usize>()
    }
}
