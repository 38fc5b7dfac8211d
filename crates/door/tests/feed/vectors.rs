//! Test vectors: the worked example of `docs/door-feed.md` and `docs/door-feed-vectors.json` for authors of scanners.
//!
//! `UPDATE=1 cargo test -p fulfillment-door --test feed vectors` writes the JSON file again; the page quotes its
//! example and has to be edited by hand then.

use std::path::{Path, PathBuf};

use coset::HeaderBuilder;
use coset::cbor::value::Value as Cbor;
use fulfillment_credential::{SigningKey, Standing, sign as sign_code};
use fulfillment_door::feed::{Delta, Direction, Document, Head, Keys, Origin, Snapshot, sign};
use serde_json::{Map, Value, json};

use crate::by_hand::{bytes, payload, signed, signed_payload, values, with};
use crate::common::{
    EVENT_ID, NOW, NUMBERS_KEY, REPLACED, VOID, admitted, claims, cti, delta, head, key, leaked, names,
    numbers, origin, own_keys, set, snapshot, still_good,
};
use crate::run::run;

pub(crate) fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

pub(crate) fn published() -> Value {
    serde_json::from_str(&std::fs::read_to_string(docs("door-feed-vectors.json")).unwrap()).unwrap()
}

/// A key that is accepted at first and revoked in some cases.
fn second_key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

const BOTH: Standing = Standing { lowest_good_generation: 1, voided: true };

fn epoch_2(version: u64) -> Origin {
    Origin { epoch: 2, ..origin(version) }
}

