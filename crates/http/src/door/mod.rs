//! The doors of events: check-ins, their list, the door's state and rules.

pub(crate) mod check_ins;
pub(crate) mod list;
pub(crate) mod rules;
pub(crate) mod scan;
pub(crate) mod status;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

use crate::problem::{Kind, Problem};

/// The event's id in the path, percent-decoded.
fn event_id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(id)| id).map_err(|_| {
        Problem::new(Kind::BadRequest, "The event's id in the path must be UTF-8, percent-encoded.")
    })
}

fn no_such_event() -> Problem {
    Problem::new(Kind::NoSuchEvent, "No ticket was sold for an event with this id, and nobody has set one.")
}
