//! The record of events as it is asked and answered.

use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Object, Type};

/// The details of an event. What is not known is not there.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct EventDetails {
    #[schema(required = false)]
    name: String,
    #[schema(required = false, format = DateTime)]
    starts_at: String,
    #[schema(required = false, format = DateTime)]
    ends_at: String,
    #[schema(required = false, format = DateTime)]
    doors_at: String,
    /// An IANA name, or an offset.
    #[schema(required = false)]
    time_zone: String,
    #[schema(required = false)]
    venue_name: String,
    #[schema(required = false)]
    venue_address: String,
    #[schema(required = false, schema_with = statuses)]
    status: String,
    /// Of the start only the day is known.
    #[schema(required = false)]
    start_date_only: bool,
    #[schema(required = false)]
    end_date_only: bool,
    #[schema(required = false)]
    doors_date_only: bool,
}

/// An event: the details in force, and where they come from.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct EventRecord {
    event_id: String,
    /// Its number in codes.
    event_number: u32,
    #[serde(flatten)]
    in_force: EventDetails,
    /// What Ordering said last.
    ordering: Option<EventDetails>,
    /// What an operator or the topic `event-changed` set over it.
    overrides: EventDetails,
    /// Counts what the event's scanners have to learn.
    feed_version: u64,
    /// Its tickets, void ones included.
    #[schema(required = false)]
    issued: u64,
    /// Those that are void.
    #[schema(required = false)]
    voided: u64,
}

/// A page of events.
#[derive(ToSchema)]
pub(crate) struct EventPage {
    events: Vec<EventRecord>,
    /// Send it as `after` for the next page; null after the last one.
    next: Option<u32>,
}

/// What is set over Ordering's word. Null lifts a field; what is not named stays.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct EventPatch {
    name: Option<String>,
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    #[schema(format = DateTime)]
    doors_at: Option<String>,
    time_zone: Option<String>,
    venue_name: Option<String>,
    venue_address: Option<String>,
    #[schema(schema_with = statuses)]
    status: Option<String>,
}

fn statuses() -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String);
    object.enum_values(Some(["scheduled", "postponed", "cancelled"])).build()
}
