//! Tests of every verdict, their precedence, and the size budgets.

use crate::common::{NOW, claims, code, key, keys};
use fulfillment_credential::{
    Claims, Credential, DoorFeed, KeySet, MAX_BYTES, MAX_CHARS, Malformed, PREFIX, SMALL_BYTES, SMALL_CHARS,
    SigningKey, Standing, Verdict, VerifyOptions, decode_unverified, sign, verify,
};
use proptest::prelude::*;

fn credential() -> Credential {
    Credential { claims: claims(), kid: key().kid() }
}

#[test]
fn a_signed_code_is_valid_until_the_second_it_expires() {
    let options = VerifyOptions::default();
    let at = |now| verify(&code(), &keys(), now, &options);
    assert_eq!(at(NOW), Verdict::Valid(credential()));
    assert_eq!(at(i64::MIN), Verdict::Valid(credential()));
    assert_eq!(at(claims().expires_at - 1), Verdict::Valid(credential()));
    assert_eq!(at(claims().expires_at), Verdict::Expired(credential()));
    assert_eq!(decode_unverified(&code()), Ok(credential()));
}

#[test]
fn a_code_of_a_key_not_held_is_told_from_a_forged_one() {
    let other = SigningKey::from_seed(&[9; 32]);
    let theirs = sign(&other, &claims()).unwrap();
    let verdict = |code: &str, keys: &KeySet| verify(code, keys, NOW, &VerifyOptions::default());
    assert_eq!(verdict(&theirs, &keys()), Verdict::UnknownKey(other.kid()));
    assert_eq!(verdict(&code(), &KeySet::new()), Verdict::UnknownKey(key().kid()));

    let both = KeySet::from_keys([key().public(), other.public()]).unwrap();
    assert_eq!(verdict(&theirs, &both), Verdict::Valid(Credential { claims: claims(), kid: other.kid() }));

    // The other key's id and signature around claims it has not signed.
    let mut forged = base45::decode(&theirs[PREFIX.len()..]).unwrap();
    let cti = forged.windows(10).position(|w| w == claims().cti).unwrap();
    forged[cti] ^= 1;
    let forged = format!("{PREFIX}{}", base45::encode(forged));
    assert_eq!(verdict(&forged, &both), Verdict::BadSignature(other.kid()));
}

#[test]
fn the_feed_and_the_door_say_no_in_the_documented_order() {
    let late = claims().expires_at;
    let mut feed = DoorFeed::new();
    let judge = |feed: &DoorFeed, event, now| {
        verify(&code(), &keys(), now, &VerifyOptions { event: Some(event), feed: Some(feed), revoked: None })
    };
    assert_eq!(judge(&feed, 4_711, NOW), Verdict::Valid(credential()));
    assert_eq!(judge(&feed, 4_711, late), Verdict::Expired(credential()));
    let elsewhere = Verdict::OtherEvent { credential: credential(), wanted: 1 };
    assert_eq!(judge(&feed, 1, late), elsewhere);

    feed.supersede([0; 10], 9);
    feed.void([0; 10]);
    feed.supersede(claims().cti, 1);
    assert_eq!(judge(&feed, 4_711, NOW), Verdict::Valid(credential()), "generation 1 is the lowest good one");
    feed.supersede(claims().cti, 2);
    feed.supersede(claims().cti, 1);
    let superseded = Verdict::Superseded { credential: credential(), lowest_good: 2 };
    assert_eq!(judge(&feed, 1, late), superseded);
    feed.void(claims().cti);
    assert_eq!(judge(&feed, 1, late), Verdict::Voided(credential()));
    feed.extend([(claims().cti, Standing::default())]);
    assert_eq!(judge(&feed, 4_711, NOW), Verdict::Voided(credential()), "old news revives nothing");
    assert_eq!(feed.len(), 2);
}

