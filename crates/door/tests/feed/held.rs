//! What a scanner holds: versions, epochs, the union of deviations, freshness, keys.

use fulfillment_credential::{Cti, KeySet, SigningKey, Standing, sign as sign_code};
use fulfillment_door::feed::{
    Delta, Digest, Document, Head, HeldFeed, Keys, Origin, Outcome, Received, Refused, Reload, Snapshot,
};
use proptest::prelude::*;

use crate::common::{
    EVENT_ID, NOW, REPLACED, VOID, claims, cti, delta, key, leaked, origin, received, set, snapshot,
    still_good,
};

type Entry = (Cti, Standing);

fn begun(version: u64, deviations: &[Entry]) -> HeldFeed {
    HeldFeed::begin(received(Document::Snapshot(snapshot(version, deviations))), EVENT_ID).unwrap()
}

fn apply(held: &mut HeldFeed, document: Document) -> Outcome {
    held.apply(received(document)).unwrap()
}

#[test]
fn deltas_lead_from_version_to_version() {
    let first = [(cti(1), VOID)];
    let mut held = begun(3, &first);
    let second = [(cti(1), VOID), (cti(2), REPLACED)];
    let mut change = delta(3, 4, &[(cti(2), REPLACED)], &second);
    change.head = Some(Head { name: Some("Moved".to_owned()), ..Head::default() });
    assert_eq!(apply(&mut held, Document::Delta(change.clone())), Outcome::Applied);
    assert_eq!((held.origin(), held.digest()), (&origin(4), Digest::of_list(&second)));
    assert_eq!(held.head().name.as_deref(), Some("Moved"));
    // Again, and one that overlaps: applying is a union.
    assert_eq!(apply(&mut held, Document::Delta(change)), Outcome::Applied);
    let third = [(cti(1), VOID), (cti(2), REPLACED), (cti(3), VOID)];
    assert_eq!(apply(&mut held, Document::Delta(delta(1, 6, &third, &third))), Outcome::Applied);
    assert_eq!(held.door().len(), 3);
    // The head stays as it was.
    assert_eq!(held.head().name.as_deref(), Some("Moved"));
    // One that begins later than what is held.
    assert_eq!(apply(&mut held, Document::Delta(delta(7, 8, &[], &third))), Outcome::Reload(Reload::Missed));
    assert_eq!(held.origin(), &origin(6));
}

#[test]
fn older_documents_change_nothing() {
    let all = [(cti(1), VOID)];
    let mut held = begun(5, &all);
    assert_eq!(apply(&mut held, Document::Snapshot(snapshot(4, &[]))), Outcome::Older);
    assert_eq!(apply(&mut held, Document::Delta(delta(2, 4, &[], &[]))), Outcome::Older);
    // The same version, made before.
    let mut earlier = snapshot(5, &all);
    earlier.origin.made_at -= 600;
    earlier.fresh_until = i64::MAX;
    assert_eq!(apply(&mut held, Document::Snapshot(earlier)), Outcome::Older);
    let mut lower_epoch = snapshot(9, &[]);
    lower_epoch.origin.epoch = 0;
    assert_eq!(apply(&mut held, Document::Snapshot(lower_epoch)), Outcome::Older);
    assert_eq!((held.origin(), held.fresh_until()), (&origin(5), origin(5).made_at + 1_200));
    assert!(held.door().standing(&cti(1)).voided);
}

#[test]
fn a_delta_of_nothing_renews_the_freshness_and_a_stale_feed_is_used() {
    let all = [(cti(1), VOID)];
    let mut held = begun(5, &all);
    let until = held.fresh_until();
    assert!(!held.is_stale(until - 1) && held.is_stale(until) && held.is_stale(until + 1_000_000));
    let code = sign_code(&key(), &claims(1)).unwrap();
    assert_eq!(held.verify(&code, until + 1_000_000).code(), "voided");
    let mut nothing = delta(5, 5, &[], &all);
    nothing.origin.made_at += 600;
    nothing.fresh_until += 600;
    assert_eq!(apply(&mut held, Document::Delta(nothing)), Outcome::Applied);
    assert_eq!(held.fresh_until(), until + 600);
    // A newer version by a server whose clock is behind takes no freshness away.
    let mut behind = delta(5, 6, &[], &all);
    behind.origin.made_at = NOW;
    behind.fresh_until = NOW + 1_200;
    assert_eq!(apply(&mut held, Document::Delta(behind)), Outcome::Applied);
    assert_eq!((held.origin().version, held.fresh_until()), (6, until + 600));
}

