//! Test vectors: the worked examples of `docs/qr-format.md` and `docs/qr-vectors.json` for authors of scanners.
//!
//! `UPDATE_QR_VECTORS=1 cargo test -p fulfillment-credential vectors` writes the JSON file again; the document quotes
//! its first entry and has to be edited by hand then.

use std::path::{Path, PathBuf};

use coset::cbor::value::Value as Cbor;
use fulfillment_credential::{
    Claims, DoorFeed, KeySet, MAX_CHARS, PREFIX, SigningKey, VerifyOptions, sign, verify,
};
use serde_json::{Value, json};

use crate::by_hand::{header, kid, payload, signed};

pub(crate) fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn key() -> SigningKey {
    crate::common::key()
}

fn base() -> Claims {
    Claims {
        expires_at: 1_830_000_000,
        cti: *b"\xc0\xff\xee\x00\x01\x02\x03\x04\x05\x06",
        event: 4_711,
        category: 12,
        generation: 0,
    }
}

fn code_of(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", base45::encode(bytes))
}

fn bytes_of(code: &str) -> Vec<u8> {
    base45::decode(&code[PREFIX.len()..]).unwrap()
}

/// One case: the inputs of a scanner and the verdict it must return.
fn case(name: &str, code: &str, now: i64, event: Option<u32>, feed: &Value, verdict: &str) -> Value {
    json!({
        "name": name, "code": code, "now": now, "event": event, "feed": feed, "still_good": [], "verdict": verdict,
    })
}

/// The key that the vectors revoke.
fn revoked_key() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

/// An entry of the feed for a code of a revoked key that is still good.
pub(crate) fn still_good(claims: &Claims) -> Value {
    let Claims { expires_at, cti, event, category, generation } = *claims;
    json!([expires_at, hex::encode(cti), event, category, generation])
}

/// Codes of a key that leaked: what the platform issued, and what a thief made.
fn revoked_cases(now: i64) -> Vec<Value> {
    let code = |claims: &Claims| sign(&revoked_key(), claims).unwrap();
    let changed = {
        let mut bytes = bytes_of(&code(&base()));
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        code_of(&bytes)
    };
    let none = json!([]);
    let feed = |lowest: u8, voided: bool| json!([[hex::encode(base().cti), lowest, voided]]);
    let good = [still_good(&base())];
    let claims = |change: fn(&mut Claims)| {
        let mut claims = base();
        change(&mut claims);
        code(&claims)
    };
    let judged = |name: &str, code: &str, feed: &Value, good: &[Value], verdict: &str| {
        let mut case = case(name, code, now, None, feed, verdict);
        case["still_good"] = good.into();
        case
    };
    let own = code(&base());
    let mut elsewhere =
        judged("another event for a good id", &claims(|c| c.event = 4_712), &none, &good, "revoked_key");
    elsewhere["event"] = 4_712.into();
    let mut late = judged("still good, and expired", &own, &none, &good, "expired");
    late["now"] = base().expires_at.into();
    vec![
        judged("of a revoked key", &own, &none, &[], "revoked_key"),
        judged("of a revoked key and still good", &own, &none, &good, "valid"),
        judged("another id than a good one", &claims(|c| c.cti[9] ^= 1), &none, &good, "revoked_key"),
        judged("another generation of a good id", &claims(|c| c.generation = 1), &none, &good, "revoked_key"),
        judged("a better category for a good id", &claims(|c| c.category = 1), &none, &good, "revoked_key"),
        judged("a later expiry for a good id", &claims(|c| c.expires_at += 1), &none, &good, "revoked_key"),
        elsewhere,
        judged("of a revoked key, and not signed by it", &changed, &none, &[], "revoked_key"),
        judged("still good, and not signed by the key", &changed, &none, &good, "bad_signature"),
        judged("still good, and voided since", &own, &feed(0, true), &good, "voided"),
        judged("still good, and replaced since", &own, &feed(1, false), &good, "superseded"),
        late,
    ]
}

