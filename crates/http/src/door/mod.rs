//! The doors of events: check-ins, their list, the door's state and rules.

pub(crate) mod check_ins;
pub(crate) mod list;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod status;

use crate::event_records::{event_id, no_such_event};