#[test]
fn a_count_or_hash_that_does_not_fit_asks_for_all_and_voids_count_at_once() {
    let mut held = begun(3, &[(cti(1), VOID)]);
    // The void of 2 never came; 3 is voided.
    let all = [(cti(1), VOID), (cti(2), VOID), (cti(3), VOID)];
    let change = Document::Delta(delta(3, 5, &[(cti(3), VOID)], &all));
    assert_eq!(apply(&mut held, change.clone()), Outcome::Reload(Reload::Mismatch));
    assert_eq!(held.origin(), &origin(3));
    assert!(held.door().standing(&cti(3)).voided);
    let mut wrong_hash = delta(3, 4, &[], &[(cti(1), VOID)]);
    wrong_hash.digest.hash[0] ^= 1;
    assert_eq!(apply(&mut held, Document::Delta(wrong_hash)), Outcome::Reload(Reload::Mismatch));
    // All of it ends the difference.
    assert_eq!(held.beyond(), 1);
    assert_eq!(apply(&mut held, Document::Snapshot(snapshot(5, &all))), Outcome::Applied);
    assert_eq!((held.beyond(), held.digest()), (0, Digest::of_list(&all)));
    assert_eq!(apply(&mut held, change), Outcome::Applied);
}

#[test]
fn a_snapshot_that_forgot_a_void_makes_no_scanner_laxer() {
    let mut held = begun(3, &[(cti(1), VOID), (cti(2), REPLACED)]);
    let fewer = [(cti(2), REPLACED)];
    assert_eq!(apply(&mut held, Document::Snapshot(snapshot(4, &fewer))), Outcome::Applied);
    assert_eq!((held.beyond(), held.digest()), (1, Digest::of_list(&fewer)));
    assert!(held.door().standing(&cti(1)).voided);
    // Deltas go on from the record, without asking for everything each time.
    let more = [(cti(2), REPLACED), (cti(4), VOID)];
    let change = delta(4, 5, &[(cti(4), VOID)], &more);
    assert_eq!(apply(&mut held, Document::Delta(change)), Outcome::Applied);
    assert_eq!(held.beyond(), 1);
}

#[test]
fn a_higher_epoch_replaces_everything() {
    let mut held = begun(9, &[(cti(1), VOID)]);
    apply(&mut held, Document::StillGood(still_good(9, &[1])));
    let in_epoch = |version, epoch| Origin { epoch, ..origin(version) };
    let change = Delta { origin: in_epoch(10, 2), ..delta(9, 10, &[], &[(cti(1), VOID)]) };
    assert_eq!(apply(&mut held, Document::Delta(change)), Outcome::Reload(Reload::Epoch));
    let mut part = still_good(1, &[2]);
    part.origin.epoch = 2;
    assert_eq!(apply(&mut held, Document::StillGood(part.clone())), Outcome::Reload(Reload::Epoch));
    // A lower version, made earlier by a clock that is behind.
    let restored = Snapshot { origin: in_epoch(2, 2), ..snapshot(2, &[(cti(2), VOID)]) };
    assert_eq!(apply(&mut held, Document::Snapshot(restored)), Outcome::Applied);
    assert_eq!((held.origin().epoch, held.origin().version, held.beyond()), (2, 2, 0));
    assert!(!held.door().standing(&cti(1)).voided && held.door().standing(&cti(2)).voided);
    assert!(!held.door().is_still_good(&claims(1)));
    assert_eq!(held.parts().still_good_version(leaked().kid()), None);
    assert_eq!(apply(&mut held, Document::StillGood(part)), Outcome::Applied);
    // What is left of the old epoch.
    let old = delta(9, 11, &[(cti(1), VOID)], &[(cti(1), VOID)]);
    assert_eq!(apply(&mut held, Document::Delta(old)), Outcome::Older);
    assert_eq!(apply(&mut held, Document::StillGood(still_good(20, &[1]))), Outcome::Older);
    assert!(!held.door().is_still_good(&claims(1)));
}

#[test]
fn other_events_are_refused() {
    let first = received(Document::Snapshot(snapshot(3, &[])));
    assert_eq!(HeldFeed::begin(first, "another").err(), Some(Refused::OtherEvent));
    let part = received(Document::StillGood(still_good(3, &[1])));
    assert_eq!(HeldFeed::begin(part, EVENT_ID).err(), Some(Refused::NotASnapshot));
    let mut held = begun(3, &[]);
    let elsewhere = Origin { event: 1, ..origin(9) };
    for document in [
        Document::Snapshot(Snapshot { origin: elsewhere, ..snapshot(9, &[]) }),
        Document::Snapshot(Snapshot { event_id: "another".to_owned(), ..snapshot(9, &[]) }),
        Document::Delta(Delta { origin: elsewhere, ..delta(3, 9, &[(cti(1), VOID)], &[(cti(1), VOID)]) }),
        Document::StillGood(fulfillment_door::feed::StillGood { origin: elsewhere, ..still_good(9, &[1]) }),
    ] {
        assert_eq!(held.apply(received(document)), Err(Refused::OtherEvent));
    }
    assert_eq!((held.origin(), held.door().len()), (&origin(3), 0));
}

