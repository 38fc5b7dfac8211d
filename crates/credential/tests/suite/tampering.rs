//! Tests that tampered codes are refused: changed, truncated, encoded in another way or made up.

use crate::by_hand::{header, kid, payload, signed};
use crate::common::{NOW, claims, code, key, keys};
use coset::cbor::value::Value;
use fulfillment_credential::{
    Claims, KeySet, MAX_CHARS, Malformed, PREFIX, SigningKey, Verdict, VerifyOptions, decode_unverified,
    sign, verify,
};
use proptest::prelude::*;

fn judge(code: &str) -> Verdict {
    verify(code, &keys(), NOW, &VerifyOptions::default())
}

fn bytes() -> Vec<u8> {
    base45::decode(&code()[PREFIX.len()..]).unwrap()
}

fn text(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", base45::encode(bytes))
}

/// Codes of every possible length, with the smallest and the largest content, and of two keys.
fn several() -> Vec<(KeySet, String)> {
    let smallest = Claims { expires_at: 0, cti: [0; 10], event: 0, category: 0, generation: 0 };
    let largest = Claims {
        expires_at: i64::MAX,
        cti: [0xff; 10],
        event: u32::MAX,
        category: u16::MAX,
        generation: u8::MAX,
    };
    let other = SigningKey::from_seed(&[9; 32]);
    let made = [
        (&key(), claims()),
        (&other, claims()),
        (&key(), Claims { generation: 0, event: 70_000, ..claims() }),
        (&key(), smallest),
        (&other, largest),
    ];
    made.map(|(key, claims)| (KeySet::from_keys([key.public()]).unwrap(), sign(key, &claims).unwrap()))
        .to_vec()
}

/// Whether the code is refused without trusting any of its content.
fn refused(code: &str, keys: &KeySet) -> bool {
    let verdict = verify(code, keys, -1, &VerifyOptions::default());
    matches!(verdict.code(), "malformed" | "unknown_key" | "bad_signature") && verdict.credential().is_none()
}

#[test]
fn no_single_bit_can_change() {
    for (keys, good) in several() {
        assert!(!refused(&good, &keys));
        let bytes = base45::decode(&good[PREFIX.len()..]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&text(&changed), &keys), "bit {bit} of {good}");
        }
    }
}

#[test]
fn no_single_bit_of_the_text_can_change() {
    for (keys, good) in several() {
        for bit in 0..good.len() * 8 {
            let mut changed = good.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            // A scanner passes text on; what is no longer valid text becomes U+FFFD.
            assert!(refused(&String::from_utf8_lossy(&changed), &keys), "bit {bit} of {good}");
        }
    }
}

#[test]
fn no_single_character_can_change() {
    let good = code();
    for at in 0..good.len() {
        for other in b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:az\n".iter().copied() {
            let mut changed = good.clone().into_bytes();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let verdict = judge(&String::from_utf8(changed).unwrap());
            assert!(verdict.credential().is_none(), "character {at} as {:?}: {verdict}", char::from(other));
        }
    }
}

#[test]
fn a_code_is_read_whole_or_not_at_all() {
    let good = bytes();
    for length in 0..good.len() {
        assert_eq!(judge(&text(&good[..length])).code(), "malformed", "{length} bytes");
    }
    for length in 0..code().len() {
        assert_eq!(judge(&code()[..length]).code(), "malformed", "{length} characters");
    }
    for tail in [&[0][..], &[0xf6], &[0xa0, 0xa0]] {
        assert_eq!(judge(&text(&[&good, tail].concat())), Verdict::Malformed(Malformed::Cose));
    }
    assert_eq!(judge(&code().to_lowercase()).code(), "malformed");
}

