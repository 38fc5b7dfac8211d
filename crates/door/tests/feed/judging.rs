//! Scans judged by what a device holds: who is in stays out, and a stale feed stops where the event says so.

use fulfillment_credential::sign as sign_code;
use fulfillment_door::feed::{Direction as Way, Document, DoorScan, Head, HeldFeed, Outcome, Snapshot};
use fulfillment_door::{Counts, Direction, Movement, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::common::{EVENT_ID, NOW, VOID, admitted, claims, cti, head, key, received, snapshot};

fn begun(rules: &str) -> HeldFeed {
    let head = Head { rules: Some(rules.to_owned()), ..head() };
    let first = Snapshot { head, ..snapshot(3, &[(cti(1), VOID)]) };
    HeldFeed::begin(received(Document::Snapshot(first)), EVENT_ID).unwrap()
}

/// Of the second ticket it is known that its holder went this way, a minute ago.
fn knows(rules: &str, way: Way) -> HeldFeed {
    let mut held = begun(rules);
    let part = admitted(0, 7, &[(2, way, NOW - 60)]);
    assert_eq!(held.apply(received(Document::Admitted(part))), Ok(Outcome::Applied));
    held
}

fn code(n: u8) -> String {
    sign_code(&key(), &claims(n)).unwrap()
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn scan(code: &str) -> DoorScan<'_> {
    DoorScan { code, direction: Direction::Entry, at: time(NOW), gate: None, overridden: false }
}

fn verdict(held: &HeldFeed, scan: &DoorScan<'_>, own: &[Movement]) -> Verdict {
    held.judge(scan, own, &Counts::default()).unwrap().judgement.verdict
}

fn moved(direction: Direction, second: i64) -> Movement {
    Movement { direction, at: time(second), receipt: 1, gate: Some("North".into()), device: None }
}

#[test]
fn who_is_known_to_be_in_is_refused_without_a_network() {
    let (second, third) = (code(2), code(3));
    let held = knows("{}", Way::In);
    let judged = held.judge(&scan(&second), &[], &Counts::default()).unwrap();
    assert_eq!(judged.judgement.verdict, Verdict::AlreadyAdmitted);
    assert!(judged.judgement.message(&TimeZone::UTC).starts_with("already admitted at "));
    assert_eq!((judged.cti, judged.category.as_deref()), (Some(cti(2)), Some("Seat")));
    assert!(!judged.feed_stale && !judged.rules_unknown);
    assert_eq!(verdict(&held, &scan(&third), &[]), Verdict::Admitted, "of whom nothing is known");
    assert_eq!(verdict(&held, &DoorScan { overridden: true, ..scan(&second) }, &[]), Verdict::Admitted);
    let check = DoorScan { direction: Direction::Check, ..scan(&third) };
    assert_eq!(verdict(&held, &check, &[]), Verdict::WouldAdmit);
    let exit = DoorScan { direction: Direction::Exit, ..scan(&second) };
    assert_eq!(verdict(&held, &exit, &[]), Verdict::Admitted);
    assert_eq!(verdict(&held, &scan(&code(1)), &[]), Verdict::Voided, "the code comes first");
    assert_eq!(verdict(&held, &scan("TK1:"), &[]), Verdict::Malformed);
}

#[test]
fn re_entry_is_as_the_event_says() {
    let second = code(2);
    for (rules, way, expected) in [
        ("{}", Way::Out, Verdict::AlreadyAdmitted),
        (r#"{"reEntry":"afterExit"}"#, Way::In, Verdict::AlreadyAdmitted),
        (r#"{"reEntry":"afterExit"}"#, Way::Out, Verdict::Admitted),
        (r#"{"reEntry":"always"}"#, Way::In, Verdict::Admitted),
    ] {
        assert_eq!(verdict(&knows(rules, way), &scan(&second), &[]), expected, "{rules} {way:?}");
    }
    // An exit that the device saw itself, and an entry that came before.
    let held = knows(r#"{"reEntry":"afterExit"}"#, Way::In);
    let own = [moved(Direction::Exit, NOW - 30)];
    assert_eq!(verdict(&held, &scan(&second), &own), Verdict::Admitted);
    let own = [moved(Direction::Exit, NOW - 90)];
    assert_eq!(verdict(&held, &scan(&second), &own), Verdict::AlreadyAdmitted);
}

#[test]
fn what_a_device_saw_itself_counts_once() {
    let (held, second) = (knows(r#"{"reEntry":"always"}"#, Way::In), code(2));
    let message = |own: &[Movement]| {
        held.judge(&scan(&second), own, &Counts::default()).unwrap().judgement.message(&TimeZone::UTC)
    };
    assert_eq!(message(&[]), "admitted, entry 2 of this ticket");
    assert_eq!(message(&[moved(Direction::Entry, NOW - 60)]), "admitted, entry 2 of this ticket");
    assert_eq!(message(&[moved(Direction::Entry, NOW - 20)]), "admitted, entry 3 of this ticket");
    // Nothing was delivered of the others.
    let held = begun("{}");
    assert_eq!(verdict(&held, &scan(&second), &[]), Verdict::Admitted);
    assert_eq!(
        verdict(&held, &scan(&second), &[moved(Direction::Entry, NOW - 20)]),
        Verdict::AlreadyAdmitted
    );
}

#[test]
fn a_stale_feed_warns_or_stops() {
    let (third, begun_at) = (code(3), NOW + 180);
    let at = |second| DoorScan { at: time(second), ..scan(&third) };
    for (rules, stops) in
        [("{}", false), (r#"{"staleFeed":"warn"}"#, false), (r#"{"staleFeed":"stop"}"#, true)]
    {
        let held = begun(rules);
        assert_eq!(held.fresh_until(), begun_at + 1_200);
        let fresh = held.judge(&at(begun_at + 1_199), &[], &Counts::default()).unwrap();
        assert_eq!((fresh.judgement.verdict, fresh.feed_stale), (Verdict::Admitted, false));
        let stale = held.judge(&at(begun_at + 1_200), &[], &Counts::default());
        if stops {
            assert_eq!(stale.unwrap_err().since, begun_at + 1_200);
            let forced = DoorScan { overridden: true, ..at(begun_at + 9_999) };
            assert!(held.judge(&forced, &[], &Counts::default()).is_err(), "whoever asks");
        } else {
            let stale = stale.unwrap();
            assert_eq!((stale.judgement.verdict, stale.feed_stale), (Verdict::Admitted, true));
        }
    }
}

#[test]
fn rules_of_a_later_version_admit_once() {
    let held = knows(r#"{"weather":"dry"}"#, Way::Out);
    assert_eq!(held.rules(), None);
    for (n, expected) in [(2, Verdict::AlreadyAdmitted), (3, Verdict::Admitted)] {
        let code = code(n);
        let judged = held.judge(&scan(&code), &[], &Counts::default()).unwrap();
        assert_eq!((judged.judgement.verdict, judged.rules_unknown), (expected, true));
    }
}

#[test]
fn places_and_limits_are_judged_too() {
    let rules = r#"{"categories":{"Seat":{"gates":["South"]}},"gates":{"North":{"limit":2},"South":{}}}"#;
    let (held, third) = (begun(rules), code(3));
    let north = DoorScan { gate: Some("North"), ..scan(&third) };
    assert_eq!(verdict(&held, &north, &[]), Verdict::WrongGate);
    let rules = r#"{"gates":{"North":{"limit":2}}}"#;
    let counts = Counts { gate: 2, ..Counts::default() };
    assert_eq!(begun(rules).judge(&north, &[], &counts).unwrap().judgement.verdict, Verdict::Full);
}