#[test]
fn a_revoked_key_feeds_nobody() {
    let old = SigningKey::from_seed(&[3; 32]);
    let by_old = |document| Received { signer: old.kid(), document };
    let both = Keys { accepted: set(&[&key(), &old]), revoked: KeySet::new() };
    let first = Snapshot { keys: both, ..snapshot(3, &[]) };
    let mut held = HeldFeed::begin(by_old(Document::Snapshot(first.clone())), EVENT_ID).unwrap();
    assert_eq!(held.apply(by_old(Document::StillGood(still_good(3, &[1])))), Ok(Outcome::Applied));
    assert!(held.door().is_still_good(&claims(1)));
    // It is revoked, and is in the accepted set by mistake, too.
    let keys = Keys { accepted: set(&[&key(), &old]), revoked: set(&[&old]) };
    let news = Delta { keys: Some(keys.clone()), ..delta(3, 4, &[], &[]) };
    // Not by itself: a thief could then shut out the others.
    assert_eq!(held.apply(by_old(Document::Delta(news.clone()))), Err(Refused::RevokedKey(old.kid())));
    // All that it signed is to be fetched anew.
    assert_eq!(apply(&mut held, Document::Delta(news)), Outcome::Reload(Reload::Revoked));
    assert_eq!((held.keys(), held.revoked()), (&set(&[&key()]), &set(&[&old])));
    assert!(!held.door().is_still_good(&claims(1)));
    let later = Snapshot { origin: Origin { epoch: 7, ..origin(9) }, ..first };
    assert_eq!(held.apply(by_old(Document::Snapshot(later.clone()))), Err(Refused::RevokedKey(old.kid())));
    assert_eq!(
        apply(&mut held, Document::Snapshot(Snapshot { keys: keys.clone(), ..snapshot(4, &[]) })),
        Outcome::Applied
    );
    assert_eq!(apply(&mut held, Document::Delta(delta(4, 5, &[], &[]))), Outcome::Applied);
    let own = Snapshot { keys, ..later };
    assert_eq!(
        HeldFeed::begin(by_old(Document::Snapshot(own)), EVENT_ID).err(),
        Some(Refused::RevokedKey(old.kid()))
    );
}

#[test]
fn codes_are_judged_by_what_is_held() {
    let mut held = begun(3, &[(cti(1), VOID), (cti(2), REPLACED)]);
    apply(&mut held, Document::StillGood(still_good(3, &[3])));
    let code = |key: &SigningKey, n| sign_code(key, &claims(n)).unwrap();
    for (code, verdict) in [
        (code(&key(), 0), "valid"),
        (code(&key(), 1), "voided"),
        (code(&key(), 2), "superseded"),
        (code(&leaked(), 3), "valid"),
        (code(&leaked(), 0), "revoked_key"),
        (code(&SigningKey::from_seed(&[9; 32]), 0), "unknown_key"),
    ] {
        assert_eq!(held.verify(&code, NOW).code(), verdict);
    }
    let elsewhere = fulfillment_credential::Claims { event: 1, ..claims(0) };
    assert_eq!(held.verify(&sign_code(&key(), &elsewhere).unwrap(), NOW).code(), "other_event");
}

/// A record that only ever restricts, as the list after each change.
fn record(changes: &[(u8, u8, bool)]) -> Vec<Vec<Entry>> {
    let mut all = std::collections::BTreeMap::<Cti, Standing>::new();
    let mut versions = vec![Vec::new()];
    for (n, lowest_good_generation, voided) in changes {
        let standing = all.entry(cti(*n)).or_default();
        *standing =
            standing.and(Standing { lowest_good_generation: *lowest_good_generation, voided: *voided });
        versions
            .push(all.iter().filter(|(_, s)| **s != Standing::default()).map(|(c, s)| (*c, *s)).collect());
    }
    versions
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Documents of one record in any order: nothing that was seen is ever forgotten, and the newest version wins.
    #[test]
    fn any_order_ends_at_the_newest_version_and_never_gets_laxer(
        changes in proptest::collection::vec((0_u8..6, 0_u8..3, any::<bool>()), 1..12),
        order in proptest::collection::vec((any::<bool>(), any::<usize>(), any::<usize>()), 0..20),
    ) {
        let versions = record(&changes);
        let at = |n: usize| u64::try_from(n).unwrap();
        let mut held = begun(0, &[]);
        let mut newest = 0;
        for (whole, a, b) in order {
            let (from, to) = (a % versions.len(), b % versions.len());
            let (from, to) = (from.min(to), from.max(to));
            let before: Vec<_> = held.door().iter().map(|(c, s)| (*c, *s)).collect();
            let outcome = if whole {
                apply(&mut held, Document::Snapshot(snapshot(at(to), &versions[to])))
            } else {
                let old = |cti: &Cti| versions[from].iter().find(|(c, _)| c == cti).map(|(_, s)| *s);
                let news: Vec<_> =
                    versions[to].iter().filter(|(c, s)| old(c) != Some(*s)).copied().collect();
                apply(&mut held, Document::Delta(delta(at(from), at(to), &news, &versions[to])))
            };
            let expected = if to < newest {
                Outcome::Older
            } else if !whole && from > newest {
                Outcome::Reload(Reload::Missed)
            } else {
                newest = to;
                Outcome::Applied
            };
            prop_assert_eq!(outcome, expected);
            prop_assert!(before.iter().all(|(c, s)| held.door().standing(c).and(*s) == held.door().standing(c)));
            prop_assert_eq!(held.digest(), Digest::of_list(&versions[newest]));
            prop_assert_eq!((held.beyond(), held.origin().version), (0, at(newest)));
        }
    }
}
