//! Tests of what holds for every scan.

use fulfillment_door::{
    Counts, Direction, FirstEntry, History, Movement, Numbered, Origin, Presented, Rules, Scan, Verdict,
    judge,
};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::common::{RULES, time};

fn any_time() -> impl Strategy<Value = Timestamp> {
    let evening =
        (0..600_i64).prop_map(|minute| time("2026-12-22T15:00:00Z") + SignedDuration::from_mins(minute));
    let any = (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second())
        .prop_map(|second| Timestamp::from_second(second).unwrap());
    prop_oneof![4 => evening, 1 => any]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let re_entry = prop::sample::select(vec!["never", "afterExit", "always"]);
    (re_entry, any::<bool>()).prop_map(|(re_entry, all)| {
        let rules = if all { RULES.trim().trim_start_matches('{') } else { "\"limits\": { \"day\": 9 } }" };
        Rules::read(&format!(r#"{{"reEntry":"{re_entry}",{rules}"#)).unwrap()
    })
}

fn any_gate() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("North"),
        Some("South"),
        Some("East"),
        Some("Yard"),
        Some("?"),
        Some(""),
    ])
}

fn any_scan() -> impl Strategy<Value = Scan<'static>> {
    let direction = prop::sample::select(vec![Direction::Entry, Direction::Exit, Direction::Check]);
    let category = prop::sample::select(vec![None, Some("Standing"), Some("VIP"), Some("")]);
    let origin = prop_oneof![
        Just(Origin::Online),
        (prop::sample::select(Verdict::ALL.to_vec()), any::<bool>())
            .prop_map(|(shown, device_revoked)| Origin::Offline { shown, device_revoked }),
    ];
    (direction, any_time(), any_gate(), category, any::<bool>(), origin).prop_map(
        |(direction, at, gate, category, overridden, origin)| Scan {
            direction,
            at,
            gate,
            category,
            overridden,
            origin,
        },
    )
}

fn any_presented() -> impl Strategy<Value = Presented> {
    let found = any::<[bool; 3]>().prop_map(|[voided, other_event, expired]| Numbered {
        voided,
        other_event,
        expired,
    });
    prop_oneof![
        2 => Just(Presented::number(Some(Numbered::default()))),
        1 => prop::option::of(found).prop_map(Presented::number),
    ]
}

/// Histories as they are made from movements, and some that no movements make.
fn any_history() -> impl Strategy<Value = History> {
    let first =
        prop::option::of(any_time()).prop_map(|at| at.map(|at| FirstEntry { at, gate: None, device: None }));
    let nonsense = (any::<u32>(), any::<u32>(), first, any::<bool>(), prop::option::of(any_time())).prop_map(
        |(entries, exits, first, inside, last_entry_at)| History {
            entries,
            exits,
            first,
            inside,
            last_entry_at,
        },
    );
    prop_oneof![2 => Just(History::default()), 1 => nonsense]
}

