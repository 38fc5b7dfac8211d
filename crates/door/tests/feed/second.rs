//! Compares this crate with a second implementation of the format, in Python, written only from its document.
//!
//! The interpreter with its pinned libraries comes from `scripts/rig/install`; `FULFILLMENT_PYTHON` names another.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fulfillment_door::feed::{Document, sign};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::by_hand::{payload, signed_payload};
use crate::common::{REPLACED, VOID, cti, key, one_of_each, snapshot};
use crate::run::run;
use crate::vectors::{docs, published};

fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("FULFILLMENT_PYTHON") {
        return path.into();
    }
    let cache = std::env::var_os("FULFILLMENT_RIG_CACHE").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/fulfillment-rig");
    cache.unwrap_or_else(home).join("python/bin/python3")
}

/// What the second implementation makes of each case.
fn second(given: &Value) -> Vec<Value> {
    let python = python();
    let script = docs("../tests/python/feed.py");
    assert!(python.exists(), "{} is missing; scripts/rig/install makes it", python.display());
    let mut child = Command::new(&python)
        .arg(script)
        .arg("run")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "feed.py: {}", out.status);
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn the_second_implementation_agrees_on_every_vector() {
    let published = published();
    let results = second(&published);
    let cases = published["cases"].as_array().unwrap();
    assert_eq!(results.len(), cases.len());
    for (result, case) in results.iter().zip(cases) {
        assert_eq!(*result, case["result"], "{}", case["name"]);
    }
}

#[test]
fn the_second_implementation_gives_the_same_answers_to_any_document() {
    use proptest::num::{u8, usize};
    // Documents as they are, and damaged in up to three places inside or outside the signature.
    let damage = proptest::collection::vec((usize::ANY, u8::ANY), 0..4);
    let strategy = (0_usize..6, damage, proptest::bool::ANY);
    let mut runner = TestRunner::deterministic();
    let held = [(cti(1), VOID), (cti(2), REPLACED)];
    let first = hex::encode(sign(&key(), &Document::Snapshot(snapshot(4, &held))).unwrap());
    let cases: Vec<Value> = (0..600)
        .map(|_| {
            let (which, damage, inside) = strategy.new_tree(&mut runner).unwrap().current();
            let good = sign(&key(), &one_of_each()[which]).unwrap();
            let mut bytes = if inside { payload(&good) } else { good };
            for (at, value) in damage {
                let at = at % bytes.len();
                // Often a small change, which may leave a document of another content.
                bytes[at] = if value < 128 { value } else { bytes[at] ^ (1 << (value % 8)) };
            }
            let bytes = if inside { signed_payload(bytes) } else { bytes };
            json!({
                "name": "", "now": 0, "documents": [first, hex::encode(bytes)],
                "codes": ["good"], "numbers": [], "ctis": [],
            })
        })
        .collect();
    let mut given = published();
    given["cases"] = cases.into();
    let theirs = second(&given);
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for (theirs, case) in theirs.iter().zip(given["cases"].as_array().unwrap()) {
        let ours = run(case, &given);
        assert_eq!(*theirs, ours, "{case}");
        *seen.entry(ours["answers"][1].to_string()).or_default() += 1;
    }
    // Every kind of answer occurred.
    for word in ["applied", "reload", "older", "other_event", "malformed", "bad_signature"] {
        assert!(seen.contains_key(&format!("\"{word}\"")), "{word}: {seen:?}");
    }
}