#[test]
fn every_verdict_has_its_word_and_its_sentence() {
    let c = credential();
    let kid = c.kid;
    let all = [
        (Verdict::Valid(c), "valid", "event 4711"),
        (Verdict::UnknownKey(kid), "unknown_key", "not known here"),
        (Verdict::RevokedKey(kid), "revoked_key", "was revoked"),
        (Verdict::BadSignature(kid), "bad_signature", "not genuine"),
        (Verdict::Expired(c), "expired", "good until 2026-12-29T16:00:00Z"),
        (Verdict::OtherEvent { credential: c, wanted: 5 }, "other_event", "4711 instead of 5"),
        (
            Verdict::Superseded { credential: c, lowest_good: 2 },
            "superseded",
            "generation 1, good ones begin with 2",
        ),
        (Verdict::Voided(c), "voided", "cancelled"),
        (Verdict::Malformed(Malformed::Prefix), "malformed", "does not begin with TK1:"),
    ];
    for (verdict, word, part) in all {
        assert_eq!(verdict.code(), word);
        assert!(verdict.to_string().contains(part), "{verdict}");
        assert_eq!(verdict.is_valid(), word == "valid");
        let proven = !matches!(word, "unknown_key" | "revoked_key" | "bad_signature" | "malformed");
        assert_eq!(verdict.credential().is_some(), proven, "{word}");
    }
}

#[test]
fn the_longest_codes_keep_the_budgets() {
    let size = |claims: &Claims| {
        let code = sign(&key(), claims).unwrap();
        (base45::decode(&code[PREFIX.len()..]).unwrap().len(), code.len())
    };
    let largest = Claims {
        expires_at: i64::from(u32::MAX),
        cti: [0xff; 10],
        event: u32::MAX,
        category: u16::MAX,
        generation: u8::MAX,
    };
    assert_eq!(size(&largest), (SMALL_BYTES, SMALL_CHARS));
    let smallest = Claims { event: 0, category: 0, generation: 0, ..largest };
    assert_eq!(size(&smallest), (109, 168));
    for expires_at in [i64::MAX, i64::MIN] {
        let (bytes, chars) = size(&Claims { expires_at, ..largest });
        assert!(bytes <= MAX_BYTES && chars <= MAX_CHARS, "{bytes} bytes, {chars} characters");
    }
    assert_eq!(base45::encode([0xff; MAX_BYTES]).len() + PREFIX.len(), MAX_CHARS);
}

#[test]
fn the_longest_codes_fit_the_symbols_of_the_design() {
    use fast_qr::{ECL, QRBuilder};
    let largest = Claims {
        expires_at: i64::from(u32::MAX),
        event: u32::MAX,
        category: u16::MAX,
        generation: 255,
        ..claims()
    };
    let modules = |code: &str, ecl| QRBuilder::new(code).ecl(ecl).build().unwrap().size;
    assert_eq!(modules(&sign(&key(), &largest).unwrap(), ECL::M), 45, "version 7");
    let fullest = format!("{PREFIX}{}", base45::encode([0xff; MAX_BYTES]));
    assert_eq!(modules(&fullest, ECL::Q), 53, "version 9");
}

proptest! {
    #[test]
    fn what_is_signed_is_what_is_read(
        seed: [u8; 32], expires_at: i64, cti: [u8; 10], event: u32, category: u16, generation: u8,
    ) {
        let key = SigningKey::from_seed(&seed);
        let claims = Claims { expires_at, cti, event, category, generation };
        let code = sign(&key, &claims).unwrap();
        let keys = KeySet::from_keys([key.public()]).unwrap();
        let expected = Credential { claims, kid: key.kid() };
        prop_assert_eq!(sign(&key, &claims).unwrap(), code.clone());
        let verdict = verify(&code, &keys, expires_at.saturating_sub(1), &VerifyOptions::default());
        // The earliest second, which has no second before it.
        prop_assume!(expires_at > i64::MIN);
        prop_assert_eq!(verdict, Verdict::Valid(expected));
    }
}
