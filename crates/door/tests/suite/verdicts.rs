//! Tests of the verdicts' words, and of what each rule admits and refuses.

use fulfillment_credential::{Credential, Verdict as CodeVerdict};
use fulfillment_door::{
    Counts, Direction, History, Numbered, Origin, Presented, Rules, Scan, UnknownVerdict, Verdict, judge,
};

use crate::common::{Case, EVENT, admitted_at, claims, key, rules, time};

#[test]
fn words_are_stable() {
    let words = [
        "malformed",
        "unknown_key",
        "revoked_key",
        "bad_signature",
        "voided",
        "superseded",
        "other_event",
        "expired",
        "wrong_category",
        "wrong_gate",
        "too_early",
        "too_late",
        "already_admitted",
        "full",
        "unknown",
        "nonce_conflict",
        "admitted",
        "would_admit",
    ];
    assert_eq!(Verdict::ALL.map(Verdict::word), words);
    assert!(Verdict::ALL.is_sorted());
    for verdict in Verdict::ALL {
        assert_eq!(verdict.word().parse(), Ok(verdict));
        let json = format!("\"{}\"", verdict.word());
        assert_eq!(serde_json::to_string(&verdict).unwrap(), json);
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        assert_eq!(verdict.admits(), verdict == Verdict::Admitted);
        let text = verdict.to_string();
        assert!(text.len() <= 70, "a steward reads it in a second: {text}");
    }
    assert_eq!("ADMITTED".parse::<Verdict>(), Err(UnknownVerdict));
    let unproven: Vec<&str> = Verdict::ALL.iter().filter(|v| !v.proves_ticket()).map(|v| v.word()).collect();
    assert_eq!(unproven, ["malformed", "unknown_key", "revoked_key", "bad_signature", "unknown"]);
    for (direction, word) in
        [(Direction::Entry, "\"entry\""), (Direction::Exit, "\"exit\""), (Direction::Check, "\"check\"")]
    {
        assert_eq!(serde_json::to_string(&direction).unwrap(), word);
    }
}

#[test]
fn the_event_of_the_door_counts() {
    let credential = Credential { claims: claims(), kid: key().kid() };
    // Verified without an event, or for the wrong one.
    let valid = CodeVerdict::Valid(credential);
    assert_eq!(Presented::code(&valid, EVENT).refusal(), None);
    assert_eq!(Presented::code(&valid, EVENT + 1).refusal(), Some(Verdict::OtherEvent));
    assert_eq!(Presented::code(&valid, EVENT + 1).exit_refusal(), Some(Verdict::OtherEvent));
    let expired = CodeVerdict::Expired(credential);
    assert_eq!(Presented::code(&expired, EVENT + 1).refusal(), Some(Verdict::OtherEvent));
    let other = CodeVerdict::OtherEvent { credential, wanted: EVENT + 1 };
    assert_eq!(Presented::code(&other, EVENT).refusal(), Some(Verdict::OtherEvent));
}

#[test]
fn a_number_is_judged_like_a_code() {
    let found = Numbered::default();
    for (found, entry, exit) in [
        (None, Some(Verdict::Unknown), Some(Verdict::Unknown)),
        (Some(found), None, None),
        (Some(Numbered { voided: true, ..found }), Some(Verdict::Voided), None),
        (Some(Numbered { expired: true, ..found }), Some(Verdict::Expired), None),
        (Some(Numbered { other_event: true, ..found }), Some(Verdict::OtherEvent), Some(Verdict::OtherEvent)),
        (
            Some(Numbered { voided: true, other_event: true, expired: true }),
            Some(Verdict::Voided),
            Some(Verdict::OtherEvent),
        ),
        (
            Some(Numbered { other_event: true, expired: true, ..found }),
            Some(Verdict::OtherEvent),
            Some(Verdict::OtherEvent),
        ),
    ] {
        let presented = Presented::number(found);
        assert_eq!((presented.refusal(), presented.exit_refusal()), (entry, exit), "{found:?}");
    }
    // Nothing can be admitted by a number that nobody has.
    let mut scan = Case::good().scan;
    scan.overridden = true;
    let unknown = Presented::number(None);
    let judgement = judge(&rules(), &scan, &unknown, &History::default(), &Counts::default());
    assert_eq!((judgement.verdict, judgement.recorded), (Verdict::Unknown, false));
}

fn at_gate(rules: &str, gate: Option<&str>, category: Option<&str>) -> Verdict {
    let rules = Rules::read(rules).unwrap();
    let scan = Scan { gate, category, ..Case::good().scan };
    let good = Presented::number(Some(Numbered::default()));
    judge(&rules, &scan, &good, &History::default(), &Counts::default()).verdict
}

