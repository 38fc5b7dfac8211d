//! The doors of events: check-ins, their list, the door's state and rules, and the feed that scanners know it by.

pub(crate) mod admitted;
pub(crate) mod check_ins;
pub(crate) mod enrol;
pub(crate) mod feed;
pub(crate) mod followed;
pub(crate) mod list;
pub(crate) mod names;
pub(crate) mod news;
pub(crate) mod number_key;
pub(crate) mod numbers;
pub(crate) mod rules;
pub(crate) mod scan;
mod signed;
pub(crate) mod status;
pub(crate) mod still_good;
pub(crate) mod streams;

use crate::event_records::{event_id, made_or_set, no_such_event};
