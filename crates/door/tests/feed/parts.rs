//! The parts of their own: ticket numbers, names, who was admitted.

use fulfillment_credential::SigningKey;
use fulfillment_door::feed::{
    Delta, Direction, Document, HeldFeed, Keys, Outcome, Received, Reload, number_tag,
};

use crate::common::{
    EVENT_ID, NOW, NUMBERS_KEY, admitted, cti, delta, key, names, numbers, received, set, snapshot,
    still_good,
};

fn begun() -> HeldFeed {
    HeldFeed::begin(received(Document::Snapshot(snapshot(3, &[]))), EVENT_ID).unwrap()
}

#[test]
fn tags_are_the_ones_of_another_library() {
    // printf N000010001 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0505...05
    assert_eq!(hex::encode(number_tag(&NUMBERS_KEY, "N000010001")), "b74c454739f8430b");
}

#[test]
fn numbers_find_their_credential() {
    let mut held = begun();
    let tag = |number| number_tag(&NUMBERS_KEY, number);
    assert_eq!(held.parts().by_number(&tag("N000010001")), None);
    let part = numbers(3, &[("N000010001", 1), ("N000020002", 2), ("N000030003", 3), ("N000030003", 4)]);
    assert_eq!(held.apply(received(Document::Numbers(part))), Ok(Outcome::Applied));
    assert_eq!(held.parts().by_number(&tag("N000010001")), Some(cti(1)));
    assert_eq!(held.parts().by_number(&tag("N000020002")), Some(cti(2)));
    assert_eq!(held.parts().by_number(&tag("N000040004")), None);
    // Two tickets have the same tag: neither is the one that was meant.
    assert_eq!(held.parts().by_number(&tag("N000030003")), None);
    assert_eq!(held.apply(received(Document::Numbers(numbers(2, &[])))), Ok(Outcome::Older));
    assert_eq!(held.apply(received(Document::Numbers(numbers(4, &[])))), Ok(Outcome::Applied));
    assert_eq!(held.parts().by_number(&tag("N000010001")), None);
    assert_eq!(held.parts().numbers_version(), Some(4));
}

#[test]
fn names_are_found_by_credential() {
    let mut held = begun();
    assert_eq!(held.parts().name(&cti(1)), None);
    assert_eq!(held.apply(received(Document::Names(names(3)))), Ok(Outcome::Applied));
    assert_eq!(held.parts().name(&cti(1)).unwrap().holder, "Zoë Example");
    assert_eq!(held.parts().name(&cti(1)).unwrap().seat, "A 1");
    assert_eq!(held.parts().name(&cti(2)).unwrap().holder, "");
    assert_eq!(held.parts().name(&cti(3)), None);
    assert_eq!(held.apply(received(Document::Names(names(2)))), Ok(Outcome::Older));
    assert_eq!(held.parts().names_version(), Some(3));
}

#[test]
fn admissions_come_by_deltas() {
    use Direction::{In, Out, Unknown};
    let mut held = begun();
    let apply = |held: &mut HeldFeed, part| held.apply(received(Document::Admitted(part))).unwrap();
    // Without the beginning nothing is known.
    assert_eq!(apply(&mut held, admitted(2, 3, &[(1, In, NOW)])), Outcome::Reload(Reload::Missed));
    assert_eq!(apply(&mut held, admitted(0, 2, &[(1, In, NOW), (2, In, NOW + 5)])), Outcome::Applied);
    assert_eq!(apply(&mut held, admitted(2, 3, &[(1, Out, NOW + 9)])), Outcome::Applied);
    assert_eq!(apply(&mut held, admitted(0, 2, &[(1, In, NOW)])), Outcome::Older);
    assert_eq!(apply(&mut held, admitted(5, 6, &[(1, In, NOW)])), Outcome::Reload(Reload::Missed));
    assert_eq!(held.parts().admitted_version(), Some(3));
    assert_eq!(held.parts().last_seen(&cti(1)), Some((Out, NOW + 9)));
    assert_eq!(held.parts().last_seen(&cti(2)), Some((In, NOW + 5)));
    assert_eq!(held.parts().last_seen(&cti(3)), None);
    // Another ticket with the same first bytes was sold meanwhile: nothing is known of either.
    let (one, other) = (cti(1), [&cti(1)[..5], &[9; 5]].concat().try_into().unwrap());
    assert_eq!(apply(&mut held, admitted(3, 4, &[(1, Unknown, NOW + 11)])), Outcome::Applied);
    assert_eq!((held.parts().last_seen(&one), held.parts().last_seen(&other)), (None, None));
    assert_eq!(held.parts().last_seen(&cti(2)), Some((In, NOW + 5)));
    // All of it replaces what was there.
    assert_eq!(
        held.apply(received(Document::Admitted(admitted(0, 4, &[(3, In, NOW)])))),
        Ok(Outcome::Applied)
    );
    assert_eq!(held.parts().last_seen(&cti(2)), None);
}

#[test]
fn parts_of_a_key_that_was_revoked_are_forgotten() {
    let mut held = begun();
    let old = SigningKey::from_seed(&[3; 32]);
    for document in [
        Document::StillGood(still_good(3, &[1])),
        Document::Numbers(numbers(3, &[("N000010001", 1)])),
        Document::Names(names(3)),
        Document::Admitted(admitted(0, 2, &[(1, Direction::In, NOW)])),
    ] {
        assert_eq!(held.apply(Received { signer: old.kid(), document }), Ok(Outcome::Applied));
    }
    let keys = Keys { accepted: set(&[&key()]), revoked: set(&[&old]) };
    let news = Delta { keys: Some(keys), ..delta(3, 4, &[], &[]) };
    // What is left was signed by another key.
    assert_eq!(held.apply(received(Document::Delta(news))), Ok(Outcome::Applied));
    let parts = held.parts();
    assert_eq!(
        (parts.numbers_version(), parts.names_version(), parts.admitted_version()),
        (None, None, None)
    );
    assert!(!held.door().is_still_good(&crate::common::claims(1)));
}
