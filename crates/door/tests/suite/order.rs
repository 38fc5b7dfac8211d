//! Tests of the order of verdicts: of two that apply, the earlier is the answer.

use fulfillment_door::{Counts, Direction, Verdict};

use crate::common::{Case, KeyState, admitted_at, claims, time};

type Spoil = fn(&mut Case);

/// Makes a verdict apply to a scan, whatever else does.
const SPOILED: [(Verdict, Spoil); 14] = [
    (Verdict::Malformed, |case| case.code.is_mangled = true),
    (Verdict::UnknownKey, |case| case.code.key = KeyState::Unknown),
    (Verdict::RevokedKey, |case| {
        if case.code.key == KeyState::Known {
            case.code.key = KeyState::Revoked;
        }
    }),
    (Verdict::BadSignature, |case| case.code.is_forged = true),
    (Verdict::Voided, |case| case.code.feed.void(claims().cti)),
    (Verdict::Superseded, |case| case.code.feed.supersede(claims().cti, 1)),
    (Verdict::OtherEvent, |case| case.code.event += 1),
    (Verdict::Expired, |case| case.code.now = claims().expires_at),
    (Verdict::WrongCategory, |case| case.scan.gate = Some("North")),
    (Verdict::WrongGate, |case| {
        if case.scan.gate == Some("South") {
            case.scan.gate = Some("East");
        }
    }),
    (Verdict::TooEarly, |case| case.scan.at = time("2026-12-22T18:29:59.999Z")),
    (Verdict::TooLate, |case| {
        if case.scan.at >= time("2026-12-22T18:30:00Z") {
            case.scan.at = time("2026-12-22T22:00:00Z");
        }
    }),
    (Verdict::AlreadyAdmitted, |case| case.history = admitted_at("2026-12-22T18:45:00Z")),
    (Verdict::Full, |case| case.counts = Counts { day: 2000, gate: 500, area: 300 }),
];

fn spoiled(spoils: &[Spoil]) -> Case {
    let mut case = Case::good();
    for spoil in spoils {
        spoil(&mut case);
    }
    case
}

#[test]
fn each_verdict_has_its_scan() {
    assert_eq!(Case::good().judge().verdict, Verdict::Admitted);
    let order: Vec<Verdict> = SPOILED.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(order, Verdict::ALL[..14]);
    for (verdict, spoil) in SPOILED {
        assert_eq!(spoiled(&[spoil]).judge().verdict, verdict);
    }
}

/// For every pair, not neighbours alone. Two pairs cannot both apply: a key is unknown or revoked, and a moment is too early
/// or too late.
#[test]
fn of_two_verdicts_the_earlier_wins() {
    for (index, (earlier, first)) in SPOILED.iter().enumerate() {
        for (later, second) in &SPOILED[index + 1..] {
            for order in [[*first, *second], [*second, *first]] {
                let verdict = spoiled(&order).judge().verdict;
                assert_eq!(verdict, *earlier, "{earlier:?} before {later:?}");
            }
        }
    }
}

#[test]
fn all_at_once_are_lifted_in_their_order() {
    for start in 0..SPOILED.len() {
        let spoils: Vec<Spoil> = SPOILED[start..].iter().rev().map(|(_, spoil)| *spoil).collect();
        assert_eq!(spoiled(&spoils).judge().verdict, SPOILED[start].0);
    }
}

#[test]
fn an_override_lifts_all_but_the_first_six() {
    for (index, (verdict, spoil)) in SPOILED.into_iter().enumerate() {
        let mut case = spoiled(&[spoil]);
        case.scan.overridden = true;
        let judgement = case.judge();
        if index < 6 {
            assert_eq!((judgement.verdict, judgement.lifted), (verdict, None));
        } else {
            assert_eq!((judgement.verdict, judgement.lifted), (Verdict::Admitted, Some(verdict)));
        }
        assert_eq!(judgement.recorded, index >= 6, "{verdict:?}");
        assert_eq!(verdict.yields_to_override(), index >= 6);
    }
    let mut case = Case::good();
    case.scan.overridden = true;
    assert_eq!((case.judge().verdict, case.judge().lifted), (Verdict::Admitted, None));
}

#[test]
fn an_exit_asks_for_signature_and_event_alone() {
    let stops = [
        Verdict::Malformed,
        Verdict::UnknownKey,
        Verdict::RevokedKey,
        Verdict::BadSignature,
        Verdict::OtherEvent,
    ];
    for (verdict, spoil) in SPOILED {
        let mut case = spoiled(&[spoil]);
        case.scan.direction = Direction::Exit;
        let wanted = if stops.contains(&verdict) { verdict } else { Verdict::Admitted };
        let judgement = case.judge();
        assert_eq!((judgement.verdict, judgement.recorded), (wanted, wanted.admits()), "{verdict:?}");
        assert_eq!(judgement.lifted, None);
    }
    // A void ticket of another event is one of another event.
    for hides in [SPOILED[4].1, SPOILED[5].1, SPOILED[7].1] {
        let mut case = spoiled(&[hides, SPOILED[6].1]);
        case.scan.direction = Direction::Exit;
        assert_eq!(case.judge().verdict, Verdict::OtherEvent);
    }
}

#[test]
fn a_check_counts_nothing() {
    for (verdict, spoil) in SPOILED {
        let mut case = spoiled(&[spoil]);
        case.scan.direction = Direction::Check;
        let judgement = case.judge();
        assert_eq!((judgement.verdict, judgement.recorded, judgement.conflict), (verdict, false, None));
    }
    let mut case = Case::good();
    case.scan.direction = Direction::Check;
    assert_eq!((case.judge().verdict, case.judge().recorded), (Verdict::WouldAdmit, false));
}