/// Codes that no careful issuer writes: genuinely signed in another encoding, or with a signature that lax libraries
/// accept.
fn by_hand_cases(good: &str, now: i64) -> Vec<Value> {
    let bytes = bytes_of(good);
    let signature_at = bytes.len() - 64;
    let with_signature = |signature: &[u8]| code_of(&[&bytes[..signature_at], signature].concat());
    let empty = || Cbor::Map(vec![]);
    let headers = |alg: i64| header(vec![(1, alg.into()), (4, kid())]);
    let own = || payload(&base());
    let written =
        |protected: &[u8], unprotected: Cbor, claims: &[u8]| code_of(&signed(protected, unprotected, claims));
    let also = |more: (i64, Cbor)| header(own().into_iter().chain([more]).collect());
    let with = |at: usize, value: Cbor| {
        let mut entries = own();
        entries[at].1 = value;
        header(entries)
    };
    let ticket =
        |event: i64, generation: i64| with(2, Cbor::Array(vec![event.into(), 12.into(), generation.into()]));
    let long_integer = {
        // Generation 0 as 18 00.
        let mut claims = header(own());
        assert_eq!(claims.pop(), Some(0));
        [&claims[..], &[0x18, 0]].concat()
    };
    let twice = |text: &str| {
        // The last two characters hold one byte; 256 more is the same byte to a decoder that does not check.
        const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        let digits: Vec<usize> =
            text.bytes().rev().take(2).map(|c| ALPHABET.iter().position(|a| *a == c).unwrap()).collect();
        let value = digits[1] + 45 * digits[0] + 256;
        let start = &text[..text.len() - 2];
        format!("{start}{}{}", char::from(ALPHABET[value % 45]), char::from(ALPHABET[value / 45]))
    };
    let list = [
        ("signed under the algorithm's older name", written(&headers(-8), empty(), &header(own())), "valid"),
        (
            "signed under another algorithm's name",
            written(&headers(-7), empty(), &header(own())),
            "malformed",
        ),
        (
            "S with the group's order added",
            with_signature(&plus_order(&bytes[signature_at..])),
            "bad_signature",
        ),
        (
            "R of small order, which OpenSSL takes",
            with_signature(&hex::decode(SMALL_R).unwrap()),
            "bad_signature",
        ),
        ("a signature of zeros", with_signature(&[0; 64]), "bad_signature"),
        ("the last byte in its other spelling", twice(good), "malformed"),
        ("a further claim", written(&headers(-19), empty(), &also((6, 1.into()))), "malformed"),
        ("a claim twice", written(&headers(-19), empty(), &also((4, 1.into()))), "malformed"),
        (
            "claims in another order",
            written(&headers(-19), empty(), &header(own().into_iter().rev().collect())),
            "malformed",
        ),
        ("no expiry", written(&headers(-19), empty(), &header(own().split_off(1))), "malformed"),
        (
            "an expiry with a fraction",
            written(&headers(-19), empty(), &with(0, Cbor::Float(1.83e9))),
            "malformed",
        ),
        ("an integer longer than needed", written(&headers(-19), empty(), &long_integer), "malformed"),
        ("an event of 33 bits", written(&headers(-19), empty(), &ticket(1 << 32, 0)), "malformed"),
        ("a negative event", written(&headers(-19), empty(), &ticket(-1, 0)), "malformed"),
        ("a generation of 9 bits", written(&headers(-19), empty(), &ticket(1, 256)), "malformed"),
        (
            "a key id outside the signature too",
            written(&headers(-19), Cbor::Map(vec![(4.into(), kid())]), &header(own())),
            "malformed",
        ),
        (
            "longer than any code",
            format!("{PREFIX}{}", "0".repeat(MAX_CHARS - PREFIX.len() + 1)),
            "malformed",
        ),
        ("the prefix alone", PREFIX.to_owned(), "malformed"),
        ("nothing", String::new(), "malformed"),
    ];
    list.into_iter().map(|(name, code, verdict)| case(name, &code, now, None, &json!([]), verdict)).collect()
}

/// R is the neutral point and S = h a: it satisfies the equation, for a message that its key's owner never signed this
/// way. Made from the seed of the worked example, for its message, with `R || S` in hexadecimal.
const SMALL_R: &str = "0100000000000000000000000000000000000000000000000000000000000000\
                       00f41c4f6b4a6ddd9f1bb6d1be62a3f99758f255b01e437e5f355ce4f5cb9c01";

