//! Compares this crate with a second implementation of the format, in Python, written only from its document.
//!
//! The interpreter with its pinned libraries comes from `scripts/rig/install`; `FULFILLMENT_PYTHON` names another.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fulfillment_credential::{Claims, DoorFeed, KeySet, PREFIX, SigningKey, VerifyOptions, sign, verify};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::common::{NOW, key, keys};
use crate::vectors::{docs, still_good};

fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("FULFILLMENT_PYTHON") {
        return path.into();
    }
    let cache = std::env::var_os("FULFILLMENT_RIG_CACHE").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/fulfillment-rig");
    cache.unwrap_or_else(home).join("python/bin/python3")
}

/// What the second implementation returns for `given`.
fn second(command: &str, given: &Value) -> Vec<String> {
    let python = python();
    let script = docs("../tests/python/tk1.py");
    assert!(python.exists(), "{} is missing; scripts/rig/install makes it", python.display());
    let mut child = Command::new(&python)
        .arg(script)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "tk1.py {command}: {}", out.status);
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Any claims; every length of CBOR integers is likely.
fn any_claims() -> impl Strategy<Value = Claims> {
    use proptest::num::{i64, u8, u16, u32};
    let small = proptest::prop_oneof![0_u32..30, 250_u32..260, 65_530_u32..65_540, u32::ANY];
    let expires_at = proptest::prop_oneof![1_700_000_000_i64..2_000_000_000, -300_i64..300, i64::ANY];
    (expires_at, proptest::array::uniform10(u8::ANY), small, u16::ANY, u8::ANY).prop_map(
        |(expires_at, cti, event, category, generation)| Claims {
            expires_at,
            cti,
            event,
            category,
            generation,
        },
    )
}

fn some<T>(count: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    // The same cases every time, so that a failure is reproducible.
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn the_second_implementation_agrees_on_every_vector() {
    let published: Value =
        serde_json::from_str(&std::fs::read_to_string(docs("qr-vectors.json")).unwrap()).unwrap();
    let words = second("judge", &published);
    let cases = published["cases"].as_array().unwrap();
    assert_eq!(words.len(), cases.len());
    for (word, case) in words.iter().zip(cases) {
        assert_eq!(case["verdict"], **word, "{}", case["name"]);
    }
}

#[test]
fn the_second_implementation_mints_what_is_valid_here() {
    let claims = some(300, &any_claims());
    let seeds = some(300, &proptest::array::uniform32(proptest::num::u8::ANY));
    let job = |alg: i64| {
        let jobs = claims.iter().zip(&seeds).map(|(c, seed)| {
            json!({
                "seed": hex::encode(seed), "alg": alg, "expires_at": c.expires_at, "cti": hex::encode(c.cti),
                "event": c.event, "category": c.category, "generation": c.generation,
            })
        });
        second("mint", &jobs.collect())
    };
    for alg in [-19, -8] {
        let minted = job(alg);
        assert_eq!(minted.len(), claims.len());
        for ((code, claims), seed) in minted.iter().zip(&claims).zip(&seeds) {
            let key = SigningKey::from_seed(seed);
            let keys = KeySet::from_keys([key.public()]).unwrap();
            let verdict = verify(code, &keys, i64::MIN, &VerifyOptions::default());
            let credential = verdict.credential().unwrap_or_else(|| panic!("{code}: {verdict}"));
            assert_eq!((&credential.claims, credential.kid), (claims, key.kid()));
            // Ed25519 is deterministic: the same code, byte for byte, under the algorithm name that this crate writes.
            assert_eq!(sign(&key, claims).unwrap() == *code, alg == -19, "{code}");
        }
    }
}

#[test]
fn the_second_implementation_gives_the_same_answers_to_any_code() {
    use proptest::num::u8;
    // Each of these codes as it is and damaged in up to three places, before or after the base45.
    let damage = proptest::collection::vec((proptest::num::usize::ANY, u8::ANY), 0..4);
    let cases = some(2_000, &(any_claims(), damage, proptest::bool::ANY, 0_u8..3, u8::ANY, 0_u8..8));
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut ours = Vec::new();
    let mut asked = Vec::new();
    // A key that leaked signed some: with claims that are still good, or not.
    let (own, leaked) = (key(), SigningKey::from_seed(&[8; 32]));
    let revoked = KeySet::from_keys([leaked.public()]).unwrap();
    for (claims, damage, in_text, news, lowest, leak) in cases {
        let good = sign(if leak < 2 { &leaked } else { &own }, &claims).unwrap();
        let mut bytes = base45::decode(&good[PREFIX.len()..]).unwrap();
        let mut text = good.clone().into_bytes();
        for (at, value) in damage {
            let (in_bytes, at) = (at % bytes.len(), at % text.len());
            bytes[in_bytes] = value;
            text[at] = alphabet[usize::from(value) % 45];
        }
        let code = if in_text {
            String::from_utf8(text).unwrap()
        } else {
            format!("{PREFIX}{}", base45::encode(&bytes))
        };
        let mut feed = DoorFeed::new();
        let mut entries = Vec::new();
        if news > 0 {
            feed.supersede(claims.cti, lowest);
            if news > 1 {
                feed.void(claims.cti);
            }
            entries.push(json!([hex::encode(claims.cti), lowest, news > 1]));
        }
        if leak == 0 {
            feed.keep(claims);
        }
        let kept: Vec<_> = (leak == 0).then(|| still_good(&claims)).into_iter().collect();
        let event = (lowest % 3 > 0).then(|| claims.event / u32::from(lowest % 3));
        let options = VerifyOptions { event, feed: Some(&feed), revoked: Some(&revoked) };
        let verdict = verify(&code, &keys(), NOW, &options);
        ours.push(verdict.code().to_owned());
        asked.push(json!({ "code": code, "now": NOW, "event": event, "feed": entries, "still_good": kept }));
    }
    let theirs = second(
        "judge",
        &json!({ "jwks": keys().to_jwks(), "revoked_jwks": revoked.to_jwks(), "cases": asked }),
    );
    for ((ours, theirs), case) in ours.iter().zip(&theirs).zip(&asked) {
        assert_eq!(ours, theirs, "{case}");
    }
    assert_eq!(ours.len(), theirs.len());
    // Every verdict occurred.
    for word in [
        "valid",
        "bad_signature",
        "unknown_key",
        "revoked_key",
        "expired",
        "other_event",
        "superseded",
        "voided",
        "malformed",
    ] {
        assert!(ours.iter().any(|o| o == word), "{word}");
    }
}
