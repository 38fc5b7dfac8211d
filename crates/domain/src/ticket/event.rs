//! The event that a ticket admits to.

use jiff::Timestamp;

/// The event, as it was known when the ticket was frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id at Ordering.
    pub id: String,
    /// The event's number in codes.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// When it starts. For a day without an hour (see the flags) this is its noon; the same holds for doors and end.
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
    /// The organizer's id.
    pub organizer_id: Option<String>,
    /// The organizer's name.
    pub organizer_name: Option<String>,
}