/// S plus the order of the group (RFC 8032, 5.1): the same number to a verifier that does not check its size.
fn plus_order(signature: &[u8]) -> Vec<u8> {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0_u16;
    let sum = signature[32..].iter().zip(order).map(|(s, l)| {
        let digit = u16::from(*s) + u16::from(l) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    signature[..32].iter().copied().chain(sum).collect()
}

fn vectors() -> Value {
    let now = 1_800_000_000;
    let good = sign(&key(), &base()).unwrap();
    let largest = Claims {
        expires_at: i64::from(u32::MAX),
        cti: [0xff; 10],
        event: u32::MAX,
        category: u16::MAX,
        generation: 255,
    };
    let largest = sign(&key(), &largest).unwrap();
    let reissued = sign(&key(), &Claims { generation: 1, ..base() }).unwrap();
    let stranger = sign(&SigningKey::from_seed(&[9; 32]), &base()).unwrap();
    let bytes = bytes_of(&good);
    let flipped = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        code_of(&changed)
    };
    let cti = hex::encode(base().cti);
    let feed = |lowest: u8, voided: bool| json!([[cti, lowest, voided]]);
    let none = json!([]);
    let cases = [
        case("the worked example", &good, now, None, &none, "valid"),
        case("with a line's end and spaces around it", &format!(" {good} \r\n"), now, None, &none, "valid"),
        case(
            "with a line's end within it",
            &format!("{}\n{}", &good[..90], &good[90..]),
            now,
            None,
            &none,
            "malformed",
        ),
        case("at the door of its event", &good, now, Some(4_711), &none, "valid"),
        case("the longest small code", &largest, now, None, &none, "valid"),
        case("the last good second", &good, 1_829_999_999, None, &none, "valid"),
        case("the second it expires", &good, 1_830_000_000, None, &none, "expired"),
        case("at another door", &good, now, Some(4_712), &none, "other_event"),
        case("replaced by generation 1", &good, now, None, &feed(1, false), "superseded"),
        case("the replacement itself", &reissued, now, None, &feed(1, false), "valid"),
        case("voided, whatever else is wrong", &good, 1_900_000_000, Some(1), &feed(1, true), "voided"),
        case(
            "replaced, at another door, expired",
            &good,
            1_900_000_000,
            Some(1),
            &feed(1, false),
            "superseded",
        ),
        case("another platform's key", &stranger, now, None, &none, "unknown_key"),
        case(
            "one bit of the event changed",
            &flipped(bytes.len() - 66 - 3),
            now,
            None,
            &none,
            "bad_signature",
        ),
        case(
            "one bit of the signature changed",
            &flipped(bytes.len() - 1),
            now,
            None,
            &none,
            "bad_signature",
        ),
        case("one byte too many", &code_of(&[&bytes[..], &[0]].concat()), now, None, &none, "malformed"),
        case("one byte too few", &code_of(&bytes[..bytes.len() - 1]), now, None, &none, "malformed"),
        case("without the tag", &code_of(&bytes[1..]), now, None, &none, "malformed"),
        case("in lowercase", &good.to_lowercase(), now, None, &none, "malformed"),
        case("without the prefix", &good[PREFIX.len()..], now, None, &none, "malformed"),
        case("something else altogether", "https://example.org/", now, None, &none, "malformed"),
    ];
    let cases: Vec<Value> =
        cases.into_iter().chain(by_hand_cases(&good, now)).chain(revoked_cases(now)).collect();
    json!({
        "example": {
            "seed": hex::encode((0..32).collect::<Vec<u8>>()),
            "public_key": hex::encode(key().public().to_bytes()),
            "kid": key().kid().to_string(),
            "expires_at": base().expires_at,
            "cti": cti,
            "event": base().event,
            "category": base().category,
            "generation": base().generation,
            "cose_sign1": hex::encode(&bytes),
            "signature": hex::encode(&bytes[bytes.len() - 64..]),
            "code": good,
        },
        "jwks": KeySet::from_keys([key().public()]).unwrap().to_jwks(),
        "revoked_jwks": KeySet::from_keys([revoked_key().public()]).unwrap().to_jwks(),
        "cases": cases,
    })
}

#[test]
fn vectors_are_the_published_ones() {
    let made = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    let file = docs("qr-vectors.json");
    if std::env::var_os("UPDATE_QR_VECTORS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == made,
        "docs/qr-vectors.json differs from what the code makes"
    );
}

#[test]
fn vectors_get_their_verdicts() {
    let published: Value =
        serde_json::from_str(&std::fs::read_to_string(docs("qr-vectors.json")).unwrap()).unwrap();
    let keys = KeySet::from_jwks(&published["jwks"]).unwrap();
    let revoked = KeySet::from_jwks(&published["revoked_jwks"]).unwrap();
    let cases = published["cases"].as_array().unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let mut feed = DoorFeed::new();
        for entry in case["feed"].as_array().unwrap() {
            let cti = hex::decode(entry[0].as_str().unwrap()).unwrap().try_into().unwrap();
            feed.supersede(cti, entry[1].as_u64().unwrap().try_into().unwrap());
            if entry[2] == true {
                feed.void(cti);
            }
        }
        for entry in case["still_good"].as_array().unwrap() {
            let number = |at: usize| entry[at].as_u64().unwrap();
            feed.keep(Claims {
                expires_at: entry[0].as_i64().unwrap(),
                cti: hex::decode(entry[1].as_str().unwrap()).unwrap().try_into().unwrap(),
                event: number(2).try_into().unwrap(),
                category: number(3).try_into().unwrap(),
                generation: number(4).try_into().unwrap(),
            });
        }
        let event = case["event"].as_u64().map(|event| event.try_into().unwrap());
        let options = VerifyOptions { event, feed: Some(&feed), revoked: Some(&revoked) };
        let verdict = verify(case["code"].as_str().unwrap(), &keys, case["now"].as_i64().unwrap(), &options);
        assert_eq!(verdict.code(), case["verdict"], "{}", case["name"]);
    }
}

/// The document shows the bytes in parts with remarks between them; together they must equal the vector's bytes.
#[test]
fn vectors_in_the_document_are_the_published_ones() {
    let document = std::fs::read_to_string(docs("qr-format.md")).unwrap();
    let example = &vectors()["example"];
    let text = |name: &str| example[name].as_str().unwrap().to_owned();
    for name in ["seed", "public_key", "kid", "cti"] {
        assert!(document.contains(&text(name)), "{name}");
    }
    for name in ["expires_at", "event", "category", "generation"] {
        assert!(document.contains(&format!("| {name} | {} |", example[name])), "{name}");
    }
    assert!(document.contains(&format!("\n{}\n", text("code"))), "the code");
    let diagram = document.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let bytes: String = diagram
        .lines()
        .flat_map(|line| line.split('#').next().unwrap().chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    assert_eq!(bytes, text("cose_sign1"));
    assert!(document.contains(&format!("The message, {} bytes:", bytes.len() / 2)), "the length");
}
