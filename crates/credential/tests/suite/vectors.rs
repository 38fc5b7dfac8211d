//! The worked examples that `docs/qr-format.md` and `docs/qr-vectors.json` give to whoever writes a scanner.
//!
//! `UPDATE_QR_VECTORS=1 cargo test -p fulfillment-credential vectors` writes the JSON file anew; the document
//! quotes its first entry and has to be edited by hand then.

use std::path::{Path, PathBuf};

use fulfillment_credential::{Claims, DoorFeed, KeySet, PREFIX, SigningKey, VerifyOptions, sign, verify};
use serde_json::{Value, json};

fn docs(file: &str) -> PathBuf {
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

/// One case: the inputs of a scanner and the word it must answer.
fn case(name: &str, code: &str, now: i64, event: Option<u32>, feed: &Value, verdict: &str) -> Value {
    json!({ "name": name, "code": code, "now": now, "event": event, "feed": feed, "verdict": verdict })
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
    let cases = published["cases"].as_array().unwrap();
    assert!(cases.len() > 15);
    for case in cases {
        let mut feed = DoorFeed::new();
        for entry in case["feed"].as_array().unwrap() {
            let cti = hex::decode(entry[0].as_str().unwrap()).unwrap().try_into().unwrap();
            feed.supersede(cti, entry[1].as_u64().unwrap().try_into().unwrap());
            if entry[2] == true {
                feed.void(cti);
            }
        }
        let event = case["event"].as_u64().map(|event| event.try_into().unwrap());
        let options = VerifyOptions { event, feed: Some(&feed) };
        let verdict = verify(case["code"].as_str().unwrap(), &keys, case["now"].as_i64().unwrap(), &options);
        assert_eq!(verdict.code(), case["verdict"], "{}", case["name"]);
    }
}

/// The document shows the bytes in pieces with remarks between; together they must be the vector's.
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