/// The feed's own documents by name.
fn genuine() -> Vec<(&'static str, Document)> {
    let first = [(cti(1), VOID), (cti(2), REPLACED)];
    let second = [(cti(1), VOID), (cti(2), BOTH), (cti(3), VOID)];
    let changes = [(cti(2), BOTH), (cti(3), VOID)];
    let renewed = |version, all: &[_]| {
        let mut renewed = delta(version, version, &[], all);
        renewed.origin.made_at += 600;
        renewed.fresh_until += 600;
        renewed
    };
    let mut wrong_hash = delta(3, 4, &changes, &second);
    wrong_hash.digest.hash[31] ^= 1;
    let mut wrong_count = delta(3, 4, &changes, &second);
    wrong_count.digest.count += 1;
    let revoking = Keys { accepted: set(&[&key()]), revoked: set(&[&leaked(), &second_key()]) };
    let both = Keys { accepted: set(&[&key(), &second_key()]), ..own_keys() };
    vec![
        ("snapshot 3", Document::Snapshot(snapshot(3, &first))),
        ("delta 3 to 4", Document::Delta(delta(3, 4, &changes, &second))),
        (
            "delta 2 to 5 with another head",
            Document::Delta(Delta {
                head: Some(Head { name: Some("Moved".to_owned()), ..Head::default() }),
                ..delta(2, 5, &second, &second)
            }),
        ),
        ("delta of nothing at 4", Document::Delta(renewed(4, &second))),
        ("delta 7 to 8", Document::Delta(delta(7, 8, &[], &second))),
        ("delta 3 to 4 without a void", Document::Delta(delta(3, 4, &changes[..1], &second))),
        ("delta with another hash", Document::Delta(wrong_hash)),
        ("delta with another count", Document::Delta(wrong_count)),
        ("snapshot 2", Document::Snapshot(snapshot(2, &[]))),
        ("snapshot 4", Document::Snapshot(snapshot(4, &second))),
        ("snapshot 4 that forgot a void", Document::Snapshot(snapshot(4, &second[1..]))),
        (
            "snapshot 1 of epoch 2",
            Document::Snapshot(Snapshot { origin: epoch_2(1), ..snapshot(1, &second[2..]) }),
        ),
        (
            "delta 3 to 4 of epoch 2",
            Document::Delta(Delta { origin: epoch_2(4), ..delta(3, 4, &changes, &second) }),
        ),
        (
            "snapshot of another event",
            Document::Snapshot(Snapshot {
                origin: Origin { event: 4_712, ..origin(9) },
                event_id: "2027-other".to_owned(),
                ..snapshot(9, &[])
            }),
        ),
        (
            "delta of another event",
            Document::Delta(Delta {
                origin: Origin { event: 4_712, ..origin(9) },
                ..delta(3, 9, &changes, &second)
            }),
        ),
        ("snapshot with two keys", Document::Snapshot(Snapshot { keys: both, ..snapshot(3, &first) })),
        (
            "delta that revokes the second key",
            Document::Delta(Delta { keys: Some(revoking), ..delta(3, 4, &changes, &second) }),
        ),
        ("still good 3", Document::StillGood(still_good(3, &[3, 4]))),
        (
            "numbers 3",
            Document::Numbers(numbers(3, &[("N000010001", 1), ("N000030003", 3), ("N000030003", 4)])),
        ),
        ("names 3", Document::Names(names(3))),
        (
            "admitted 0 to 2",
            Document::Admitted(admitted(0, 2, &[(1, Direction::In, NOW), (2, Direction::In, NOW)])),
        ),
        ("admitted 2 to 3", Document::Admitted(admitted(2, 3, &[(1, Direction::Out, NOW + 9)]))),
        ("admitted 5 to 6", Document::Admitted(admitted(5, 6, &[]))),
        (
            "admitted 0 to 9",
            Document::Admitted(admitted(
                0,
                9,
                &[(0, Direction::In, NOW - 60), (3, Direction::Out, NOW - 50), (5, Direction::In, NOW - 40)],
            )),
        ),
        (
            "admitted 9 to 12",
            Document::Admitted(admitted(
                9,
                12,
                &[
                    (0, Direction::Out, NOW - 9),
                    (3, Direction::In, NOW - 8),
                    (5, Direction::Unknown, NOW - 7),
                ],
            )),
        ),
        ("snapshot 3 without rules", with_rules(None)),
        ("snapshot 3 with re-entry always", with_rules(Some(r#"{"reEntry":"always"}"#))),
        ("snapshot 3 that is not used when stale", with_rules(Some(r#"{"staleFeed":"stop"}"#))),
        ("snapshot 3 with rules of a later version", with_rules(Some(r#"{"reEntry":"byWeather"}"#))),
    ]
}

/// The first snapshot with other rules.
fn with_rules(rules: Option<&str>) -> Document {
    let first = snapshot(3, &[(cti(1), VOID), (cti(2), REPLACED)]);
    Document::Snapshot(Snapshot { head: Head { rules: rules.map(str::to_owned), ..head() }, ..first })
}

/// Bytes that no reader takes.
fn foreign() -> Vec<(&'static str, Vec<u8>)> {
    let document = Document::Snapshot(snapshot(3, &[(cti(1), VOID), (cti(2), REPLACED)]));
    let good = sign(&key(), &document).unwrap();
    let content = payload(&good);
    let map = values(&good);
    let changed = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    let mut reversed = map.clone();
    reversed.reverse();
    // Version 3 as 18 03.
    let at = content.windows(2).position(|window| window == [5, 3]).unwrap() + 1;
    let longer = [&content[..at], &[0x18], &content[at..]].concat();
    let entry = |n: u8| Cbor::Array(vec![Cbor::Bytes(cti(n).to_vec()), 0.into(), true.into()]);
    let replaced = |key, value| signed_payload(bytes(with(map.clone(), key, value)));
    let plain =
        || HeaderBuilder::new().algorithm(coset::iana::Algorithm::Ed25519).key_id(key().kid().0.to_vec());
    let older_name = HeaderBuilder::new()
        .algorithm(coset::iana::Algorithm::EdDSA)
        .key_id(key().kid().0.to_vec())
        .value(16, "tk1-feed".into());
    let code = sign_code(&key(), &claims(1)).unwrap();
    vec![
        ("of an unknown key", sign(&SigningKey::from_seed(&[9; 32]), &document).unwrap()),
        ("with a forged signature", changed(good.len() - 1)),
        ("with one bit of a deviation changed", changed(good.len() - 140)),
        ("a ticket's code as bytes", base45::decode(&code[4..]).unwrap()),
        ("a ticket's code as text", code.into_bytes()),
        ("signed as a ticket is, without a type", signed(plain(), HeaderBuilder::new(), content.clone())),
        (
            "with another type",
            signed(plain().value(16, "tk2-feed".into()), HeaderBuilder::new(), content.clone()),
        ),
        ("under the algorithm's older name", signed(older_name, HeaderBuilder::new(), content.clone())),
        ("without the tag", good[1..].to_vec()),
        ("a byte short", good[..good.len() - 1].to_vec()),
        ("a byte long", [&good[..], &[0]].concat()),
        ("members in another order", signed_payload(bytes(reversed))),
        ("an integer longer than needed", signed_payload(longer)),
        ("a further member", replaced(17, 1.into())),
        ("of another kind", replaced(1, 6.into())),
        ("deviations that are not sorted", replaced(12, Cbor::Array(vec![entry(2), entry(1)]))),
        ("a deviation twice", replaced(12, Cbor::Array(vec![entry(1), entry(1)]))),
        ("a snapshot with another count", replaced(13, 3.into())),
        ("a snapshot with another hash", replaced(14, Cbor::Bytes(vec![0; 32]))),
        ("nothing", Vec::new()),
    ]
}

/// Codes by name.
fn codes() -> Value {
    let code = |key: &SigningKey, n| sign_code(key, &claims(n)).unwrap();
    json!({
        "good": code(&key(), 0),
        "voided": code(&key(), 1),
        "voided or replaced": code(&key(), 2),
        "voided later": code(&key(), 3),
        "another good one": code(&key(), 5),
        "of the leaked key": code(&leaked(), 0),
        "of the leaked key, still good": code(&leaked(), 4),
    })
}

/// A case's inputs: documents that arrive one after another, and the time at the end.
fn inputs() -> Vec<Value> {
    let case = |name: &str, now: i64, documents: &[&str]| {
        let codes: Vec<_> = codes().as_object().unwrap().keys().cloned().collect();
        let ctis: Vec<_> = [1, 2, 3, 5].map(|n| hex::encode(cti(n))).into();
        json!({
            "name": name, "now": now, "documents": documents, "codes": codes, "ctis": ctis,
            "numbers": ["N000010001", "N000020002", "N000030003"],
        })
    };
    let begin = "snapshot 3";
    let one = "delta 3 to 4";
    let mut cases = vec![
        case("a snapshot", NOW, &[begin]),
        case("past fresh_until it is still used", NOW + 1_000_000, &[begin]),
        case(
            "deltas one after another, one again",
            NOW,
            &[begin, one, one, "delta 2 to 5 with another head"],
        ),
        case("a delta of nothing renews the freshness", NOW, &[begin, one, "delta of nothing at 4"]),
        case("a delta that begins after what is held", NOW, &[begin, "delta 7 to 8"]),
        case("older versions", NOW, &[begin, one, begin, "snapshot 2"]),
        case("another hash, then everything", NOW, &[begin, "delta with another hash", "snapshot 4"]),
        case("another count", NOW, &[begin, "delta with another count"]),
        case("a void that never came", NOW, &[begin, "delta 3 to 4 without a void"]),
        case("a snapshot that forgot a void", NOW, &[begin, "snapshot 4 that forgot a void"]),
        case(
            "a higher epoch",
            NOW,
            &[
                begin,
                one,
                "still good 3",
                "delta 3 to 4 of epoch 2",
                "snapshot 1 of epoch 2",
                one,
                "still good 3",
            ],
        ),
        case(
            "another event",
            NOW,
            &["snapshot of another event", begin, "snapshot of another event", "delta of another event"],
        ),
        case("a delta and a part alone", NOW, &[one, "still good 3"]),
        case("codes of the leaked key that are still good", NOW, &[begin, "still good 3"]),
        case("still good, and voided later", NOW, &["still good 3", begin, "still good 3", one]),
        case("numbers and names", NOW, &[begin, "numbers 3", "names 3"]),
        case(
            "admissions",
            NOW,
            &[
                begin,
                "admitted 2 to 3",
                "admitted 0 to 2",
                "admitted 2 to 3",
                "admitted 0 to 2",
                "admitted 5 to 6",
            ],
        ),
        case("who is in, and re-entry after an exit", NOW, &[begin, "admitted 0 to 9"]),
        case("who is in, later", NOW, &[begin, "admitted 0 to 9", "admitted 9 to 12"]),
        case("who is in, and no re-entry", NOW, &["snapshot 3 without rules", "admitted 0 to 9"]),
        case(
            "who was in, and no re-entry",
            NOW,
            &["snapshot 3 without rules", "admitted 0 to 9", "admitted 9 to 12"],
        ),
        case("who is in, and re-entry always", NOW, &["snapshot 3 with re-entry always", "admitted 0 to 9"]),
        case(
            "rules that a reader does not know",
            NOW,
            &["snapshot 3 with rules of a later version", "admitted 0 to 9", "admitted 9 to 12"],
        ),
        case("fresh, where a stale feed stops", NOW, &["snapshot 3 that is not used when stale"]),
        case("stale, where that stops", NOW + 1_000_000, &["snapshot 3 that is not used when stale"]),
        case(
            "a key that signed the feed is revoked",
            NOW,
            &[
                "snapshot with two keys by the second",
                "still good 3 by the second",
                "delta that revokes the second key by the second",
                "delta that revokes the second key",
                "snapshot 4 by the second",
            ],
        ),
    ];
    for (name, _) in foreign() {
        cases.push(case(name, NOW, &[name, begin, name]));
    }
    cases
}

fn vectors() -> Value {
    let mut documents: Map<String, Value> = genuine()
        .into_iter()
        .map(|(name, document)| (name.to_owned(), hex::encode(sign(&key(), &document).unwrap()).into()))
        .collect();
    for (name, document) in genuine() {
        let by_second =
            ["snapshot with two keys", "still good 3", "delta that revokes the second key", "snapshot 4"];
        if by_second.contains(&name) {
            let bytes = sign(&second_key(), &document).unwrap();
            documents.insert(format!("{name} by the second"), hex::encode(bytes).into());
        }
    }
    documents.extend(foreign().into_iter().map(|(name, bytes)| (name.to_owned(), hex::encode(bytes).into())));
    let mut given = json!({
        "example": {
            "seed": hex::encode((0..32).collect::<Vec<u8>>()),
            "kid": key().kid().to_string(),
            "document": "delta 3 to 4",
        },
        "event_id": EVENT_ID,
        "number_key": hex::encode(NUMBERS_KEY),
        "jwks": set(&[&key(), &second_key()]).to_jwks(),
        "codes": codes(),
        "documents": documents,
    });
    let cases: Vec<_> = inputs()
        .into_iter()
        .map(|mut case| {
            case["result"] = run(&case, &given);
            case
        })
        .collect();
    given["cases"] = cases.into();
    given
}

#[test]
fn vectors_are_the_published_ones() {
    let made = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    let file = docs("door-feed-vectors.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == made,
        "docs/door-feed-vectors.json differs from what the code makes: \
         UPDATE=1 cargo test -p fulfillment-door --test feed vectors"
    );
}

/// What must come out, written by hand: the file is made by the code that it judges.
#[test]
fn vectors_get_the_answers_that_the_page_promises() {
    let published = published();
    let answers = |name: &str| {
        let case = published["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        let answers = case["result"]["answers"].as_array().unwrap();
        answers.iter().map(|answer| answer.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    for (name, expected) in [
        ("a snapshot", "applied"),
        ("deltas one after another, one again", "applied applied applied applied"),
        ("a delta of nothing renews the freshness", "applied applied applied"),
        ("a delta that begins after what is held", "applied reload"),
        ("older versions", "applied applied older older"),
        ("another hash, then everything", "applied reload applied"),
        ("another count", "applied reload"),
        ("a void that never came", "applied reload"),
        ("a snapshot that forgot a void", "applied applied"),
        ("a higher epoch", "applied applied applied reload applied older older"),
        ("another event", "other_event applied other_event other_event"),
        ("a delta and a part alone", "not_a_snapshot not_a_snapshot"),
        ("still good, and voided later", "not_a_snapshot applied applied applied"),
        ("admissions", "applied reload applied applied older reload"),
        ("a key that signed the feed is revoked", "applied applied revoked_key reload revoked_key"),
        ("of an unknown key", "unknown_key applied unknown_key"),
        ("with a forged signature", "bad_signature applied bad_signature"),
        ("with one bit of a deviation changed", "bad_signature applied bad_signature"),
    ] {
        assert_eq!(answers(name), expected, "{name}");
    }
    for (name, _) in foreign().into_iter().skip(3) {
        assert_eq!(answers(name), "malformed applied malformed", "{name}");
    }
}

/// The page shows the bytes in parts with remarks between them; together they must equal the vector's bytes.
#[test]
fn vectors_in_the_document_are_the_published_ones() {
    let page = std::fs::read_to_string(docs("door-feed.md")).unwrap();
    let vectors = vectors();
    let example = &vectors["example"];
    let bytes = &vectors["documents"][example["document"].as_str().unwrap()];
    let diagram = page.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: String = diagram
        .lines()
        .flat_map(|line| line.split('#').next().unwrap().chars())
        .filter(|c| !c.is_whitespace())
        .collect();
    assert_eq!(*bytes, *shown);
    assert!(page.contains(&format!("The document, {} bytes:", shown.len() / 2)), "the length");
    assert!(
        page.contains(example["seed"].as_str().unwrap()) && page.contains(example["kid"].as_str().unwrap())
    );
}