#[test]
fn what_scanners_put_around_a_code_is_no_part_of_it() {
    for (before, after) in
        [("", "\r\n"), ("", "\n"), (" ", ""), ("\0", "\0"), ("\r\n\t ", " \0\n"), ("", "\r")]
    {
        assert!(judge(&format!("{before}{}{after}", code())).is_valid(), "{before:?} {after:?}");
    }
    for around in
        ["\u{a0}", "\u{feff}", "\u{85}", "\u{3000}", "\u{202f}", "\u{2028}", "\u{b}", "\u{feff}\u{a0}\r\n"]
    {
        assert!(judge(&format!("{around}{}{around}", code())).is_valid(), "{around:?}");
    }
    // Only around the code: a space within it is one of its characters, and anything else changes its text.
    for around in ["\u{200b}", "\u{2060}", "x", "\u{1}"] {
        assert_eq!(judge(&format!("{around}{}", code())).code(), "malformed", "{around:?}");
        assert_eq!(judge(&format!("{}{around}", code())).code(), "malformed", "{around:?}");
    }
    for at in 0..=code().len() {
        for inside in ["\n", "\r\n", "\0", " ", "\u{a0}", "\u{feff}"] {
            let mut changed = code();
            changed.insert_str(at, inside);
            let whole = judge(&changed).is_valid();
            assert_eq!(whole, at == 0 || at == code().len(), "{inside:?} at {at}");
        }
    }
}

#[test]
fn the_last_characters_have_one_spelling() {
    let good = code();
    // An odd number of bytes ends in two characters, worth up to 2024; 256 more decode to the same byte.
    assert_eq!(bytes().len() % 2, 1);
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let worth = |c: u8| alphabet.iter().position(|a| *a == c).unwrap();
    let (start, end) = good.as_bytes().split_at(good.len() - 2);
    let value = worth(end[0]) + 45 * worth(end[1]) + 256;
    let tail = [alphabet[value % 45], alphabet[value / 45]];
    let twin = String::from_utf8([start, &tail].concat()).unwrap();
    assert_eq!(base45::decode(&twin[PREFIX.len()..]).unwrap(), bytes(), "the decoder passes over it");
    assert_eq!(judge(&twin), Verdict::Malformed(Malformed::Base45));
}

#[test]
fn the_older_name_of_the_algorithm_is_read_and_no_other() {
    let with = |algorithm: i64| {
        let protected = header(vec![(1, algorithm.into()), (4, kid())]);
        judge(&text(&signed(&protected, Value::Map(vec![]), &header(payload(&claims())))))
    };
    assert_eq!(with(-19), judge(&code()));
    assert!(with(-19).is_valid());
    assert!(with(-8).is_valid());
    for other in [-7, -53, 5, 0] {
        assert_eq!(with(other), Verdict::Malformed(Malformed::Headers), "{other}");
    }
}

