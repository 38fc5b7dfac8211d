//! Tests of what a steward reads.

use fulfillment_door::{Counts, Direction, History, Presented, Rules, Verdict, judge};
use jiff::tz::{Offset, TimeZone};

use crate::common::{Case, admitted_at, claims, time};

/// The message of a scan in a zone an hour ahead.
fn message(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::good();
    change(&mut case);
    case.judge().message(&TimeZone::fixed(Offset::constant(1)))
}

#[test]
fn a_message_says_what_is_the_matter() {
    let day = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    assert_eq!(message(|_| {}), "admitted");
    assert_eq!(message(|case| case.scan.direction = Direction::Check), "would be admitted");
    assert_eq!(
        message(|case| case.code.is_mangled = true),
        "not a ticket's code: scan the QR code on the ticket"
    );
    assert_eq!(
        message(|case| case.scan.gate = Some("North")),
        "Standing is not for area Hall: send the guest to area Floor"
    );
    assert_eq!(
        message(|case| case.scan.gate = Some("Yard")),
        "Standing is for area Floor; gate Yard leads to no area"
    );
    assert_eq!(
        message(|case| case.scan.gate = Some("East")),
        "wrong gate for Standing: send the guest to gate South"
    );
    assert_eq!(
        message(|case| case.scan.at = time("2026-12-22T18:10:00Z")),
        "too early: admission begins at 19:30"
    );
    assert_eq!(
        message(|case| case.scan.at = day("2026-12-21T18:10:00Z")),
        "too early: admission begins at 19:30 on 22 December"
    );
    assert_eq!(
        message(|case| case.scan.at = time("2026-12-22T22:10:00Z")),
        "too late: admission ended at 23:00"
    );
    assert_eq!(message(|case| case.counts.day = 2000), "full: 2000 were admitted today");
    assert_eq!(
        message(|case| case.counts.gate = 501),
        "full: gate South has admitted 500, send the guest to another gate"
    );
    assert_eq!(
        message(|case| case.counts.area = 300),
        "full: 300 are in area Floor, wait until somebody leaves"
    );
}

#[test]
fn a_message_says_when_and_where_the_ticket_went_in() {
    let history = admitted_at("2026-12-22T18:04:00Z");
    let message = |change: &dyn Fn(&mut Case)| {
        message(|case| {
            case.history = history.clone();
            change(case);
        })
    };
    assert_eq!(message(&|_| {}), "already admitted at 19:04 by gate North");
    assert_eq!(
        message(&|case| case.history.first.as_mut().unwrap().gate = None),
        "already admitted at 19:04 by device scanner 1"
    );
    assert_eq!(
        message(&|case| {
            let first = case.history.first.as_mut().unwrap();
            (first.gate, first.device) = (None, None);
            first.at = time("2026-12-21T23:30:00Z");
        }),
        "already admitted at 00:30"
    );
    assert_eq!(
        message(&|case| case.history.first.as_mut().unwrap().at = time("2026-12-21T18:04:00Z")),
        "already admitted at 19:04 on 21 December by gate North"
    );
    assert_eq!(message(&|case| case.history.first = None), "already admitted: this ticket is in use");
    let re_entry = |case: &mut Case, word: &str| {
        case.rules = Rules::read(&format!(r#"{{"reEntry":"{word}"}}"#)).unwrap();
    };
    assert_eq!(
        message(&|case| re_entry(case, "afterExit")),
        "inside since 19:04: no exit was scanned since then"
    );
    assert_eq!(message(&|case| re_entry(case, "always")), "admitted, entry 2 of this ticket");
    assert_eq!(
        message(&|case| case.scan.overridden = true),
        "admitted by override: already admitted at 19:04 by gate North"
    );
}

#[test]
fn an_exit_says_whether_the_ticket_comes_in_again() {
    assert_eq!(message(|case| case.scan.direction = Direction::Exit), "exit noted");
    assert_eq!(
        message(|case| {
            case.scan.direction = Direction::Exit;
            case.code.feed.void(claims().cti);
        }),
        "exit noted, does not come in again: this ticket was cancelled: send the guest to the desk"
    );
}

#[test]
fn a_message_lists_some_names() {
    for (count, wanted) in [
        (1, "wrong gate for A: send the guest to gate 1"),
        (2, "wrong gate for A: send the guest to gate 1 or 2"),
        (3, "wrong gate for A: send the guest to gate 1, 2 or 3"),
        (4, "wrong gate for A: send the guest to gate 1, 2, 3 or 4"),
        (9, "wrong gate for A: send the guest to gate 1, 2, 3 or 6 others"),
    ] {
        let gates: Vec<String> = (1..=count).map(|gate| format!(r#""{gate}":{{}}"#)).collect();
        let names: Vec<String> = (1..=count).map(|gate| format!(r#""{gate}""#)).collect();
        let rules = format!(
            r#"{{"gates":{{{}}},"categories":{{"A":{{"gates":[{}]}}}}}}"#,
            gates.join(","),
            names.join(",")
        );
        let text = message(|case| {
            case.rules = Rules::read(&rules).unwrap();
            case.scan.category = Some("A");
            case.scan.gate = Some("0");
        });
        assert_eq!(text, wanted);
    }
}

#[test]
fn a_number_that_nobody_has_is_typed_again() {
    let unknown = Presented::number(None);
    let scan = Case::good().scan;
    let judgement = judge(&Rules::default(), &scan, &unknown, &History::default(), &Counts::default());
    assert_eq!(judgement.verdict, Verdict::Unknown);
    assert_eq!(judgement.message(&TimeZone::UTC), "no ticket has this number: check it and type it again");
}
