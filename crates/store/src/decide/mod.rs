//! Code that the implementations share: the record's columns, and decisions that need no database.

pub(crate) mod admissions;
pub(crate) mod attention;
pub(crate) mod checking_in;
pub(crate) mod column;
pub(crate) mod dead_letter;
pub(crate) mod dead_letters;
pub(crate) mod delivering;
pub(crate) mod erasing;
pub(crate) mod event;
pub(crate) mod event_changes;
pub(crate) mod event_records;
pub(crate) mod facts;
pub(crate) mod folding;
pub(crate) mod freezing;
pub(crate) mod headers;
pub(crate) mod importing;
pub(crate) mod intake;
pub(crate) mod listing;
pub(crate) mod migrations;
pub(crate) mod order;
pub(crate) mod positions;
pub(crate) mod refreshing;
pub(crate) mod reissuing;
pub(crate) mod signing_keys;
pub(crate) mod sql_values;
pub(crate) mod standing;
pub(crate) mod summary;
pub(crate) mod ticket;
pub(crate) mod unsaid;
pub(crate) mod withdrawing;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The time `duration` after `at`, or the latest time.
pub(crate) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|d| at.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

/// The time `duration` before `at`, or the earliest time.
pub(crate) fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration).ok().and_then(|d| at.checked_sub(d).ok()).unwrap_or(Timestamp::MIN)
}

/// A code has 16 bits for the category.
pub(crate) fn too_many_categories() -> crate::StoreError {
    crate::StoreError::Refused("the event has more than 65,535 categories".into())
}