#[test]
fn genuine_signatures_around_another_form_are_refused() {
    let protected = header(vec![(1, (-19).into()), (4, kid())]);
    let empty = || Value::Map(vec![]);
    let own = header(payload(&claims()));
    assert!(
        judge(&text(&signed(&protected, empty(), &own))).is_valid(),
        "the helper signs as the crate does"
    );

    let also = |more: (i64, Value)| header(payload(&claims()).into_iter().chain([more]).collect());
    let with = |at: usize, value: Value| {
        let mut entries = payload(&claims());
        entries[at].1 = value;
        header(entries)
    };
    let ticket = |parts: &[i64]| with(2, Value::Array(parts.iter().map(|p| (*p).into()).collect()));
    let refused: Vec<(&str, Vec<u8>)> = vec![
        ("a further claim", signed(&protected, empty(), &also((6, 1.into())))),
        ("a further private claim", signed(&protected, empty(), &also((-65538, 1.into())))),
        ("a claim twice", signed(&protected, empty(), &also((4, 1.into())))),
        (
            "claims in another order",
            signed(&protected, empty(), &header(payload(&claims()).into_iter().rev().collect())),
        ),
        ("no expiry", signed(&protected, empty(), &header(payload(&claims()).split_off(1)))),
        ("an expiry with a fraction", signed(&protected, empty(), &with(0, Value::Float(1.9e9)))),
        ("an expiry as text", signed(&protected, empty(), &with(0, "tomorrow".into()))),
        ("a cti of nine bytes", signed(&protected, empty(), &with(1, Value::Bytes(vec![0; 9])))),
        ("two numbers", signed(&protected, empty(), &ticket(&[1, 2]))),
        ("four numbers", signed(&protected, empty(), &ticket(&[1, 2, 3, 4]))),
        ("an event of 33 bits", signed(&protected, empty(), &ticket(&[1 << 32, 2, 3]))),
        ("a category of 17 bits", signed(&protected, empty(), &ticket(&[1, 1 << 16, 3]))),
        ("a generation of 9 bits", signed(&protected, empty(), &ticket(&[1, 2, 256]))),
        ("a negative event", signed(&protected, empty(), &ticket(&[-1, 2, 3]))),
        ("an unprotected header", signed(&protected, Value::Map(vec![(4.into(), kid())]), &own)),
        ("a key id of five bytes", {
            signed(&header(vec![(1, (-19).into()), (4, Value::Bytes(vec![0; 5]))]), empty(), &own)
        }),
        ("no key id", signed(&header(vec![(1, (-19).into())]), empty(), &own)),
        ("a further header", {
            signed(&header(vec![(1, (-19).into()), (4, kid()), (5, Value::Bytes(vec![1]))]), empty(), &own)
        }),
        ("headers in another order", signed(&header(vec![(4, kid()), (1, (-19).into())]), empty(), &own)),
        ("an integer longer than needed", {
            // Generation 1 as 18 01 instead of 01.
            let mut long = own.clone();
            assert_eq!(long.pop(), Some(1));
            long.extend([0x18, 1]);
            signed(&protected, empty(), &long)
        }),
        ("a map of indefinite length", {
            let mut open = own.clone();
            open[0] = 0xbf;
            open.push(0xff);
            signed(&protected, empty(), &open)
        }),
        ("no tag", bytes()[1..].to_vec()),
        ("another tag", [&[0xd1], &bytes()[1..]].concat()),
        ("the tag in two bytes", [&[0xd8, 18], &bytes()[1..]].concat()),
        ("the tag twice", [&[0xd2], &bytes()[..]].concat()),
    ];
    for (what, message) in refused {
        assert_eq!(judge(&text(&message)).code(), "malformed", "{what}: {}", hex::encode(message));
    }
}

#[test]
fn what_is_longer_than_any_code_is_not_decoded() {
    let long = format!("{PREFIX}{}", "0".repeat(MAX_CHARS - PREFIX.len() + 1));
    assert_eq!(judge(&long), Verdict::Malformed(Malformed::TooLong));
    assert_eq!(judge(&"0".repeat(1 << 20)), Verdict::Malformed(Malformed::Prefix));
    assert_eq!(judge(""), Verdict::Malformed(Malformed::Prefix));
    assert_eq!(judge("TK2:ABC"), Verdict::Malformed(Malformed::Prefix));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gets_an_answer(any in ".*", rest in "[0-9A-Z $%*+./:-]{0,200}") {
        for text in [any.clone(), format!("{PREFIX}{any}"), format!("{PREFIX}{rest}")] {
            prop_assert_eq!(judge(&text).code(), "malformed");
            prop_assert!(decode_unverified(&text).is_err());
        }
    }

    #[test]
    fn any_bytes_get_an_answer(any in proptest::collection::vec(any::<u8>(), 0..130)) {
        prop_assert_eq!(judge(&text(&any)).code(), "malformed");
        // As content of a valid message, where the parser goes deeper.
        let protected = header(vec![(1, (-19).into()), (4, kid())]);
        prop_assert_eq!(judge(&text(&signed(&protected, Value::Map(vec![]), &any))).code(), "malformed");
        prop_assert_eq!(judge(&text(&signed(&any, Value::Map(vec![]), &any))).code(), "malformed");
    }

    #[test]
    fn any_damage_is_noticed(damage in proptest::collection::vec((0_usize..200, 1_u8..), 1..6)) {
        let mut changed = bytes();
        for (at, mask) in damage {
            let at = at % changed.len();
            changed[at] ^= mask;
        }
        prop_assume!(changed != bytes());
        prop_assert!(judge(&text(&changed)).credential().is_none());
    }
}
