//! Tests of the legacy codes of other systems.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fast_qr::{ECL, QRBuilder};
use fulfillment_credential::legacy::{PlatformCode, PretixCode, PretixError};
use fulfillment_credential::{KeySet, SigningKey, VerifyOptions, sign, verify};
use proptest::prelude::*;

use crate::common::{NOW, claims, code, key, keys};

const ORDER: &str = "8f14e45f-ceea-467f-a8dc-1f2b3c4d5e6f";
const EVENT: &str = "C9F0F895-FB98-4B91-8F6C-0A1B2C3D4E5F";

fn bytes(text: &str) -> Vec<u8> {
    BASE64.decode(text.bytes().rev().collect::<Vec<u8>>()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    BASE64.encode(bytes).chars().rev().collect()
}

#[test]
fn the_platform_s_form_is_three_parts_and_no_signature() {
    let code = PlatformCode { order_id: ORDER, seat: "A-01", event_id: EVENT };
    assert_eq!(code.to_string(), format!("{ORDER}:A-01:{EVENT}"));
    for seat in ["A-01", "", "Balcony: row 3", "N/A", "座席 5"] {
        let code = PlatformCode { seat, ..code };
        assert_eq!(PlatformCode::parse(&code.to_string()), Some(code));
    }
    for other in [
        "",
        "::",
        ORDER,
        &format!("{ORDER}:{EVENT}"),
        &format!("{ORDER}:A-01:{EVENT}x"),
        &format!("{}:A-01:{EVENT}", ORDER.replace('-', "_")),
        &format!("{ORDER}:A-01:é{}", &EVENT[2..]),
        &crate::common::code(),
    ] {
        assert_eq!(PlatformCode::parse(other), None, "{other}");
    }
    assert_eq!(verify(&code.to_string(), &keys(), NOW, &VerifyOptions::default()).code(), "malformed");
}

/// Decoded by hand, so that a fault made both in writing and reading is detected.
#[test]
fn a_pretix_code_has_the_published_bytes() {
    let code = PretixCode {
        seed: "abcdefghi".into(),
        item: 300,
        variation: 7,
        subevent: 0,
        valid_from: Some(0),
        valid_until: Some(1_800_000_000),
    };
    let made = code.sign(&key()).unwrap();
    let raw = bytes(&made);
    // seed, item 300 = 0xac 0x02, variation 7, no subevent, an optional zero, five bytes of time.
    let payload = [
        &[0x0a, 9][..],
        b"abcdefghi",
        &[0x10, 0xac, 0x02, 0x18, 7, 0x28, 0, 0x30, 0x80, 0xa4, 0xa7, 0xda, 0x06],
    ]
    .concat();
    assert_eq!(raw[..5], [1, 0, 24, 0, 64]);
    assert_eq!(raw[5..29], payload);
    assert_eq!(raw.len(), 5 + 24 + 64);
    let public = ed25519_dalek::VerifyingKey::from_bytes(&key().public().to_bytes()).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&raw[29..]).unwrap();
    assert!(public.verify_strict(&payload, &signature).is_ok());
    // Read backwards it is base64 that begins with the version.
    assert!(made.ends_with("QA"), "{made}");
    assert_eq!(PretixCode::read(&made, &keys()), Ok((code, key().kid())));
}

#[test]
fn a_reissued_ticket_has_another_pretix_code() {
    let first = PretixCode::from(&claims());
    assert_eq!((first.item, first.subevent, first.valid_until), (12, 4_711, Some(claims().expires_at)));
    let second = PretixCode::from(&fulfillment_credential::Claims { generation: 2, ..claims() });
    assert_ne!(first.sign(&key()), second.sign(&key()));
}

#[test]
fn pretix_codes_of_other_keys_and_other_texts_are_told_apart() {
    let other = SigningKey::from_seed(&[9; 32]);
    let theirs = PretixCode::from(&claims()).sign(&other).unwrap();
    assert_eq!(PretixCode::read(&theirs, &keys()), Err(PretixError::NotSigned));
    let both = KeySet::from_keys([key().public(), other.public()]).unwrap();
    assert_eq!(PretixCode::read(&theirs, &both).unwrap().1, other.kid());
    for text in ["", "====", "QA", &code(), "lower case", &theirs[1..], &"A".repeat(100)] {
        assert_eq!(PretixCode::read(text, &both), Err(PretixError::Malformed), "{text}");
    }
    let long = PretixCode { seed: "x".repeat(70_000), ..PretixCode::default() };
    assert_eq!(long.sign(&key()), Err(PretixError::Malformed));
    // The same key's signature of this crate's own code is not valid here.
    let own = sign(&key(), &claims()).unwrap();
    assert_eq!(PretixCode::read(&own, &keys()), Err(PretixError::Malformed));
}

#[test]
fn no_single_bit_of_a_pretix_code_can_change() {
    let good = bytes(&PretixCode::from(&claims()).sign(&key()).unwrap());
    assert!(PretixCode::read(&text(&good), &keys()).is_ok());
    for bit in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(PretixCode::read(&text(&changed), &keys()).is_err(), "bit {bit}");
    }
}

/// The sizes that docs/qr-format.md gives.
#[test]
fn other_forms_need_the_documented_symbols() {
    let modules = |code: &str, level| QRBuilder::new(code).ecl(level).build().unwrap().size;
    let platform = PlatformCode { order_id: ORDER, seat: "A-01", event_id: EVENT }.to_string();
    assert_eq!((platform.len(), modules(&platform, ECL::M), modules(&platform, ECL::Q)), (78, 37, 45));
    let pretix = PretixCode::from(&claims()).sign(&key()).unwrap();
    assert_eq!((pretix.len(), modules(&pretix, ECL::M), modules(&pretix, ECL::Q)), (132, 49, 57));
    let ours = code();
    assert_eq!((modules(&ours, ECL::M), modules(&ours, ECL::Q)), (45, 53));
}

proptest! {
    #[test]
    fn what_pretix_s_form_is_given_is_what_is_read(
        seed in ".{0,20}", item: i64, variation: i64, subevent: i64,
        valid_from: Option<i64>, valid_until: Option<i64>,
    ) {
        let code = PretixCode { seed, item, variation, subevent, valid_from, valid_until };
        let read = PretixCode::read(&code.sign(&key()).unwrap(), &keys());
        prop_assert_eq!(read, Ok((code, key().kid())));
    }

    #[test]
    fn any_text_gets_an_answer_from_the_other_forms(any in ".*", raw in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _: Option<PlatformCode<'_>> = PlatformCode::parse(&any);
        prop_assert!(PretixCode::read(&any, &keys()).is_err());
        prop_assert!(PretixCode::read(&text(&raw), &keys()).is_err());
    }
}
