//! Tests of one ticket that is seen twice in a row.

use fulfillment_door::{Direction, REPEAT_WITHIN, Sighting};
use jiff::SignedDuration;

use crate::common::time;

fn first() -> Sighting<'static> {
    Sighting {
        device: Some("scanner 3"),
        gate: Some("North"),
        direction: Direction::Entry,
        at: time("2026-12-22T18:00:00Z"),
        generation: Some(0),
        overridden: false,
        counts: true,
    }
}

#[test]
fn the_same_ticket_within_three_seconds_is_a_repeat() {
    let millisecond = SignedDuration::from_millis(1);
    for (apart, repeats) in [
        (SignedDuration::ZERO, true),
        (REPEAT_WITHIN, true),
        (-REPEAT_WITHIN, true),
        (REPEAT_WITHIN + millisecond, false),
        (-REPEAT_WITHIN - millisecond, false),
    ] {
        let again = Sighting { at: first().at + apart, counts: false, ..first() };
        assert_eq!(again.repeats(&first()), repeats, "{apart:?}");
    }
    assert_eq!(REPEAT_WITHIN, SignedDuration::from_secs(3));
}

#[test]
fn a_scan_that_asks_something_else_is_none() {
    let again = Sighting { counts: false, ..first() };
    assert!(again.repeats(&first()));
    for other in [
        Sighting { device: Some("scanner 4"), ..again },
        Sighting { gate: Some("South"), ..again },
        Sighting { direction: Direction::Exit, ..again },
        Sighting { direction: Direction::Check, ..again },
        Sighting { generation: Some(1), ..again },
        Sighting { generation: None, ..again },
        Sighting { overridden: true, ..again },
    ] {
        assert!(!other.repeats(&first()), "{other:?}");
    }
    let nameless = Sighting { device: None, ..first() };
    assert!(!nameless.repeats(&nameless), "two devices may both have no name");
}

#[test]
fn whom_a_device_admitted_after_a_refusal_is_counted() {
    let refused = Sighting { counts: false, ..first() };
    assert!(!first().repeats(&refused));
    assert!(refused.repeats(&refused), "one refusal shown twice");
    assert!(first().repeats(&first()), "one admission uploaded twice");
}
