//! Tests of what counts, and of what a device has decided offline.

use fulfillment_door::{Conflict, Direction, Origin, Verdict};

use crate::common::{Case, admitted_at};

fn offline(direction: Direction, shown: Verdict, history: bool) -> (Verdict, bool, Option<&'static str>) {
    judged(direction, Origin::Offline { shown, device_revoked: false }, history)
}

fn judged(direction: Direction, origin: Origin, history: bool) -> (Verdict, bool, Option<&'static str>) {
    let mut case = Case::good();
    case.scan.direction = direction;
    case.scan.origin = origin;
    if history {
        case.history = admitted_at("2026-12-22T18:45:00Z");
    }
    let judgement = case.judge();
    (judgement.verdict, judgement.recorded, judgement.conflict.map(Conflict::word))
}

#[test]
fn online_the_verdict_decides() {
    let admitted = (Verdict::Admitted, true, None);
    assert_eq!(judged(Direction::Entry, Origin::Online, false), admitted);
    assert_eq!(judged(Direction::Exit, Origin::Online, true), admitted);
    assert_eq!(judged(Direction::Entry, Origin::Online, true), (Verdict::AlreadyAdmitted, false, None));
    assert_eq!(judged(Direction::Check, Origin::Online, false), (Verdict::WouldAdmit, false, None));
}

#[test]
fn whom_a_device_admitted_offline_is_in() {
    let shown = Verdict::Admitted;
    assert_eq!(offline(Direction::Entry, shown, false), (Verdict::Admitted, true, None));
    let twice = (Verdict::AlreadyAdmitted, true, Some("already_admitted"));
    assert_eq!(offline(Direction::Entry, shown, true), twice);
    assert_eq!(offline(Direction::Exit, shown, true), (Verdict::Admitted, true, None));
    assert_eq!(offline(Direction::Check, shown, true), (Verdict::AlreadyAdmitted, false, None));
}

#[test]
fn whom_a_device_refused_offline_is_not() {
    for shown in Verdict::ALL.into_iter().filter(|shown| *shown != Verdict::Admitted) {
        for direction in [Direction::Entry, Direction::Exit] {
            let (verdict, recorded, conflict) = offline(direction, shown, false);
            assert_eq!((verdict, recorded, conflict), (Verdict::Admitted, false, None), "{shown:?}");
        }
    }
}

#[test]
fn a_scan_after_the_device_was_revoked_is_a_conflict() {
    let revoked =
        |shown, history| judged(Direction::Entry, Origin::Offline { shown, device_revoked: true }, history);
    assert_eq!(revoked(Verdict::Admitted, false), (Verdict::Admitted, true, Some("device_revoked")));
    let twice = (Verdict::AlreadyAdmitted, true, Some("already_admitted"));
    assert_eq!(revoked(Verdict::Admitted, true), twice);
    let refused = (Verdict::AlreadyAdmitted, false, Some("device_revoked"));
    assert_eq!(revoked(Verdict::AlreadyAdmitted, true), refused);
}

#[test]
fn an_override_is_no_conflict() {
    let mut case = Case::good();
    case.history = admitted_at("2026-12-22T18:45:00Z");
    case.scan.overridden = true;
    case.scan.origin = Origin::Offline { shown: Verdict::Admitted, device_revoked: false };
    let judgement = case.judge();
    assert_eq!((judgement.verdict, judgement.recorded), (Verdict::Admitted, true));
    assert_eq!((judgement.lifted, judgement.conflict), (Some(Verdict::AlreadyAdmitted), None));
}