#[test]
fn categories_have_their_areas_and_gates() {
    let rules = r#"{
        "gates": { "North": { "area": "Hall" }, "South": { "area": "Hall" }, "Lounge": { "area": "Lounge" }, "Yard": {} },
        "areas": { "Hall": {}, "Lounge": {} },
        "categories": {
            "Hall": { "areas": ["Hall"] },
            "South": { "areas": ["Hall"], "gates": ["South"] },
            "VIP": { "areas": ["Hall", "Lounge"] },
            "Yard": { "gates": ["Yard", "North"] },
            "Any": {}
        }
    }"#;
    for (category, gate, wanted) in [
        ("Hall", "North", Verdict::Admitted),
        ("Hall", "Lounge", Verdict::WrongCategory),
        ("Hall", "Yard", Verdict::WrongCategory),
        ("Hall", "Nroth", Verdict::WrongCategory),
        ("South", "South", Verdict::Admitted),
        ("South", "North", Verdict::WrongGate),
        ("South", "Lounge", Verdict::WrongCategory),
        ("VIP", "Lounge", Verdict::Admitted),
        ("VIP", "North", Verdict::Admitted),
        ("Yard", "Yard", Verdict::Admitted),
        ("Yard", "South", Verdict::WrongGate),
        ("Yard", "Nroth", Verdict::WrongGate),
        ("Any", "Nroth", Verdict::Admitted),
        ("Not named", "Lounge", Verdict::Admitted),
        (" Hall ", "Lounge", Verdict::WrongCategory),
        ("hall", "Lounge", Verdict::Admitted),
    ] {
        assert_eq!(at_gate(rules, Some(gate), Some(category)), wanted, "{category} at {gate}");
        assert_eq!(at_gate(rules, None, Some(category)), Verdict::Admitted, "{category} without a gate");
        assert_eq!(at_gate(rules, Some(gate), None), Verdict::Admitted, "no category at {gate}");
    }
}

fn at_time(rules: &str, at: &str, category: &str) -> Verdict {
    let rules = Rules::read(rules).unwrap();
    let scan = Scan { at: time(at), category: Some(category), gate: None, ..Case::good().scan };
    let good = Presented::number(Some(Numbered::default()));
    judge(&rules, &scan, &good, &History::default(), &Counts::default()).verdict
}

#[test]
fn admission_begins_and_ends() {
    let event = r#"{ "from": "2026-12-22T18:00:00Z", "until": "2026-12-22T20:00:00Z",
        "categories": { "Late": { "from": "2026-12-22T19:00:00Z" }, "Early": { "until": "2026-12-22T19:00:00Z" } } }"#;
    for (at, any, late, early) in [
        ("2026-12-22T17:59:59.999Z", Verdict::TooEarly, Verdict::TooEarly, Verdict::TooEarly),
        ("2026-12-22T18:00:00Z", Verdict::Admitted, Verdict::TooEarly, Verdict::Admitted),
        ("2026-12-22T19:00:00Z", Verdict::Admitted, Verdict::Admitted, Verdict::TooLate),
        ("2026-12-22T19:59:59.999Z", Verdict::Admitted, Verdict::Admitted, Verdict::TooLate),
        ("2026-12-22T20:00:00Z", Verdict::TooLate, Verdict::TooLate, Verdict::TooLate),
    ] {
        for (category, wanted) in [("Any", any), ("Late", late), ("Early", early)] {
            assert_eq!(at_time(event, at, category), wanted, "{category} at {at}");
        }
    }
}

#[test]
fn re_entry_is_never_after_exit_or_always() {
    let inside = admitted_at("2026-12-22T18:45:00Z");
    let outside = History { exits: 1, inside: false, ..inside.clone() };
    let refused = Verdict::AlreadyAdmitted;
    for (re_entry, when_inside, when_outside) in [
        ("never", refused, refused),
        ("afterExit", refused, Verdict::Admitted),
        ("always", Verdict::Admitted, Verdict::Admitted),
    ] {
        let rules = Rules::read(&format!(r#"{{"reEntry":"{re_entry}"}}"#)).unwrap();
        let never_in = History { exits: 1, ..History::default() };
        for (history, wanted) in
            [(&inside, when_inside), (&outside, when_outside), (&never_in, Verdict::Admitted)]
        {
            let case = Case { rules: rules.clone(), history: history.clone(), ..Case::good() };
            assert_eq!(case.judge().verdict, wanted, "{re_entry} {history:?}");
        }
    }
}

#[test]
fn limits_are_reached() {
    let full = |day, gate, area, at: Option<&'static str>| {
        let mut case = Case { counts: Counts { day, gate, area }, ..Case::good() };
        case.scan.gate = at;
        case.judge().verdict
    };
    assert_eq!(full(1999, 499, 299, Some("South")), Verdict::Admitted);
    assert_eq!(full(2000, 0, 0, Some("South")), Verdict::Full);
    assert_eq!(full(0, 500, 0, Some("South")), Verdict::Full);
    assert_eq!(full(0, 0, 300, Some("South")), Verdict::Full);
    assert_eq!(full(u64::MAX, u64::MAX, u64::MAX, Some("South")), Verdict::Full);
    // Without a gate there is no gate and no area.
    assert_eq!(full(1999, 500, 300, None), Verdict::Admitted);
    assert_eq!(full(2000, 0, 0, None), Verdict::Full);
    // What has no limit is never full.
    let counts = Counts { day: u64::MAX, gate: u64::MAX, area: u64::MAX };
    let case = Case { counts, rules: Rules::default(), ..Case::good() };
    assert_eq!(case.judge().verdict, Verdict::Admitted);
    let closed = Rules::read(r#"{ "gates": { "South": { "limit": 0 } } }"#).unwrap();
    assert_eq!(Case { rules: closed, ..Case::good() }.judge().verdict, Verdict::Full);
}

#[test]
fn who_decides_changes_no_verdict() {
    let mut case = Case::good();
    case.history = admitted_at("2026-12-22T18:45:00Z");
    let online = case.judge().verdict;
    case.scan.origin = Origin::Offline { shown: Verdict::Admitted, device_revoked: true };
    assert_eq!(case.judge().verdict, online);
}
