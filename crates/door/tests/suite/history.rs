//! Tests of what a ticket's movements add up to.

use fulfillment_door::{Direction, FirstEntry, History, Movement};
use proptest::prelude::*;

use crate::common::time;

/// `in 18:00 1`: a movement, its time and its receipt.
fn movements(text: &str) -> Vec<Movement> {
    let read = |part: &str| {
        let words: Vec<&str> = part.split(' ').collect();
        let direction = match words[0] {
            "in" => Direction::Entry,
            "out" => Direction::Exit,
            _ => Direction::Check,
        };
        Movement {
            direction,
            at: time(&format!("2026-12-22T{}:00Z", words[1])),
            receipt: words[2].parse().unwrap(),
            gate: Some(format!("gate {}", words[2])),
            device: None,
        }
    };
    text.split(", ").filter(|part| !part.is_empty()).map(read).collect()
}

fn is_inside(text: &str, at: Option<&str>) -> bool {
    let at = at.map(|at| time(&format!("2026-12-22T{at}:00Z")));
    History::fold(movements(text), at).inside
}

#[test]
fn entries_and_exits_are_counted() {
    assert_eq!(History::fold([], None), History::default());
    let history = History::fold(movements("in 20:00 3, out 19:00 2, in 18:00 4, check 17:00 1"), None);
    let first = FirstEntry { at: time("2026-12-22T18:00:00Z"), gate: Some("gate 4".into()), device: None };
    assert_eq!(
        history,
        History {
            entries: 2,
            exits: 1,
            first: Some(first),
            inside: true,
            last_entry_at: Some(time("2026-12-22T20:00:00Z")),
        }
    );
}

#[test]
fn equal_times_are_ordered_by_receipt() {
    assert!(!is_inside("in 18:00 1, out 18:00 2", None));
    assert!(is_inside("in 18:00 2, out 18:00 1", None));
    assert!(!is_inside("out 18:00 2, in 18:00 1", Some("18:00")));
    let first = History::fold(movements("in 18:00 2, in 18:00 1"), None).first.unwrap();
    assert_eq!(first.gate.as_deref(), Some("gate 1"));
}

#[test]
fn a_late_upload_is_judged_in_its_place() {
    let day = "in 18:00 1, out 20:00 2, in 21:00 3, out 22:00 4";
    for (at, inside) in [
        // In front of an entry it would be the first of two.
        ("17:00", true),
        ("18:00", true),
        ("19:00", true),
        ("20:00", true),
        ("21:30", true),
        ("22:00", false),
        ("23:00", false),
    ] {
        assert_eq!(is_inside(day, Some(at)), inside, "{at}");
    }
    assert!(!is_inside("out 20:00 1", Some("19:00")));
}

fn any_movement() -> impl Strategy<Value = Movement> {
    let direction = prop::sample::select(vec![Direction::Entry, Direction::Exit, Direction::Check]);
    (direction, 0..60_i64).prop_map(|(direction, minute)| Movement {
        direction,
        at: time("2026-12-22T18:00:00Z") + jiff::SignedDuration::from_mins(minute),
        receipt: 0,
        gate: None,
        device: None,
    })
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (sorted, shuffled) in prop::collection::vec(any_movement(), 0..12).prop_flat_map(|mut all| {
            for (receipt, movement) in (0..).zip(&mut all) {
                movement.receipt = receipt;
            }
            (Just(all.clone()), Just(all).prop_shuffle())
        }),
        at in prop::option::of(0..60_i64),
    ) {
        let at = at.map(|minute| time("2026-12-22T18:00:00Z") + jiff::SignedDuration::from_mins(minute));
        prop_assert_eq!(History::fold(sorted, at), History::fold(shuffled, at));
    }
}
