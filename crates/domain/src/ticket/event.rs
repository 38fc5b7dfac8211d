//! The event that a ticket admits to.

use jiff::Timestamp;

use crate::order;

/// The event, as it was known when the ticket was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id at Ordering.
    pub id: String,
    /// The event's number in codes.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// When it starts. Of a day without an hour (see the flags), this is its noon, as of doors and end.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// When the doors open.
    pub doors_at: Option<Timestamp>,
    /// Its time zone, as `zones::named` reads it: an IANA name, or an offset like `+02:00`.
    pub time_zone: Option<String>,
    /// The venue.
    pub venue_name: Option<String>,
    /// The venue's address.
    pub venue_address: Option<String>,
    /// Who sells it.
    pub organizer_id: Option<String>,
    /// The organizer's name.
    pub organizer_name: Option<String>,
}

impl Event {
    /// The event as Ordering describes it, and its number in codes.
    pub fn of(event: &order::Event, number: u32) -> Self {
        Self {
            id: event.id.clone(),
            number,
            name: event.name.clone(),
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            doors_at: event.doors_at,
            time_zone: Some(event.time_zone.clone()),
            venue_name: event.venue_name.clone(),
            venue_address: event.venue_address.clone(),
            organizer_id: event.organizer_id.clone(),
            organizer_name: event.organizer_name.clone(),
        }
    }
}