fn any_counts() -> impl Strategy<Value = Counts> {
    let count = || prop_oneof![0..20_u64, any::<u64>()];
    (count(), count(), count()).prop_map(|(day, gate, area)| Counts { day, gate, area })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_scan_has_a_verdict(
        (rules, scan, presented) in (any_rules(), any_scan(), any_presented()),
        (history, counts) in (any_history(), any_counts()),
        offset in -93_599..=93_599_i32,
    ) {
        let judgement = judge(&rules, &scan, &presented, &history, &counts);
        let zone = TimeZone::fixed(Offset::from_seconds(offset).unwrap());
        prop_assert!(!judgement.message(&zone).is_empty());
        prop_assert!(judgement.verdict != Verdict::NonceConflict);
        if scan.origin == Origin::Online {
            prop_assert_eq!(judgement.recorded, judgement.verdict.admits());
            prop_assert_eq!(judgement.conflict, None);
        }
        if let Some(lifted) = judgement.lifted {
            prop_assert!(scan.overridden && lifted.yields_to_override());
        }
        if let Origin::Offline { shown: Verdict::Admitted, .. } = scan.origin
            && scan.direction != Direction::Check
        {
            prop_assert!(judgement.recorded);
            prop_assert!(judgement.verdict.admits() || judgement.conflict.is_some());
        }
    }

    #[test]
    fn a_check_differs_from_an_entry_in_its_word_alone(
        (rules, scan, presented) in (any_rules(), any_scan(), any_presented()),
        (history, counts) in (any_history(), any_counts()),
    ) {
        let entry = Scan { direction: Direction::Entry, ..scan };
        let check = Scan { direction: Direction::Check, ..scan };
        let entry = judge(&rules, &entry, &presented, &history, &counts);
        let check = judge(&rules, &check, &presented, &history, &counts);
        let word = if entry.verdict == Verdict::Admitted { Verdict::WouldAdmit } else { entry.verdict };
        prop_assert_eq!((check.verdict, check.lifted), (word, entry.lifted));
        prop_assert_eq!((check.recorded, check.conflict), (false, None));
        if !entry.verdict.admits() {
            prop_assert_eq!(check.message(&TimeZone::UTC), entry.message(&TimeZone::UTC));
        }
    }

    #[test]
    fn a_ticket_that_went_in_stays_in_under_never(
        (first, second) in (any_scan(), any_scan()),
        (rules, counts, later) in (any_rules(), any_counts(), any_counts()),
    ) {
        let good = Presented::number(Some(Numbered::default()));
        let mut rules = rules;
        rules.re_entry = fulfillment_door::ReEntry::Never;
        let first = Scan { direction: Direction::Entry, ..first };
        let judgement = judge(&rules, &first, &good, &History::default(), &counts);
        if !judgement.recorded {
            return Ok(());
        }
        let movement = Movement {
            direction: first.direction,
            at: first.at,
            receipt: 1,
            gate: first.gate.map(str::to_owned),
            device: None,
        };
        // By the same gate at the same time nothing else refuses.
        let history = History::fold([movement.clone()], Some(first.at));
        let again = Scan { overridden: false, ..first };
        let verdict = judge(&rules, &again, &good, &history, &later).verdict;
        if judgement.verdict.admits() && judgement.lifted.is_none_or(|lifted| lifted >= Verdict::AlreadyAdmitted) {
            prop_assert_eq!(verdict, Verdict::AlreadyAdmitted);
        }
        prop_assert!(!verdict.admits());
        // By whatever gate, whenever: nobody but a supervisor admits it again, and an exit admits nobody.
        let second = Scan { overridden: false, ..second };
        let history = History::fold([movement], Some(second.at));
        let verdict = judge(&rules, &second, &good, &history, &later).verdict;
        prop_assert!(second.direction == Direction::Exit || verdict <= Verdict::AlreadyAdmitted);
    }

    /// Under `afterExit` entries and exits of one ticket alternate, in whatever order offline scans arrive, unless a
    /// conflict is on record.
    #[test]
    fn two_entries_have_an_exit_between(
        scans in prop::collection::vec((any::<bool>(), any::<bool>(), 0..30_i64), 1..12),
    ) {
        let rules = Rules::read(r#"{"reEntry":"afterExit"}"#).unwrap();
        let good = Presented::number(Some(Numbered::default()));
        let mut movements: Vec<Movement> = Vec::new();
        let mut conflicts = 0;
        for (receipt, (exit, offline, minute)) in (0..).zip(scans) {
            let direction = if exit { Direction::Exit } else { Direction::Entry };
            let at = time("2026-12-22T18:00:00Z") + SignedDuration::from_mins(minute);
            let shown = Origin::Offline { shown: Verdict::Admitted, device_revoked: false };
            let origin = if offline { shown } else { Origin::Online };
            let scan = Scan { direction, at, gate: None, category: None, overridden: false, origin };
            let history = History::fold(movements.clone(), Some(at));
            let judgement = judge(&rules, &scan, &good, &history, &Counts::default());
            conflicts += usize::from(judgement.conflict.is_some());
            if judgement.recorded {
                movements.push(Movement { direction, at, receipt, gate: None, device: None });
            }
        }
        movements.sort_by_key(|movement| (movement.at, movement.receipt));
        let is_entry = |movement: &Movement| movement.direction == Direction::Entry;
        let doubled = movements.windows(2).filter(|pair| pair.iter().all(is_entry)).count();
        prop_assert!(doubled <= conflicts, "{doubled} doubled, {conflicts} conflicts: {movements:?}");
    }
}
